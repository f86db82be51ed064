from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from invoke.exceptions import ParseError
from invoke.parser import Parser

from pipeline import __version__
from pipeline.config import Source, check, compile, to_yaml
from pipeline.config.nodes import to_data
from pipeline.config.orb_check import validate_orb
from pipeline.config.packing import pack_orb
from pipeline.orb_store import RepositoryOrbs, open_orb
from pipeline.process import run_process
from pipeline.program import collect_namespace
from pipeline.yamlfile import parse_documents

PROJECT = Path(__file__).resolve().parents[3]
ORBS = ("kubernetes", "rails", "sops")
CONFIG = PROJECT / ".circleci" / "config.yml"


def source(orb: str) -> Path:
    """The folder of an orb's files."""
    return PROJECT / "orbs" / orb / "src"


@cache
def packed(orb: str) -> dict[str, Any]:
    """An orb as it would be published."""
    found: dict[str, Any] = to_data(pack_orb(source(orb)))
    return found


def all_runs(element: dict[str, Any]) -> list[dict[str, Any]]:
    """The ``run`` steps of a command or job."""
    return list(run_steps(element.get("steps")))


def run_steps(steps: Any) -> Iterator[dict[str, Any]]:
    """Every ``run`` step, also inside of conditions, in the long form."""
    for step in steps if isinstance(steps, list) else ():
        if not isinstance(step, dict):
            continue
        name, body = next(iter(step.items()))
        if name == "run":
            yield {"command": body} if isinstance(body, str) else body
        elif name in {"when", "unless"}:
            yield from run_steps(body["steps"])


