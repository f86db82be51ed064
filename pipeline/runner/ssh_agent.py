"""ssh keys for a job: signatures of the caller's agent, or of keys in files, never the keys themselves.

The job gets a socket behind which the runner answers. It lists and signs with those keys only that the
job's ``add_ssh_keys`` steps name; whatever else the agents know or can do stays out of reach. An agent
itself answers its own user alone, and the user in a container is mostly another.
"""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.errors import InvalidInput, OrbyardError, Unavailable, excerpt
from pipeline.process import run_process
from pipeline.runner.host_processes import MARK, mark_of
from pipeline.runner.short_folders import make_short_folder
from pipeline.runner.ssh_wire import (
    FAILURE,
    AgentKey,
    ask_for_keys,
    identities_answer,
    plain_fingerprint,
    receive,
    requested_blob,
    send,
)

__all__ = ["SshKeys"]

_ANSWER_LIMIT_S = 120
"""A hardware key waits for a touch."""


def _connect(path: str) -> socket.socket:
    link = socket.socket(socket.AF_UNIX)
    link.settimeout(_ANSWER_LIMIT_S)
    try:
        link.connect(path)
    except OSError:
        link.close()
        raise
    return link


@dataclass(slots=True)
class SshKeys:
    """Answers the ssh programs of one job.

    Attributes:
        path: where the job's socket is made.
        caller_agent: the socket of the caller's agent, or empty.
        files: the setting ``ci.ssh_keys``: files of private keys by fingerprint.
        forward_all: whether the job may use all keys of the caller's agent without naming them.
    """

    path: Path
    caller_agent: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    forward_all: bool = False
    _allowed: set[str] = field(default_factory=set)
    _all: bool = False
    _own: str = ""
    _stop: threading.Event = field(default_factory=threading.Event)
    _server: socket.socket | None = None
    _agent: threading.Thread | None = None

    def open(self) -> None:
        """Begin to answer."""
        self._all = self.forward_all
        server = socket.socket(socket.AF_UNIX)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            # A socket's name has at most 107 bytes, and folders of runs are deep: a short way there.
            server.bind(_short_path(folder, self.path))
        finally:
            os.close(folder)
        self.path.chmod(0o666)
        server.listen(16)
        self._server = server
        threading.Thread(target=self._serve, args=(server,), name="ssh keys", daemon=True).start()

    def allow(self, fingerprints: Sequence[str]) -> list[str]:
        """Let the job use keys; without fingerprints, all there are.

        Returns:
            What was added, in words.

        Raises:
            InvalidInput: there is no such key, or its file cannot be used.
        """
        if self.files and not self._own:
            self._own = self._start_agent()
        there = self._keys(everything=True)
        if not fingerprints:
            self._all = True
            return [_words(key) for key in there]
        added = []
        for written in fingerprints:
            wanted = plain_fingerprint(written)
            found = [key for key in there if wanted in key.fingerprints]
            if not found:
                raise InvalidInput(
                    f"there is no key with the fingerprint {written}",
                    hint="name its file under `ci.ssh_keys` in orbyard.yml, or add it to your agent"
                    " with ssh-add",
                )
            self._allowed |= found[0].fingerprints
            added.append(_words(found[0]))
        return added

    def _start_agent(self) -> str:
        """Load the keys of files into an agent of the job's own."""
        folder = make_short_folder()
        path = f"{folder}/agent"
        # By the mark it is found and ended when this process is killed: it holds keys.
        env = {**os.environ, MARK: mark_of("ssh-agent")}

        def work() -> None:
            try:
                with suppress(OrbyardError):
                    run_process(["ssh-agent", "-D", "-a", path], env=env, cancel=self._stop)
            finally:
                shutil.rmtree(folder, ignore_errors=True)

        self._agent = threading.Thread(target=work, name="ssh-agent", daemon=True)
        self._agent.start()
        self._await(path)
        env["SSH_AUTH_SOCK"] = path
        # Nobody is there to type a passphrase in.
        env.pop("DISPLAY", None)
        for file in self.files.values():
            done = run_process(["ssh-add", "-q", file], env=env, cancel=self._stop)
            if done.exit_code:
                raise InvalidInput(
                    f"the key in {file} (`ci.ssh_keys`) cannot be used: {excerpt(done.error_text)}",
                    hint="one with a passphrase belongs into your own agent: ssh-add " + file,
                )
        return path

    def _await(self, path: str) -> None:
        for _ in range(100):
            with suppress(OSError):
                _connect(path).close()
                return
            if self._stop.wait(0.05):
                break
        raise Unavailable("ssh-agent does not start", hint="is it installed?")

    def _agents(self) -> list[str]:
        return [path for path in (self._own, self.caller_agent) if path]

    def _keys(self, *, everything: bool = False) -> list[AgentKey]:
        found: dict[bytes, AgentKey] = {}
        for agent in self._agents():
            with suppress(OSError):
                for key in ask_for_keys(agent, _connect):
                    if everything or self._all or key.fingerprints & self._allowed:
                        found.setdefault(key.blob, key)
        return list(found.values())

    def _serve(self, server: socket.socket) -> None:
        while not self._stop.is_set():
            try:
                link, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=self._converse, args=(link,), daemon=True).start()

    def _converse(self, link: socket.socket) -> None:
        with link, suppress(OSError):
            while (message := receive(link)) is not None:
                send(link, self._answer(message))

    def _answer(self, message: bytes) -> bytes:
        blob = requested_blob(message)
        if blob is None:
            return identities_answer(self._keys()) if message[0] == 11 else FAILURE
        if blob not in {key.blob for key in self._keys()}:
            return FAILURE
        for agent in self._agents():
            with suppress(OSError), _connect(agent) as link:
                send(link, message)
                answer = receive(link)
                if answer is not None and answer != FAILURE:
                    return answer
        return FAILURE

    def close(self) -> None:
        """Answer no more."""
        self._stop.set()
        if self._server is not None:
            with suppress(OSError):
                self._server.shutdown(socket.SHUT_RDWR)
            self._server.close()
        if self._agent is not None:
            self._agent.join()


def _short_path(folder: int, path: Path) -> str:
    short = f"/proc/self/fd/{folder}/{path.name}"
    return short if os.path.isdir(f"/proc/self/fd/{folder}") else os.fspath(path)


def _words(key: AgentKey) -> str:
    sha256 = next(word for word in key.fingerprints if word.startswith("SHA256:"))
    return f"{sha256} {key.comment.decode(errors='replace')}".strip()
