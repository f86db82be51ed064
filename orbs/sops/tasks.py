"""The tasks ``secrets.*``."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from invoke.collection import Collection

from pipeline.command import Run, command

__all__ = ["namespace"]

_FILE = "The encrypted file, such as deploy/secrets/staging.secret.yml.enc."


@command(
    help={
        "file": "The plain text to encrypt; a folder or a quoted glob for several.",
        "force": "Replace an encrypted file that is there already.",
        "remove": "Delete the plain text when its encrypted form is written.",
    }
)
def encrypt(run: Run, file: str, force: bool = False, remove: bool = False) -> None:
    """Encrypt FILE to FILE.enc, by the rules of .sops.yaml.

    Secrets are checked first: their values have to be text, and `data` base64. For example:

      orbyard secrets.encrypt deploy/secrets/staging.secret.yml --remove
    """
    from orbs.sops.capability import name_in_project, sops_for_run
    from orbs.sops.encrypt import encrypt_text, write_encrypted
    from orbs.sops.plain import plain_files, read_plain, refuse_existing

    paths = plain_files(run.cwd, file)
    targets = [path.with_name(f"{path.name}.enc") for path in paths]
    if not force:
        refuse_existing([name_in_project(run, target) for target in targets if target.exists()])
    sops = sops_for_run(run)
    for path, target in zip(paths, targets, strict=True):
        source, name = name_in_project(run, path), name_in_project(run, target)
        write_encrypted(target, encrypt_text(sops, read_plain(path, source), name, source=source))
        run.console.success(f"{source} is encrypted in {name}")
        if remove:
            path.unlink()
            run.console.info(f"{source} is deleted")
    if not remove:
        run.console.info("the plain text is still there; --remove deletes it")


@command(
    help={
        "file": _FILE,
        "key": "Print one value only, by its path: stringData.DATABASE_URL.",
    }
)
def decrypt(run: Run, file: str, key: str = "") -> None:
    """Print the plain text of FILE, and nothing else, to standard output.

    This is the one place where secrets are shown. Nothing is written to disk, unless you send the
    output there. For example:

      orbyard secrets.decrypt deploy/secrets/staging.secret.yml.enc --key stringData.DATABASE_URL
    """
    from orbs.sops.capability import name_in_project, sops_for_run
    from orbs.sops.decrypt import decrypt_text, decrypt_values, load_encrypted
    from orbs.sops.plain import value_text

    path = run.cwd / file
    encrypted = load_encrypted(path, name_in_project(run, path))
    sops = sops_for_run(run)
    if key:
        _print_plain(value_text(decrypt_values(sops, encrypted), key))
    else:
        _print_plain(decrypt_text(sops, encrypted))


@command(help={"file": _FILE})
def edit(run: Run, file: str) -> None:
    """Open FILE in your editor, in plain text, and encrypt it again.

    A Secret that is not there yet (NAME.secret.yml.enc) is begun. The editor is that of SOPS_EDITOR,
    VISUAL or EDITOR; its copy stands in memory, in a folder of your own, and is removed afterwards.
    """
    from orbs.sops.capability import name_in_project, sops_for_run
    from orbs.sops.edit import begin_secret, edit_file, problems_after_edit
    from orbs.sops.environment import memory_folder
    from orbs.sops.settings import SopsSettings

    path = run.cwd / file
    name = name_in_project(run, path)
    sops = sops_for_run(run)
    if memory_folder(run.environ) is None:
        run.console.warning(
            "this machine has no folder in memory: the editor's copy stands on disk, in a folder of "
            "your own, until the editor is left"
        )
    new = not path.exists()
    if new:
        begin_secret(sops, path, name)
    try:
        changed = edit_file(sops, path, name, run.settings.get(SopsSettings), run.environ)
    except BaseException:
        if new:
            path.unlink(missing_ok=True)
        raise
    if not changed:
        if new:
            path.unlink(missing_ok=True)
        run.console.info(f"nothing was changed; {name} is {'not made' if new else 'as it was'}")
        return
    run.console.success(f"{name} is encrypted again")
    for problem in problems_after_edit(sops, path, name):
        run.console.warning(f"{problem.where}: {problem.message}", hint=problem.hint)


@command(
    help={
        "file": "A file to rotate, once for each; default is every .enc file of sops.folders.",
        "env": "Only the files of this environment, such as staging.",
    },
    iterable=["file"],
)
def rotate(run: Run, file: Iterable[str], env: str = "") -> None:
    """Give encrypted files a new data key, and the recipients of .sops.yaml.

    Do this after somebody has left or joined. Who could read a file before still knows what was in it:
    where a recipient is removed, change the secrets as well.
    """
    from orbs.sops.capability import name_in_project, sops_for_run
    from orbs.sops.rotate import encrypted_files, rotate_file
    from orbs.sops.settings import SopsSettings
    from pipeline.errors import InvalidInput

    folders = run.settings.get(SopsSettings).folders
    paths = [run.cwd / name for name in file] or encrypted_files(run.root, folders, env)
    if not paths:
        of_env = f" of {env}" if env else ""
        raise InvalidInput(f"there is no encrypted file{of_env} in {', '.join(folders)}")
    sops = sops_for_run(run)
    for path in paths:
        done = rotate_file(sops, path, name_in_project(run, path))
        run.console.success(f"{done.name} has a new data key")
        for recipient in done.added:
            run.console.info(f"  can read it now: {recipient.kind} {recipient.name}")
        for recipient in done.removed:
            run.console.info(f"  no longer reads it: {recipient.kind} {recipient.name}")
            run.console.warning(
                "who could read it before still knows these secrets",
                hint=f"change them: `orbyard secrets.edit {done.name}`",
            )


@command(
    help={
        "file": "Only report on this file, once for each; default is the whole project.",
        "verify": "Decrypt every encrypted file as well, in memory, to prove that it can be.",
    },
    iterable=["file"],
)
def check(run: Run, file: Iterable[str], verify: bool = False) -> None:
    """Fail where a secret stands in plain text that git has, or could take.

    Finds plain text in the folders of secrets that is committed, staged or not ignored; encrypted files
    that are none, or damaged; Secrets, kubeconfigs and age keys in any other file. Everything is
    reported at once, with file and line. Needs no key, and is made for a pre-commit hook.
    """
    from orbs.sops.capability import name_in_project
    from orbs.sops.check import check_project
    from orbs.sops.settings import SopsSettings
    from pipeline.errors import InvalidInput

    missing = [name for name in file if not (run.cwd / name).exists()]
    if missing:
        raise InvalidInput(f"there is no such file: {', '.join(missing)}")
    settings = run.settings.get(SopsSettings)
    result = check_project(run.root, settings.folders, settings.allow)
    chosen = {name_in_project(run, run.cwd / name) for name in file}
    problems = [p for p in result.problems if not chosen or (p.where and p.where.file in chosen)]
    if verify:
        problems += _verify(run, settings.folders)
    for name in result.unreadable:
        run.console.detail(f"{name} was not read: it looks like a manifest, and is no valid YAML")
    if problems:
        count = f"{len(problems)} problem{'s'[: len(problems) != 1]} with secrets"
        raise InvalidInput(count, problems=problems)
    checked = f"{result.encrypted} encrypted file{'s'[: result.encrypted != 1]}"
    opened = " (each was opened)" if verify else ""
    run.console.success(
        f"no secret stands in plain text: {checked}{opened}, {result.files} files in all"
    )


def _verify(run: Run, folders: Iterable[str]) -> list[Any]:
    from orbs.sops.capability import decrypt_for_run, name_in_project
    from orbs.sops.rotate import encrypted_files
    from pipeline.errors import InvalidInput, Location, Problem

    problems = []
    for path in encrypted_files(run.root, folders):
        try:
            decrypt_for_run(run, path)
        except InvalidInput as error:
            where = error.where or Location(name_in_project(run, path))
            problems.append(Problem(error.message, where, error.hint))
    return problems


def _print_plain(text: str) -> None:
    """Write a secret to standard output as it is: what was asked for, so past the masking."""
    if sys.stdout.isatty() and not text.endswith("\n"):
        text += "\n"
    sys.stdout.write(text)
    sys.stdout.flush()


namespace = Collection()
namespace.add_collection(Collection("secrets", encrypt, decrypt, edit, rotate, check))
