"""A socket between a run and the engine, at which the answer to a request of choice is held back."""

from __future__ import annotations

import os
import re
import socket
import threading
from contextlib import suppress
from pathlib import Path

from tests.conftest import missing

_HEAD = re.compile(rb"(?:GET|POST|PUT|DELETE|HEAD) /(?:v[0-9.]+/)?(\S+) HTTP/1\.1\r\n")
_REFUSAL = b"HTTP/1.1 409 Conflict\r\nContent-Length: 25\r\n\r\n" + b'{"message":"not running"}'


def engine_socket() -> str:
    """The engine's own socket."""
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if not host.startswith("unix://"):
        missing("an engine with a socket, not one over TCP")
    return host.removeprefix("unix://")


class Gate:
    """Lets requests through to the engine, and holds or refuses the answer to the nth of a kind.

    Args:
        path: the socket to be made.
        engine: the engine's own.
        kind: a regular expression for method-less paths, as ``containers/create``.
        nth: which of them, from 1.
        refuses: whether it is refused in the engine's place.
    """

    def __init__(
        self, path: Path, engine: str, kind: str, nth: int = 1, *, refuses: bool = False
    ) -> None:
        self._engine = engine
        self._refuses = refuses
        self._kind = re.compile(kind)
        self._left = nth
        self._lock = threading.Lock()
        self.reached = threading.Event()
        self.released = threading.Event()
        self.frozen = threading.Event()
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen(32)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            engine = socket.socket(socket.AF_UNIX)
            engine.connect(self._engine)
            held = threading.Event()
            for pump in (self._requests, self._answers):
                threading.Thread(target=pump, args=(client, engine, held), daemon=True).start()

    def _requests(
        self, client: socket.socket, engine: socket.socket, held: threading.Event
    ) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                if (found := _HEAD.match(data)) and self._is_the_one(found[1].decode()):
                    self.reached.set()
                    if self._refuses:
                        client.sendall(_REFUSAL)
                        continue
                    held.set()
                if self.frozen.is_set():
                    self.released.wait(600)
                engine.sendall(data)
        with suppress(OSError):
            engine.shutdown(socket.SHUT_WR)

    def _is_the_one(self, path: str) -> bool:
        with self._lock:
            if self._left and self._kind.match(path):
                self._left -= 1
                return self._left == 0
            return False

    def _answers(self, client: socket.socket, engine: socket.socket, held: threading.Event) -> None:
        with suppress(OSError), client, engine:
            while data := engine.recv(65536):
                if held.is_set() or self.frozen.is_set():
                    self.released.wait(60 if held.is_set() else 600)
                client.sendall(data)
            # Closing alone says nothing to the other side as long as a thread reads.
            client.shutdown(socket.SHUT_RDWR)
            engine.shutdown(socket.SHUT_RDWR)

    def freeze(self) -> None:
        """Answer nothing more, as an engine that was stopped (SIGSTOP): who connects is kept waiting."""
        self.frozen.set()

    def close(self) -> None:
        """Let everything through, and take no more."""
        self.released.set()
        self._server.close()
