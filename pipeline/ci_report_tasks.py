"""The task ``ci.report``: a report of a run that is over."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pipeline.command import Run, command

__all__ = ["report"]


@command(
    name="report",
    auto_shortflags=False,
    variadic="name",
    iterable=["name"],
    help={
        "name": "the run: its id, a part of it, or `last`, which is the default",
        "html": "write the page to this file; - prints it; default is report.html in the run's folder",
        "junit": "write the run and its tests as JUnit XML to this file; - prints it",
        "open_": "open the page in the browser",
    },
)
def report(
    run: Run,
    name: Iterable[str] | None = None,
    html: str = "",
    junit: str = "",
    open_: bool = False,
) -> None:
    """Write a report of a run: a page with its graph, times, logs and tests, or JUnit XML.

    For example:

      orbyard ci.report --open
      orbyard ci.report last --junit build/run.xml
    """
    from pipeline.errors import InvalidInput
    from pipeline.runner.report import PAGE_FILE, Kind, check_target, report_text, write_reports
    from pipeline.runner.run_folder import find_run

    folder, record = find_run(run.root, _one(list(name or ())))
    if "-" in (html, junit):
        kind: Kind = "html" if html else "junit"
        if (html and junit) or open_:
            raise InvalidInput(
                "of the reports one can go to standard output, and nothing else then"
            )
        run.console.result(report_text(record, folder, kind, run.cwd, run.console.masker.mask))
        return
    page = run.cwd / html if html else folder / PAGE_FILE
    targets = []
    if html or open_ or not junit:
        targets.append(check_target(page, "html"))
    if junit:
        targets.append(check_target(run.cwd / junit, "junit"))
    write_reports(record, folder, targets, run.console.masker.mask)
    for target in targets:
        run.console.result(str(target.path))
    if open_:
        _open(run, page)


def _one(names: list[str]) -> str:
    from pipeline.errors import InvalidInput

    if len(names) > 1:
        raise InvalidInput(f"ci.report takes one run, found {', '.join(names)}")
    return names[0] if names else "last"


def _open(run: Run, page: Path) -> None:
    import webbrowser

    address = page.resolve().as_uri()
    if not webbrowser.open(address):
        run.console.warning("no browser could be started", hint=f"open {address} in one")
