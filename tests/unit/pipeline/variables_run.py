"""A run of a task in a folder, with an output that can be read and a decryption that needs no key."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline.command import Run
from pipeline.errors import Unavailable
from pipeline.output import Console
from pipeline.secret import Secret


class VariablesRun(Run):
    """``decrypted`` are the plain texts by file name; with None no orb decrypts."""

    def __init__(
        self,
        root: Path,
        files: Mapping[str, str | bytes] | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        decrypted: Mapping[str, str] | None = None,
    ) -> None:
        self.screen = io.StringIO()
        console = Console(out=self.screen, err=self.screen, colour=False)
        super().__init__(console=console, cwd=root, environ=environ or {})
        self.opened: list[str] = []
        self._decrypted = decrypted
        for name, text in {"orbyard.yml": "", **(files or {})}.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())

    def capability(self, name: str) -> Callable[..., Any]:
        if name != "decrypt" or self._decrypted is None:
            raise Unavailable(f"no orb provides {name!r}", hint="install it")
        return self._decrypt

    def _decrypt(self, run: Run, path: Path) -> Secret:
        assert run is self
        assert self._decrypted is not None
        self.opened.append(path.name)
        return Secret(self._decrypted[path.name])