def strings(value: Any) -> Iterator[str]:
    """Every text in a value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str):
        yield value


def scripts() -> Iterator[Any]:
    """Every ``run`` step of every command and job of the orbs."""
    for orb in ORBS:
        for section in ("commands", "jobs"):
            for name, element in packed(orb).get(section, {}).items():
                for run in all_runs(element):
                    yield pytest.param(run, id=f"{orb}/{name}")


@pytest.mark.parametrize("orb", ORBS)
def test_an_orb_hangs_together(orb: str) -> None:
    assert validate_orb(open_orb(PROJECT / "orbs" / orb, PROJECT)) == ()


@pytest.mark.parametrize("orb", ORBS)
def test_an_orb_has_what_users_look_for(orb: str) -> None:
    found = packed(orb)
    assert found["version"] == 2.1
    assert found["description"]
    assert {"commands", "jobs", "executors", "examples"} <= found.keys()
    assert "default" in found["executors"]


@pytest.mark.parametrize("orb", ORBS)
def test_everything_in_an_orb_is_described(orb: str) -> None:
    for section in ("commands", "jobs", "executors", "examples"):
        for name, element in packed(orb)[section].items():
            assert element.get("description"), f"{section}/{name}"
            for key, parameter in element.get("parameters", {}).items():
                assert parameter.get("description"), f"{section}/{name}: {key}"


@pytest.mark.parametrize("orb", ORBS)
def test_every_script_is_included_somewhere(orb: str) -> None:
    folder = source(orb)
    written = "\n".join(path.read_text() for path in folder.rglob("*.yml"))
    for script in (folder / "scripts").iterdir():
        assert f"include(scripts/{script.name})" in written, script


@pytest.mark.parametrize("orb", ORBS)
def test_an_element_keeps_its_parameters_out_of_shell_text(orb: str) -> None:
    for section in ("commands", "jobs"):
        for name, element in packed(orb)[section].items():
            for run in all_runs(element):
                assert "<<" not in run["command"], f"{section}/{name}"


@pytest.mark.parametrize("run", list(scripts()))
def test_a_script_reads_the_variables_that_it_is_given(run: dict[str, Any]) -> None:
    used = set(re.findall(r"\$\{?(PARAM_[A-Z_]+)", run["command"]))
    assert used == set(run.get("environment", {}))


@pytest.mark.parametrize("run", list(scripts()))
def test_a_script_is_valid_bash(run: dict[str, Any]) -> None:
    done = run_process(["bash", "-n"], stdin=run["command"].encode())
    assert (done.exit_code, done.error_text) == (0, "")


@pytest.mark.parametrize("run", list(scripts()))
def test_a_step_runs_tasks_that_exist_with_options_that_exist(run: dict[str, Any]) -> None:
    if run["name"] == "Install Orbyard":
        return
    calls = orbyard_calls(run["command"])
    assert calls, "this step runs no orbyard task"
    contexts = collect_namespace(PROJECT).to_contexts()
    for call in calls:
        try:
            Parser(contexts=contexts).parse_argv(call)
        except ParseError as error:
            pytest.fail(f"{' '.join(call)}: {error}")


def orbyard_calls(script: str) -> list[list[str]]:
    """The arguments of each call of orbyard in a script, with every option that it can get."""
    optional = " ".join(re.findall(r"options\+=\(([^)]*)\)", script))
    calls = []
    for line in script.splitlines():
        if not line.strip().startswith("orbyard "):
            continue
        text = line.replace('"${options[@]}"', optional)
        text = re.sub(r"\$\{\w+:\+(--[\w-]+) \"\$\w+\"\}", r"\1 value", text)
        calls.append(shlex.split(text.replace("$", ""))[1:])
    return calls


@pytest.mark.parametrize("orb", ORBS)
def test_examples_are_whole_and_use_what_there_is(orb: str) -> None:
    for name, example in packed(orb)["examples"].items():
        usage = example["usage"]
        assert usage["version"] == 2.1, name
        assert usage["workflows"], name
        for alias, reference in usage["orbs"].items():
            found, _, version = reference.partition("@")
            assert found == f"orbyard/{alias}", name
            assert __version__.startswith(f"{version}."), name
        assert orb in usage["orbs"], name
        assert check(to_yaml(usage), orbs=RepositoryOrbs(PROJECT)) == (), name


def test_every_command_and_job_is_shown_in_an_example_or_used_by_another() -> None:
    shown = "\n".join(
        text
        for orb in ORBS
        for path in source(orb).glob("*/*.yml")
        for text in [path.read_text()]
        if path.parent.name in {"commands", "examples", "jobs"}
    )
    for orb in ORBS:
        for name in [*packed(orb)["commands"], *packed(orb)["jobs"]]:
            assert f"{orb}/{name}" in shown or f"- {name}" in shown, f"{orb}/{name}"


def test_the_three_orbs_install_orbyard_in_the_same_way_and_version() -> None:
    for part in ("commands/setup.yml", "scripts/setup.sh"):
        assert len({(source(orb) / part).read_bytes() for orb in ORBS}) == 1, part
    defaults = {
        element["parameters"]["version"]["default"]
        for orb in ORBS
        for element in [packed(orb)["commands"]["setup"], *packed(orb)["jobs"].values()]
    }
    assert defaults == {__version__}


def test_caches_are_kept_apart_by_machine_builder_and_lockfile() -> None:
    steps = packed("rails")["commands"]["install"]["steps"]
    bodies = [next(iter(step.items())) for step in steps]
    restored = [body["keys"] for name, body in bodies if name == "restore_cache"]
    saved = [body["key"] for name, body in bodies if name == "save_cache"]
    assert [keys[0] for keys in restored] == saved
    for (exact, fallback), lockfile in zip(restored, ("Gemfile.lock", "yarn.lock"), strict=True):
        assert exact.startswith(fallback)
        assert lockfile in exact
        assert lockfile not in fallback
        for part in ("{{ arch }}", "<< parameters.cache-version >>", "builder-dockerfile >>"):
            assert part in fallback
    names = [name for name, _ in bodies]
    assert names.index("run") < names.index("save_cache")


# --- what the scripts do, run by a real shell with an orbyard that writes its arguments down


def run_script(tmp_path: Path, orb: str, command: str, **environ: str) -> list[str]:
    """Run a command's script; return the arguments that orbyard got."""
    stub = tmp_path / "bin" / "orbyard"
    stub.parent.mkdir()
    stub.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    stub.chmod(0o755)
    (run,) = all_runs(packed(orb)["commands"][command])
    env = {f"PARAM_{key.upper()}": value for key, value in environ.items() if key.islower()}
    env |= {key: value for key, value in environ.items() if key.isupper()}
    for name in run.get("environment", {}):
        env.setdefault(name, "")
    argv = ["bash", "-e", "-o", "pipefail", "-c", run["command"]]
    done = run_process(argv, cwd=tmp_path, env=env | {"PATH": f"{stub.parent}:/usr/bin:/bin"})
    assert done.exit_code == 0, done.error_text
    return done.text.splitlines()


@pytest.mark.parametrize("task", ["deploy", "migrate", "plan", "rollout"])
def test_the_image_is_the_parameter_else_the_variable_else_the_file(
    tmp_path: Path, task: str
) -> None:
    (tmp_path / "image.txt").write_text("registry.example.com/from-file@sha256:1\n")
    given = {"env": "staging", "image_file": "image.txt", "ORBYARD_IMAGE": "from-variable"}
    for key, environ, expected in (
        ("parameter", {**given, "image": "from parameter"}, ["--image", "from parameter"]),
        ("variable", given, ["--image", "from-variable"]),
        (
            "file",
            {k: v for k, v in given.items() if k != "ORBYARD_IMAGE"},
            ["--image", "registry.example.com/from-file@sha256:1"],
        ),
        ("none", {"env": "staging", "image_file": "missing.txt"}, []),
    ):
        folder = tmp_path / key
        folder.mkdir()
        (folder / "image.txt").write_text((tmp_path / "image.txt").read_text())
        assert run_script(folder, "kubernetes", task, **environ) == [
            task,
            "--env",
            "staging",
            *expected,
        ]


