"""Which runs' folders and workspaces go."""

from __future__ import annotations

import multiprocessing
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from pipeline.runner.run_retention import old_runs, remove_old_runs, running
from pipeline.runner.store import Store
from tests.unit.pipeline.runner.test_store import LARGE, pieces, tar_of


class Project:
    """A project's runs, and the store."""

    def __init__(self, root: Path) -> None:
        self.runs = root / "app" / ".orbyard" / "runs"
        self.runs.mkdir(parents=True)
        self.warnings: list[str] = []
        self.store = Store(root / "store", size_limit_bytes=LARGE, warn=self.warnings.append)

    def make(self, number: int, runs: Path | None = None) -> str:
        """A run that has ended, with a workspace."""
        run = f"20260101-0000{number:02}-abcdef"
        folder = (runs or self.runs) / run
        folder.mkdir(parents=True)
        with self.store.hold_run(run, folder), running(folder):
            (folder / "run.json").write_text("{}")
            (folder / "jobs").mkdir()
            self.store.add_layer(run, "build", 0, pieces(tar_of({"f": run.encode()})))
        return run

    def remove(self, keep: int) -> list[str]:
        return remove_old_runs(self.runs, keep, self.store, self.warnings.append)

    def left(self) -> list[str]:
        return sorted(path.name for path in self.runs.iterdir())

    def workspaces(self) -> set[str]:
        return {workspace.run for workspace in self.store.workspaces()}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_the_oldest_go_with_their_workspaces(project: Project) -> None:
    names = [project.make(number) for number in range(5)]
    assert project.remove(keep=3) == names[:2]
    assert project.left() == names[2:]
    assert project.workspaces() == set(names[2:])
    assert project.store.stats().blobs == 3
    assert project.remove(keep=3) == []


def test_a_run_that_goes_on_stays_however_old(project: Project) -> None:
    names = [project.make(number) for number in range(4)]
    with running(project.runs / names[0]):
        assert project.remove(keep=1) == names[1:3]
    with project.store.hold_run(names[0]):
        assert project.remove(keep=1) == []
    assert project.left() == [names[0], names[3]]
    assert project.workspaces() == {names[0], names[3]}
    assert project.remove(keep=1) == [names[0]]


def _hold(folder: Path, held: Event, done: Event) -> None:
    with running(folder):
        held.set()
        done.wait(60)


def test_a_run_of_another_process_stays_until_that_is_killed(project: Project) -> None:
    old, new = project.make(1), project.make(2)
    context = multiprocessing.get_context("spawn")
    held, done = context.Event(), context.Event()
    process = context.Process(target=_hold, args=(project.runs / old, held, done))
    process.start()
    assert held.wait(60)
    assert project.remove(keep=1) == []
    process.kill()
    process.join(60)
    assert project.remove(keep=1) == [old]
    assert project.left() == [new]


def test_what_is_no_run_is_left_alone(project: Project, tmp_path: Path) -> None:
    names = [project.make(number) for number in range(3)]
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "run.json").write_text("{}")
    (project.runs / "20250101-000000-aaaaaa").symlink_to(precious)
    (project.runs / "notes").mkdir()
    (project.runs / "20250101-000001-bbbbbb").mkdir()
    (project.runs / "20250101-000002-cccccc").write_text("a file")
    assert project.remove(keep=1) == names[:2]
    assert (precious / "run.json").exists()
    assert project.left() == [
        "20250101-000000-aaaaaa",
        "20250101-000001-bbbbbb",
        "20250101-000002-cccccc",
        names[2],
        "notes",
    ]


def test_folders_that_may_not_be_written_go_too(project: Project) -> None:
    old, new = project.make(1), project.make(2)
    locked = project.runs / old / "jobs" / "build" / "artifacts"
    locked.mkdir(parents=True)
    (locked / "report.html").write_text("x")
    locked.chmod(0o500)
    locked.parent.chmod(0o000)
    assert project.remove(keep=1) == [old]
    assert project.left() == [new]
    assert project.warnings == []


def test_a_workspace_goes_whose_run_somebody_removed_by_hand(project: Project) -> None:
    import shutil

    gone, kept = project.make(1), project.make(2)
    shutil.rmtree(project.runs / gone)
    assert project.remove(keep=5) == []
    assert project.workspaces() == {kept}


def test_the_workspaces_of_other_projects_stay(project: Project, tmp_path: Path) -> None:
    other = tmp_path / "other" / ".orbyard" / "runs"
    theirs = project.make(1, runs=other)
    mine = project.make(2)
    assert project.remove(keep=1) == []
    assert project.workspaces() == {mine, theirs}


def test_a_workspace_that_goes_on_is_removed_by_nobody(project: Project) -> None:
    run = project.make(1)
    with project.store.hold_run(run):
        assert project.store.remove_runs([run, "none"]) == []
        assert [(w.run, w.layers, w.is_held) for w in project.store.workspaces()] == [
            (run, 1, True)
        ]
    assert project.store.remove_runs([run, "none"]) == [run]


def test_a_project_without_runs_has_nothing_to_remove(tmp_path: Path) -> None:
    assert old_runs(tmp_path / "missing", 1) == []
