"""Running again when files change."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest

from pipeline.errors import InvalidInput
from pipeline.output import Console
from pipeline.watching import Watcher, run_again_on_changes


@pytest.fixture
def root(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("*.log\n/tmp/\n")
    (tmp_path / "app").mkdir()
    return tmp_path


def test_files_that_change_are_told_and_ignored_ones_are_not(root: Path) -> None:
    with Watcher(root) as watcher:
        (root / "server.log").write_text("ignored")
        (root / ".orbyard").mkdir()
        (root / ".orbyard" / "run.json").write_text("{}")
        (root / ".git" / "ORIG_HEAD").write_text("")
        (root / "app" / "model.rb").write_text("class Model; end")
        (root / "name with spaces").write_text("new")
        changed: set[str] = set()
        while not {"app/model.rb", "name with spaces"} <= changed:
            changed |= set(watcher.wait())
    assert {path for path in changed if (root / path).is_file()} == {
        "app/model.rb",
        "name with spaces",
    }


def test_files_that_are_written_by_what_is_run_do_not_count(root: Path) -> None:
    report = root / "reports" / "run.html"
    report.parent.mkdir()
    with Watcher(root, [report]) as watcher:
        (report.parent / ".run.html.x1y2").write_text("")
        (report.parent / ".run.html.x1y2").replace(report)
        (root / "app" / "model.rb").write_text("")
        changed: set[str] = set()
        while "app/model.rb" not in changed:
            changed |= set(watcher.wait())
    assert not [path for path in changed if "run.html" in path]


def test_it_runs_again_after_a_change_and_after_a_failure(root: Path) -> None:
    screen = io.StringIO()
    runs: list[int] = []

    def once() -> None:
        runs.append(len(runs))
        if len(runs) == 3:
            raise KeyboardInterrupt
        # Changed while it runs: seen all the same.
        (root / "app" / f"{len(runs)}.rb").write_text("changed")
        if len(runs) == 1:
            raise InvalidInput("config.yml is broken")

    with pytest.raises(KeyboardInterrupt):
        run_again_on_changes(root, Console(err=screen, colour=False), once)
    assert runs == [0, 1, 2]
    assert "config.yml is broken" in screen.getvalue()
    assert "changed: app/1.rb" in screen.getvalue()