def test_an_environment_with_shell_text_in_its_name_stays_text(tmp_path: Path) -> None:
    name = '$(touch hacked) "; touch hacked; #'
    assert run_script(tmp_path, "kubernetes", "plan", env=name)[:3] == ["plan", "--env", name]
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize(("value", "expected"), [("1", ["--verify"]), ("0", [])])
def test_booleans_become_options(tmp_path: Path, value: str, expected: list[str]) -> None:
    assert run_script(tmp_path, "sops", "check", verify=value) == ["secrets.check", *expected]


def test_the_options_of_a_deploy_are_handed_on(tmp_path: Path) -> None:
    found = run_script(
        tmp_path, "kubernetes", "deploy", env="staging", image="i", skip_migration="1", rehearse="1"
    )
    assert found == ["deploy", "--env", "staging", "--image", "i", "--skip-migration", "--rehearse"]


def test_setup_says_what_is_missing_where_there_is_no_python(tmp_path: Path) -> None:
    (run,) = all_runs(packed("sops")["commands"]["setup"])
    env = dict.fromkeys(run["environment"], "") | {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    done = run_process(["/bin/bash", "-c", run["command"]], env=env)
    assert done.exit_code == 3
    assert "Python 3.11 or later" in done.error_text


def test_setup_installs_and_puts_orbyard_on_the_path(tmp_path: Path) -> None:
    """With a Python that stands in for one with a package index."""
    python = tmp_path / "bin" / "python3"
    python.parent.mkdir()
    python.write_text(
        "#!/bin/sh\n"
        'case "$1 $2" in\n'
        '"-m venv") mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; cp "$0" "$3/bin/orbyard" ;;\n'
        '"-m pip") shift 2; printf "%s\\n" "$@" > "$HOME/pip" ;;\n'
        "esac\n"
    )
    python.chmod(0o755)
    (run,) = all_runs(packed("sops")["commands"]["setup"])
    env = dict.fromkeys(run["environment"], "") | {
        "PATH": f"{python.parent}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "BASH_ENV": str(tmp_path / "bash_env"),
        "PARAM_PYTHON": "python3",
        "PARAM_VERSION": "9.8.7",
        "PARAM_CONSTRAINTS": "my constraints.txt",
    }
    (tmp_path / "bash_env").touch()
    done = run_process(["/bin/bash", "-c", run["command"]], env=env)
    assert done.exit_code == 0, done.error_text
    words = (tmp_path / "pip").read_text().splitlines()
    assert words[-3:] == ["--constraint", "my constraints.txt", "orbyard==9.8.7"]
    assert (
        f'export PATH="{tmp_path}/.orbyard-venv/bin:$PATH"' in (tmp_path / "bash_env").read_text()
    )


# --- this project's own pipeline


def config() -> dict[str, Any]:
    """The configuration."""
    (document,) = parse_documents(CONFIG.read_text(encoding="utf-8"), ".circleci/config.yml")
    return dict(document.value)


def test_the_pipeline_hangs_together() -> None:
    compiled = compile(Source(str(CONFIG), CONFIG.read_text(encoding="utf-8")))
    assert compiled.warnings == ()
    assert [workflow for workflow in compiled.workflows.values() if workflow.jobs]


def test_the_pipeline_carries_the_orbs_of_today() -> None:
    done = run_process(
        [sys.executable, "-c", _EMBED, str(CONFIG.parent)], env={"PYTHONPATH": str(PROJECT)}
    )
    assert done.exit_code == 0, done.error_text
    assert done.text == CONFIG.read_text(encoding="utf-8"), "run `python .circleci/embed_orbs.py`"


_EMBED = (
    "import sys; sys.path.insert(0, sys.argv[1]); import embed_orbs; "
    "sys.stdout.write(embed_orbs.embed(embed_orbs.CONFIG.read_text(encoding='utf-8')))"
)


def test_the_scripts_of_the_pipeline_are_there_and_can_be_run() -> None:
    named = {
        path
        for text in strings(config())
        for path in re.findall(r"\.circleci/scripts/[\w.-]+", text)
    }
    there = {str(p.relative_to(PROJECT)) for p in (CONFIG.parent / "scripts").iterdir()}
    assert named == there
    for name in there:
        assert (PROJECT / name).stat().st_mode & 0o111
        assert run_process(["bash", "-n", str(PROJECT / name)]).exit_code == 0


def test_nothing_is_skipped_in_the_pipelines_integration_tests() -> None:
    assert config()["jobs"]["integration"]["environment"]["ORBYARD_TESTS_REQUIRE"] == "all"
