"""Editing an encrypted file in the user's editor, by sops' own way.

sops gives the editor a copy in plain text, in a folder that only the user may read. That folder is made
below one that is kept in memory (XDG_RUNTIME_DIR, else /dev/shm), and removed when the editor is left,
however that happens; sops alone would leave it behind when it is killed. vim is told to write no swap,
backup, undo and history files. On a machine with no folder in memory, as on macOS, the copy stands in a
private folder of the ordinary place for temporary files, and the user is told so.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from orbs.sops.decrypt import decrypt_text, decrypt_values, load_encrypted
from orbs.sops.encrypt import encrypt_text, secret_problems, write_encrypted
from orbs.sops.environment import editor_environment, memory_folder
from orbs.sops.messages import UNCHANGED, explain
from orbs.sops.program import Sops
from orbs.sops.settings import SopsSettings
from pipeline.errors import Interrupted, InvalidInput, Location, Problem, WorkFailed
from pipeline.process import InteractiveRunner, run_interactive
from pipeline.yamlfile import parse_documents

__all__ = ["begin_secret", "edit_file", "private_folder", "problems_after_edit"]

_SECRET_SUFFIXES = (".secret.yml.enc", ".secret.yaml.enc")


def edit_file(
    sops: Sops,
    path: Path,
    name: str,
    settings: SopsSettings,
    environ: Mapping[str, str],
    *,
    interactive: InteractiveRunner = run_interactive,
) -> bool:
    """Open an encrypted file in the editor; return whether it was changed.

    It is decrypted in memory first: what is wrong with it is then told in our words, and the editor is
    not opened for nothing.

    Raises:
        InvalidInput: it is missing, not encrypted, or damaged.
        Unavailable: no key opens it, or there is no editor.
        WorkFailed: the editor failed; nothing was changed.
        Interrupted: the editor was stopped by a signal; nothing was changed.
    """
    encrypted = load_encrypted(path, name)
    decrypt_text(sops, encrypted)
    words = ["edit", "--input-type", encrypted.format, "--output-type", encrypted.format]
    with private_folder(environ) as folder:
        code = interactive(
            [sops.program, *words, str(path)],
            env=editor_environment(settings, sops.root, environ, folder),
            cwd=sops.root,
        )
    if code == UNCHANGED:
        return False
    if code < 0 or code == Interrupted.exit_code:
        raise Interrupted("the editor was stopped; the file was not changed", where=Location(name))
    if code == 201:
        raise explain(code, "Could not run editor", name)
    if code != 0:
        # sops has told the reason on the terminal, which it has to itself here.
        raise WorkFailed(
            f"sops edit failed with exit code {code}; the file was not changed",
            where=Location(name),
            hint="what sops said stands above",
        )
    return True


def begin_secret(sops: Sops, path: Path, name: str) -> None:
    """Make a new encrypted Secret with one entry to replace.

    Raises:
        InvalidInput: the name is not that of a Secret, or no rule of ``.sops.yaml`` is for it.
    """
    if not name.endswith(_SECRET_SUFFIXES):
        raise InvalidInput(
            "there is no such file",
            where=Location(name),
            hint="a new Secret can be begun under a name that ends in .secret.yml.enc; for other files "
            "write the plain text and encrypt it with `orbyard secrets.encrypt`",
        )
    template = (
        "apiVersion: v1\nkind: Secret\nmetadata:\n"
        f"  name: {sops.root.name}\ntype: Opaque\nstringData:\n  EXAMPLE_KEY: replace me\n"
    )
    text = encrypt_text(sops, template, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_encrypted(path, text)


def problems_after_edit(sops: Sops, path: Path, name: str) -> list[Problem]:
    """Find what an API server would refuse in the Secrets that were just written."""
    text = decrypt_values(sops, load_encrypted(path, name)).text
    if not name.endswith(_SECRET_SUFFIXES):
        return []
    return [
        found for document in parse_documents(text, name) for found in secret_problems(document)
    ]


@contextmanager
def private_folder(environ: Mapping[str, str]) -> Iterator[Path]:
    """Make a folder that only this user may enter, in memory where there is such a place."""
    folder = Path(tempfile.mkdtemp(prefix="orbyard-edit-", dir=memory_folder(environ)))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
