"""The two doors, `orbyard` and `invoke`, show the same tasks."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]


def run(folder: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *argv],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
    )


def orbyard(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run(folder, "-c", "from pipeline.program import main; main()", *words)


def task_names(listing: str) -> set[str]:
    def walk(node: dict[str, object], path: str) -> set[str]:
        names = {f"{path}{task['name']}" for task in node["tasks"]}  # type: ignore[attr-defined]
        for child in node["collections"]:  # type: ignore[attr-defined]
            names |= walk(child, f"{path}{child['name']}.")
        return names

    return walk(json.loads(listing), "")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "tasks.py").write_text(
        '"""Tasks."""\nfrom pipeline.program import namespace as ns  # noqa: F401\n'
    )
    (tmp_path / "orbyard.yml").write_text("image: {repository: example.com/app}\n")
    return tmp_path


def test_invoke_and_orbyard_show_the_same_tasks(project: Path) -> None:
    by_invoke = run(project, "-m", "invoke", "--list", "--list-format=json")
    by_orbyard = orbyard(project, "--list", "--list-format=json")
    assert by_invoke.returncode == by_orbyard.returncode == 0, by_invoke.stderr + by_orbyard.stderr
    assert task_names(by_invoke.stdout) == task_names(by_orbyard.stdout)
    assert {"settings", "deploy", "build.image", "secrets.check"} <= task_names(by_orbyard.stdout)


def test_every_task_and_every_option_is_documented(project: Path) -> None:
    for name in sorted(task_names(orbyard(project, "--list", "--list-format=json").stdout)):
        page = orbyard(project, "--help", name).stdout
        assert "Docstring:\n  none" not in page, name
        options = [line for line in page.splitlines() if line.startswith("  -")]
        lines = page.splitlines()
        for option in options:
            after = lines[lines.index(option) + 1] if len(option.split()) <= 2 else option
            words = option.split("  ", 2)[-1] if "   " in option else after
            assert words.strip(), f"{name}: {option.strip()} has no help"


def test_many_options_are_shown_in_groups_that_leave_none_out(project: Path) -> None:
    page = orbyard(project, "--help", "ci.run").stdout
    headings = [line for line in page.splitlines() if line.endswith(":") and line[:1] not in " "]
    assert headings[0] == "What to run:"
    assert "More:" not in headings
    assert "-e, --env NAME[=VALUE]" in page
    assert page.index("--workflow NAME") < page.index("--job NAME") < page.index("--branch BRANCH")


def test_help_may_stand_behind_a_task_that_takes_a_word(project: Path) -> None:
    page = orbyard(project, "--help", "ci.explain").stdout
    for word in ("--help", "-h"):
        behind = orbyard(project, "ci.explain", word)
        assert (behind.returncode, behind.stdout) == (0, page), behind.stderr
    assert orbyard(project, "ci.run", "--help").stdout.startswith("Usage: orbyard ci.run")


def test_a_wrong_task_or_option_is_bad_input_with_the_nearest_name(project: Path) -> None:
    wrong = orbyard(project, "depoly")
    assert wrong.returncode == 2
    assert "did you mean 'deploy'?" in wrong.stderr
    assert orbyard(project, "deploy", "--no-such-option").returncode == 2
    option = orbyard(project, "ci.run", "--worfklow", "main")
    assert option.returncode == 2
    assert "did you mean '--workflow'?" in option.stderr


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (("ci.cache", "ls"), "write `ci.cache.ls`"),
        (("ci", "run", "--job", "x"), "write `ci.run`"),
        (("ci.cache", "list"), "there are ci.cache.ls, ci.cache.rm, ci.cache.stats"),
        (("ci.cache",), "there are ci.cache.ls, ci.cache.rm, ci.cache.stats"),
    ],
)
def test_the_first_part_of_a_task_s_name_tells_the_whole(
    project: Path, words: tuple[str, ...], advice: str
) -> None:
    done = orbyard(project, *words)
    assert done.returncode == 2
    assert f"what to do: {advice}" in done.stderr


@pytest.mark.parametrize("words", [("--limit", "ten"), ("--limit=ten",)])
def test_an_option_that_is_no_number_is_bad_input(project: Path, words: tuple[str, ...]) -> None:
    done = orbyard(project, "ci.runs", *words)
    assert done.returncode == 2
    assert done.stderr == "error: --limit takes a number, found 'ten'\n"


@pytest.mark.parametrize(
    "words",
    [("--jobs", "0"), ("--job", "a", "--node-total", "0"), ("--only",)],
    ids=["no jobs", "no nodes", "only what"],
)
def test_options_of_a_run_that_say_nothing_are_bad_input(
    project: Path, words: tuple[str, ...]
) -> None:
    done = orbyard(project, "ci.run", *words)
    assert done.returncode == 2
    assert done.stderr.startswith("error: --")


def test_wrong_settings_are_bad_input_with_file_line_and_key(project: Path) -> None:
    (project / "orbyard.yml").write_text("image:\n  repositry: x\n")
    done = orbyard(project, "secrets.check")
    assert done.returncode == 2
    assert "orbyard.yml:2:3 (image.repositry): the key 'repositry' is not known" in done.stderr
    assert "did you mean 'repository'?" in done.stderr


def test_a_folder_outside_of_any_project_is_bad_input(tmp_path: Path) -> None:
    done = orbyard(tmp_path, "settings")
    assert done.returncode == 2
    assert "orbyard.yml, deploy/ or .git" in done.stderr


def test_a_folder_with_a_circleci_configuration_alone_is_a_project(tmp_path: Path) -> None:
    (tmp_path / ".circleci").mkdir()
    (tmp_path / "deep").mkdir()
    done = orbyard(tmp_path / "deep", "ci.runs")
    assert (done.returncode, "no run yet" in done.stderr) == (0, True)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_standard_stream_is_as_if_it_were_dev_null(project: Path, closed: str) -> None:
    program = shlex.join([sys.executable, "-c", "from pipeline.program import main; main()"])
    done = subprocess.run(
        ["/bin/sh", "-c", f"{program} ci.runs {closed}"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)


def test_a_repository_can_have_orbs_of_its_own(project: Path) -> None:
    orb = project / "orbs" / "house"
    orb.mkdir(parents=True)
    (orb / "__init__.py").write_text('"""The house orb."""\n')
    (orb / "settings.py").write_text(
        "from dataclasses import dataclass\n"
        "from pipeline.settings import setting\n"
        "@dataclass(frozen=True)\n"
        "class House:\n"
        "    'A house.'\n"
        "    door: str = setting('open', doc='How the door is.')\n"
        "SECTIONS = {'house': House}\n"
    )
    (orb / "tasks.py").write_text(
        "from invoke import Collection\n"
        "from pipeline.command import command\n"
        "@command()\n"
        "def door(run):\n"
        "    'Say how the door is.'\n"
        "    from orbs.house.settings import House\n"
        "    run.console.result(run.settings.get(House).door)\n"
        "namespace = Collection(door)\n"
    )
    (project / "orbyard.yml").write_text("house: {door: ajar}\n")
    done = orbyard(project, "door")
    assert (done.returncode, done.stdout) == (0, "ajar\n"), done.stderr
    by_invoke = run(project, "-m", "invoke", "door")
    assert (by_invoke.returncode, by_invoke.stdout) == (0, "ajar\n"), by_invoke.stderr


def test_help_loads_nothing_heavy(project: Path) -> None:
    code = (
        "import sys, invoke\n"
        "before = set(sys.modules)\n"
        "from pipeline.program import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'docker', 'kubernetes', 'tenacity', 'yaml', 'kmock', 'aiohttp', 'requests'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules) - before))\n"
    )
    assert "HEAVY []" in run(project, "-c", code, "--list").stdout


def test_running_jobs_on_this_machine_loads_no_client_of_an_engine() -> None:
    code = (
        "import pipeline.local_run, sys; print(sorted({'docker', 'requests'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
