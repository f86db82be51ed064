"""``init``: the files that a project needs, written by what the orbs know of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.command import Run
from pipeline.errors import InvalidInput, OrbyardError, Problem, did_you_mean
from pipeline.orb import ScaffoldFile, ScaffoldNote, ScaffoldOptions, capabilities, find_orbs
from pipeline.scaffold import PlannedFile, join_files, plan_files
from pipeline.whole_file import write_whole

__all__ = ["InitOptions", "known_extras", "run_init"]

_LABEL = re.compile(r"[a-z]([a-z0-9-]{0,40}[a-z0-9])?\Z")
"""The names of objects are made of the app's, with words added to it: 63 characters are the limit."""
_ENVIRONMENT = re.compile(r"[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?\Z")
_WORDS = {"create": "wrote", "replace": "replaced", "append": "added to", "keep": "kept"}


@dataclass(frozen=True, slots=True)
class InitOptions:
    """What ``init`` was asked for, as it was written; "" is what was not said.

    Attributes:
        app: the app's name; default is the folder's.
        image: the image's repository.
        environments: names, separated by commas.
        age: public age keys that secrets are encrypted for, separated by commas.
        kms: ARNs of KMS keys, separated by commas.
        extras: optional parts, separated by commas.
        force: replace files that are there.
        dry_run: only say what would be written.
    """

    app: str = ""
    image: str = ""
    environments: str = "staging,production"
    age: str = ""
    kms: str = ""
    extras: str = ""
    force: bool = False
    dry_run: bool = False


def run_init(run: Run, asked: InitOptions) -> None:
    """Write the files into the folder that the user stands in, and say what to do next.

    Where one cannot be written, or cannot be encrypted, everything is put back as it was.

    Raises:
        InvalidInput: a name or a part is not one.
        Unavailable: what encrypts is missing.
    """
    run.root = run.cwd  # The new project's, whatever there is above it.
    options = read_options(run.cwd, asked)
    orbs = find_orbs(run.root)
    # What is to be done about secrets comes before what is to be done about deploying.
    scaffolds = reversed(capabilities("scaffold", orbs))
    made = [item for scaffold in scaffolds for item in scaffold(options)]
    files = join_files(item for item in made if isinstance(item, ScaffoldFile))
    notes = [item for item in made if isinstance(item, ScaffoldNote)]
    plan = plan_files(run.root, files, force=asked.force)
    if asked.dry_run:
        _show_plan(run, plan)
        return
    with run.console.phase(f"Files for {options.app} in {run.root}"):
        _write(run, plan)
    _show_notes(run, plan, notes)


def read_options(root: Path, asked: InitOptions) -> ScaffoldOptions:
    """Return the checked form of what was asked for.

    Raises:
        InvalidInput: with every name that is not one.
    """
    problems: list[Problem] = []
    app = asked.app or _label_of(root.name)
    if not _LABEL.match(app):
        problems.append(
            Problem(
                f"{app!r} cannot be the app's name: small letters, digits and dashes, 42 at most",
                hint="give one by --app",
            )
        )
    environments = _words(asked.environments)
    for name in environments:
        if not _ENVIRONMENT.match(name):
            problems.append(
                Problem(f"{name!r} cannot be an environment: small letters, digits and dashes")
            )
    if not environments:
        problems.append(Problem("there has to be an environment", hint="as in --env staging"))
    extras = _words(asked.extras)
    problems += _unknown_extras(extras, known_extras(root))
    if problems:
        raise InvalidInput("these files cannot be made", problems=problems)
    recipients = {"age": asked.age, "kms": asked.kms}
    return ScaffoldOptions(
        app=app,
        repository=asked.image,
        environments=environments,
        root=root,
        extras=frozenset(extras),
        recipients={kind: ",".join(_words(text)) for kind, text in recipients.items() if text},
    )


def known_extras(root: Path) -> dict[str, str]:
    """Return the optional parts that the orbs know, and what each adds."""
    known: dict[str, str] = {}
    for extras in capabilities("extras", find_orbs(root)):
        known |= extras()
    return dict(sorted(known.items()))


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def _label_of(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _unknown_extras(extras: Sequence[str], known: Mapping[str, str]) -> Iterator[Problem]:
    for name in extras:
        if name not in known:
            near = did_you_mean(name, known)
            yield Problem(
                f"there is no optional part {name!r}",
                hint=near or "there are: " + ", ".join(known),
            )


def _write(run: Run, plan: Sequence[PlannedFile]) -> None:
    # What is encrypted comes last: the rules it is encrypted by are among the others.
    ordered = sorted(plan, key=lambda planned: planned.file.encrypted)
    with _undone_on_failure(run.root, ordered):
        for planned in ordered:
            if planned.action != "keep":
                _write_one(run, planned)
    for planned in plan:
        _show_file(run, planned)


def _write_one(run: Run, planned: PlannedFile) -> None:
    path = run.root / planned.file.path
    text = planned.text
    if planned.file.encrypted:
        text = run.capability("encrypt")(run, text, path)
    try:
        write_whole(path, text)
    except OSError as error:
        raise InvalidInput(f"{planned.file.path} cannot be written: {error}") from error


@contextmanager
def _undone_on_failure(root: Path, plan: Sequence[PlannedFile]) -> Iterator[None]:
    folders = [folder for planned in plan for folder in _new_folders(root, planned.file.path)]
    try:
        yield
    except BaseException as error:
        for planned in plan:
            path = root / planned.file.path
            if planned.before is None:
                path.unlink(missing_ok=True)
            elif planned.action != "keep":
                write_whole(path, planned.before)
        for folder in sorted(set(folders), reverse=True):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        if isinstance(error, OrbyardError):
            error.details = (*error.details, "nothing was written")
        raise


def _new_folders(root: Path, path: str) -> list[Path]:
    parents = [root / parent for parent in Path(path).parents if str(parent) != "."]
    return [parent for parent in parents if not parent.exists()]


def _show_file(run: Run, planned: PlannedFile) -> None:
    name = planned.file.path
    if planned.action == "keep":
        reason = "it has all the lines" if planned.file.append else "it is there already"
        run.console.detail(f"- kept {name}: {reason}")
    else:
        secret = " (encrypted)" if planned.file.encrypted else ""
        run.console.success(f"{_WORDS[planned.action]} {name}{secret}")


def _show_plan(run: Run, plan: Sequence[PlannedFile]) -> None:
    run.console.line("nothing is written (--dry-run); it would be:")
    rows = [
        (planned.action, planned.file.path, "encrypted" if planned.file.encrypted else "")
        for planned in plan
    ]
    run.console.table(rows)


def _show_notes(run: Run, plan: Sequence[PlannedFile], notes: Sequence[ScaffoldNote]) -> None:
    kept = [planned for planned in plan if planned.action == "keep" and not planned.file.append]
    run.console.line()
    run.console.line(run.console.style("what to do next:", "cyan", "bold"))
    number = 0
    for note in notes:
        number += 1
        run.console.line(f"  {number}. {note.text}")
        for line in note.lines:
            run.console.line(f"       {line}")
    if kept:
        run.console.line(
            f"  {number + 1}. Files that were there were kept as they are; to replace them, "
            "run this again with --force."
        )
