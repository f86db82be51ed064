"""What the sops orb does for other orbs: ``decrypt`` and ``encrypt``."""

from __future__ import annotations

import os
from pathlib import Path

from orbs.sops.decrypt import decrypt_values, load_encrypted
from orbs.sops.encrypt import encrypt_text
from orbs.sops.masking import secret_values
from orbs.sops.program import Sops, open_sops
from orbs.sops.settings import SopsSettings
from pipeline.command import Run
from pipeline.secret import Secret

__all__ = ["decrypt_for_run", "encrypt_for_run", "name_in_project", "sops_for_run"]


def decrypt_for_run(run: Run, path: Path) -> Secret:
    """Return the text of an encrypted file; its secret values are masked in the run's output.

    A YAML or JSON file gives YAML with JSON scalars, each key on the line that it has in the encrypted
    file, empty documents left out; a binary envelope gives the text that was put in.

    Args:
        run: whose settings and environment say how, and whose output is masked from now on.
        path: the file, absolute or from the root.

    Raises:
        InvalidInput: it is missing, not encrypted, or damaged.
        Unavailable: sops, a key or a key service is missing.
    """
    path = run.root / path
    encrypted = load_encrypted(path, name_in_project(run, path))
    decrypted = decrypt_values(sops_for_run(run), encrypted)
    for value in secret_values(decrypted, run.settings.get(SopsSettings).unmasked_keys):
        run.console.masker.add(value)
    return Secret(decrypted.text)


def encrypt_for_run(run: Run, text: str, path: Path) -> str:
    """Return the encrypted form of ``text`` for the file ``path``; the file need not be there.

    Raises:
        InvalidInput: the text is not valid, or no rule of ``.sops.yaml`` is for that path.
        Unavailable: sops, or a key service, is missing.
    """
    return encrypt_text(sops_for_run(run), text, name_in_project(run, run.root / path))


def sops_for_run(run: Run) -> Sops:
    """Return the sops program as the run's settings and environment name it."""
    return open_sops(run.settings.get(SopsSettings), run.root, run.environ)


def name_in_project(run: Run, path: Path) -> str:
    """Return the path from the root, as rules and messages name it; others stay as they are."""
    relative = os.path.relpath(os.path.abspath(path), run.root)
    return os.path.abspath(path) if relative.startswith(os.pardir) else Path(relative).as_posix()
