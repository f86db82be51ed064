"""Carries the exchange with the ``circleci`` program to and from an engine that is on another machine.

There the job and the runner share no folder, so requests are fetched and answers sent, a few times a
second. What comes from the container is not trusted: only plain files of request folders are taken.
"""

from __future__ import annotations

import io
import re
import tarfile
import threading
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.byte_stream import ByteStream
from pipeline.errors import OrbyardError

if TYPE_CHECKING:
    from pipeline.runner.engine import ContainerEngine

__all__ = ["AgentMirror", "pack_shared"]

_POLL_S = 0.2
_ANSWER_POLL_S = 0.01
_ANSWER_LIMIT_S = 60
_SIZE_LIMIT = 64 * 1024 * 1024
_REQUEST = re.compile(r"ask\.[0-9.]+\Z")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_ANSWER = ("out", "err", "list", "answer")


def pack_shared(folder: Path, name: str) -> bytes:
    """Return a tar of the folder that a job shares with the runner; sockets stay out."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:

        def as_root(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
            info.uid = info.gid = 0
            info.uname = info.gname = ""
            return info if info.isreg() or info.isdir() else None

        tar.add(folder, arcname=name, filter=as_root)
    return buffer.getvalue()


@dataclass(slots=True)
class AgentMirror:
    """Mirrors one job's requests into the folder of its agent server.

    Attributes:
        engine: the engine.
        container: the job's.
        here: the agent server's folder.
        there: what the job has in its place.
    """

    engine: ContainerEngine
    container: str
    here: Path
    there: str
    _stop: threading.Event = field(default_factory=threading.Event)
    _seen: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._work, name="agent mirror", daemon=True).start()

    def close(self) -> None:
        """Stop."""
        self._stop.set()

    def _work(self) -> None:
        while not self._stop.wait(_POLL_S):
            with suppress(OrbyardError, OSError, tarfile.TarError):
                self.fetch()

    def fetch(self) -> None:
        """Take what the job asked since the last time, and send the answers."""
        with self._lock:
            self._fetch()

    def _fetch(self) -> None:
        fresh: dict[str, dict[str, bytes]] = {}
        with (
            closing(self.engine.get_archive(self.container, self.there)) as archive,
            tarfile.open(fileobj=ByteStream(archive), mode="r|") as tar,
        ):
            for member in tar:
                words = member.name.split("/")
                if words[1:] == ["halt"]:
                    (self.here / "halt").touch()
                if len(words) < 2 or not _REQUEST.match(words[1]) or words[1] in self._seen:
                    continue
                files = fresh.setdefault(words[1], {})
                if len(words) == 3 and _FILE.match(words[2]) and member.isreg():
                    file = tar.extractfile(member)
                    left = _SIZE_LIMIT - sum(map(len, files.values()))
                    files[words[2]] = file.read(left + 1) if file else b""
        for name, files in fresh.items():
            self._seen.add(name)
            self._exchange(name, files)

    def _exchange(self, name: str, files: dict[str, bytes]) -> None:
        made = self.here / f"new.{name}"
        made.mkdir()
        for file, data in files.items():
            if file not in (*_ANSWER, "answered", "answer.new"):
                (made / file).write_bytes(data)
        request = made.rename(self.here / name)
        waited_s = 0.0
        while not (request / "answer").exists() and waited_s < _ANSWER_LIMIT_S:
            if self._stop.wait(_ANSWER_POLL_S):
                return
            waited_s += _ANSWER_POLL_S
        self.engine.put_archive(self.container, f"{self.there}/{name}", [_packed(request, _ANSWER)])
        move = f"mv {self.there}/{name}/answer.new {self.there}/{name}/answer"
        _, output = self.engine.execute(
            self.container, ["/bin/sh", "-c", move], env={}, cwd="/", user="0"
        )
        for _ in output:
            pass


def _packed(folder: Path, names: tuple[str, ...]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in names:
            data = (folder / name).read_bytes()
            # The job waits for `answer`, which has to be whole when it appears.
            info = tarfile.TarInfo("answer.new" if name == "answer" else name)
            info.size, info.mode = len(data), 0o644
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()
