"""Reports of a run: which files were asked for, and writing them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pipeline.errors import InvalidInput
from pipeline.output import Console
from pipeline.runner.record import RunRecord
from pipeline.whole_file import write_whole

if TYPE_CHECKING:
    from pipeline.runner.report_model import ReportData

__all__ = [
    "PAGE_FILE",
    "Target",
    "check_target",
    "read_targets",
    "report_run",
    "report_text",
    "write_reports",
]

PAGE_FILE = "report.html"
_JUNIT_FILE = "report.xml"
Kind = Literal["html", "junit"]
_KINDS: dict[str, Kind] = {".html": "html", ".htm": "html", ".xml": "junit"}


@dataclass(frozen=True, slots=True)
class Target:
    """A file to be written, and what goes into it."""

    path: Path
    kind: Kind


def read_targets(names: Iterable[str], cwd: Path) -> tuple[Target, ...]:
    """Return the files that are meant: the ending decides; a folder gets the page and the XML.

    Raises:
        InvalidInput: a name is of neither kind, or cannot be written to.
    """
    targets: list[Target] = []
    for name in names:
        path = cwd / name
        if name.endswith("/") or path.is_dir():
            targets += (
                check_target(path / PAGE_FILE, "html"),
                check_target(path / _JUNIT_FILE, "junit"),
            )
        elif path.suffix.lower() in _KINDS:
            targets.append(check_target(path, _KINDS[path.suffix.lower()]))
        else:
            raise InvalidInput(
                f"--report takes a file that ends in .html or .xml, or a folder, found {name!r}",
                hint="a folder that is not there yet ends in a slash, as `--report reports/`",
            )
    return tuple(targets)


def check_target(path: Path, kind: Kind) -> Target:
    """Return a file to be written, after a look whether it can be: not only after a run of half an hour.

    Raises:
        InvalidInput: it cannot.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"the report {path} cannot be written: {error.strerror}") from None
    if path.is_dir():
        raise InvalidInput(f"the report {path} cannot be written: it is a folder")
    if not os.access(path.parent, os.W_OK):
        raise InvalidInput(f"the report {path} cannot be written: {path.parent} is read-only")
    return Target(path, kind)


def write_reports(
    record: RunRecord,
    folder: Path,
    targets: Iterable[Target],
    mask: Callable[[str], str] | None = None,
) -> None:
    """Write reports of a run.

    Args:
        record: the run.
        folder: its folder.
        targets: the files.
        mask: hides secrets in what was not masked when it was written down, as in test results.

    Raises:
        OSError: a file cannot be written.
    """
    from pipeline.runner.report_model import read_report

    data = read_report(record, folder, mask)
    for target in targets:
        text = _render(data, target.kind, target.path.parent)
        write_whole(target.path, text.encode("utf-8", "replace"))


def report_text(
    record: RunRecord, folder: Path, kind: Kind, place: Path, mask: Callable[[str], str]
) -> str:
    """Return a report of a run, for where its links begin; see :func:`write_reports`."""
    from pipeline.runner.report_model import read_report

    return _render(read_report(record, folder, mask), kind, place)


def _render(data: ReportData, kind: Kind, place: Path) -> str:
    if kind == "html":
        from pipeline.runner.report_page import render_page

        return render_page(data, place)
    from pipeline.runner.report_junit import render_junit

    return render_junit(data)


def report_run(
    record: RunRecord, folder: Path, targets: Iterable[Target], console: Console
) -> None:
    """Write the reports of a run that has just ended; one that cannot be written is a warning.

    The run itself has ended well or not: that is what the exit code tells.
    """
    targets = tuple(targets)
    if not targets:
        return
    try:
        write_reports(record, folder, targets, console.masker.mask)
    except OSError as error:
        console.warning(
            f"no report: {error.filename or folder} cannot be written: {error.strerror}",
            hint=f"`orbyard ci.report {record.id}` writes it later",
        )
        return
    for target in targets:
        console.detail(f"report in {target.path}")
