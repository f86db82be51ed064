"""``run`` steps: shells, folders, output, signals, what runs beside them, and how they end."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.runner.harness import PLAIN_IMAGE, Checkout

EXECUTORS = pytest.mark.parametrize("executor", ["docker", "host"])
NO_BASH = "orbyard-test/no-bash"


@pytest.fixture(scope="module")
def image_without_bash(
    docker_engine: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("image")
    (folder / "Dockerfile").write_text(f"FROM {PLAIN_IMAGE}\nRUN rm /bin/bash\n")
    docker_engine.images.build(path=str(folder), tag=NO_BASH, rm=True)
    yield NO_BASH
    docker_engine.images.remove(NO_BASH, force=True)


@EXECUTORS
def test_shells_are_bash_unless_the_step_or_the_job_says_otherwise(
    checkout: Checkout, executor: str
) -> None:
    checkout.build(
        """
        - run: {name: default, command: 'echo "$0 $-"; false | cat || echo pipefail'}
        - run: {name: python, shell: python3, command: "import sys; print(1 + 1, sys.argv[0][-6:])"}
        - run: {name: login, shell: bash -l, command: shopt -q login_shell && echo login}
        - run: {name: two lines, command: "echo one\\necho two"}
        - run: {name: nothing, command: ""}
        - run: {name: unknown, shell: /bin/nosuch -x, command: echo ran}
        """,
        "--executor",
        executor,
    )
    steps = checkout.steps()
    assert steps["default"]["lines"][0] == "#!/bin/bash -eo pipefail"
    assert steps["default"]["lines"][-1] == "pipefail"
    assert steps["python"]["lines"][-1] == "2 step-1"
    assert steps["login"]["lines"][-1] == "login"
    assert steps["two lines"]["lines"][1:] == ["echo one", "echo two", "one", "two"]
    assert steps["nothing"]["status"] == "success"
    assert steps["unknown"]["status"] == "failed"
    assert "/bin/nosuch" in steps["unknown"]["lines"][-2]


def test_an_image_without_bash_has_sh_and_the_log_says_where_that_is_too_little(
    checkout: Checkout, image_without_bash: str
) -> None:
    checkout.build("- run: {name: fails, command: echo ran}", image=image_without_bash)
    failed = checkout.steps()["fails"]
    assert failed["lines"][0] == "#!/bin/sh -eo pipefail"
    assert "this image has no /bin/bash" in failed["text"]
    done = checkout.build(
        "- run: {name: ok, command: echo ran}", image=image_without_bash, keys="shell: /bin/sh -e\n"
    )
    assert done.returncode == 0, done.stderr


@EXECUTORS
def test_the_working_directory_is_made_and_never_expanded(
    checkout: Checkout, executor: str
) -> None:
    checkout.build(
        """
        - run: {name: default, command: pwd}
        - run: {name: relative, working_directory: "a b/c", command: pwd; touch made}
        - run: {name: home, working_directory: ~/x, command: pwd; touch made}
        - run: {name: literal, working_directory: $D/y, command: 'pwd; echo "$CIRCLE_WORKING_DIRECTORY"'}
        """,
        "--executor",
        executor,
        keys="environment: {D: sub}\nworking_directory: ~/code\n",
    )
    steps = checkout.steps()
    home = steps["default"]["lines"][-1].removesuffix("/code")
    assert steps["default"]["lines"][-1].endswith("/code")
    assert steps["relative"]["lines"][-1] == f"{home}/code/a b/c"
    assert steps["home"]["lines"][-1] == f"{home}/x"
    assert steps["literal"]["lines"][-2:] == [f"{home}/code/$D/y", "~/code"]
    assert {step["status"] for step in steps.values()} == {"success"}


@EXECUTORS
def test_output_of_any_kind_is_kept(checkout: Checkout, executor: str) -> None:
    checkout.build(
        r"""
        - run: {name: no end of line, command: printf "no end"}
        - run: {name: bytes, command: printf '\377\376a\000b\n'}
        - run: {name: long, command: head -c 3000000 /dev/zero | tr '\0' x; echo end}
        - run: {name: many, command: seq 100000}
        - run: {name: both, command: echo out; echo err >&2}
        """,
        "--executor",
        executor,
        "--quiet",
    )
    steps = checkout.steps()
    assert steps["no end of line"]["lines"][-1] == "no end"
    assert steps["bytes"]["lines"][-1] == "\ufffd\ufffda\0b"
    assert steps["long"]["text"].count("x") >= 3_000_000
    assert steps["long"]["lines"][-1].endswith("end")
    assert steps["many"]["lines"][2:] == [str(number) for number in range(1, 100_001)]
    assert steps["both"]["lines"][-2:] == ["out", "err"]


@EXECUTORS
def test_an_exit_code_is_the_shells(checkout: Checkout, executor: str) -> None:
    checkout.build(
        """
        - run: {name: five, command: exit 5}
        - run: {name: killed, when: always, command: kill -9 $$}
        - run: {name: ended, when: on_fail, command: kill -TERM $$}
        - run: {name: not found, when: always, command: no-such-program}
        - run: {name: left out, command: echo}
        """,
        "--executor",
        executor,
    )
    steps = checkout.steps()
    assert {name: step["exit_code"] for name, step in steps.items()} == {
        "five": 5,
        "killed": 137,
        "ended": 143,
        "not found": 127,
        "left out": None,
    }
    assert "Exited with code exit status 5" in steps["five"]["text"]
    assert "the step's `shell`" not in steps["not found"]["text"]
    assert steps["left out"]["status"] == "skipped"


@EXECUTORS
def test_what_a_step_leaves_running_does_not_outlive_the_job(
    checkout: Checkout, executor: str
) -> None:
    done = checkout.build(
        """
        - run:
            name: beside
            background: true
            command: |
              for i in 1 2 3; do echo "tick $i"; sleep 0.1; done
              printf half
              sleep 1000.5
        - run: {name: fails beside, background: true, command: exit 7}
        - run: {name: daemon, command: 'setsid sleep 1000.25 > /dev/null 2>&1 & echo started'}
        - run: {name: waits, command: sleep 1}
        """,
        "--executor",
        executor,
    )
    assert done.returncode == 0, done.stderr
    steps = checkout.steps()
    assert steps["beside"]["note"] == "in the background"
    assert steps["beside"]["lines"][-4:] == ["tick 1", "tick 2", "tick 3", "half"]
    assert "exit status 7" in steps["fails beside"]["text"]
    assert steps["daemon"]["lines"][-1] == "started"
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert "sleep 1000." not in listed.stdout


@EXECUTORS
def test_silence_ends_a_step_and_output_does_not(checkout: Checkout, executor: str) -> None:
    done = checkout.build(
        """
        - run: {name: talks, no_output_timeout: 1s, command: 'for i in 1 2 3 4; do sleep 0.5; echo .; done'}
        - run: {name: silent, no_output_timeout: 0.01m, command: sleep 30}
        - run: {name: always, when: always, command: echo always}
        - run: {name: on fail, when: on_fail, command: echo on_fail}
        """,
        "--executor",
        executor,
    )
    assert done.returncode == 1
    steps = checkout.steps()
    assert steps["talks"]["status"] == "success"
    assert (
        "Too long with no output (exceeded 600ms): context deadline exceeded"
        in (steps["silent"]["text"])
    )
    assert steps["always"]["status"] == steps["on fail"]["status"] == "success"


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("{command: echo, no_output_timeout: 10}", "expected type: String"),
        ("{command: echo, no_output_timeout: '10'}", "duration"),
        ("{command: echo, when: sometimes}", "on_fail"),
        ("{command: echo, background: true, max_auto_reruns: 2}", "Background steps cannot use"),
        ("{name: nothing}", "command"),
        ('{command: echo, shell: "bash \'"}', "cannot be read: No closing quotation"),
    ],
)
def test_a_wrong_step_is_told_before_anything_runs(
    checkout: Checkout, step: str, words: str
) -> None:
    done = checkout.build(f"- run: {step}")
    assert done.returncode == 2
    assert words in done.stderr
    assert ".circleci/config.yml:6" in done.stderr
    assert not (checkout.folder / ".orbyard").exists()


@EXECUTORS
def test_a_step_is_run_again_in_the_same_place(checkout: Checkout, executor: str) -> None:
    done = checkout.build(
        """
        - run:
            name: third
            max_auto_reruns: 2
            auto_rerun_delay: 1s
            command: echo x >> n; test $(wc -l < n) = 3
        - run: {name: never, max_auto_reruns: 1, command: exit 9}
        """,
        "--executor",
        executor,
    )
    assert done.returncode == 1
    steps = checkout.steps()
    assert steps["third"]["note"] == "after 3 attempts"
    assert steps["third"]["seconds"] >= 2
    assert steps["never"]["exit_code"] == 9
    assert "rerun 1 of 1" in steps["never"]["text"]


@pytest.mark.parametrize("program", ["circleci-agent step", "circleci step", "circleci task"])
def test_a_halt_ends_the_job_as_it_is(checkout: Checkout, program: str) -> None:
    checkout.write(f"""
version: 2.1
jobs:
  halts:
    docker: [{{image: PLAIN}}]
    parallelism: 2
    steps:
      - run: {{name: halt, command: 'test $CIRCLE_NODE_INDEX = 1 || {program} halt; echo to its end'}}
      - run: {{name: rest, command: echo rest}}
      - run: {{name: cleans, when: always, command: echo cleans}}
  broken:
    machine: true
    steps:
      - run: {{name: fails, command: exit 1}}
      - run: {{name: halt, when: always, command: {program} halt}}
      - run: {{name: cleans, when: always, command: echo cleans}}
workflows: {{main: {{jobs: [halts, broken]}}}}
""")
    checkout.run("--jobs", "3")
    nodes = checkout.instances("halts")
    assert [node["status"] for node in nodes] == ["success", "success"]
    assert [step["status"] for step in nodes[0]["steps"]] == ["success", "skipped", "skipped"]
    assert [step["status"] for step in nodes[1]["steps"]] == ["success"] * 3
    broken = checkout.instances("broken")[0]
    assert broken["status"] == "failed"
    assert [step["status"] for step in broken["steps"]] == ["failed", "success", "skipped"]


@EXECUTORS
def test_variables_come_from_where_they_should(checkout: Checkout, executor: str) -> None:
    checkout.write("""
version: 2.1
jobs:
  build:
    docker: [{image: IMAGE, environment: {OF_CONTAINER: image, ORDER: image}}]
    environment:
      {CIRCLE_BRANCH: of-the-job, T: true, Q: "true", N: 1234567, SHA: $CIRCLE_SHA1, ORDER: job}
    steps:
      - run:
          name: context
          command: echo "$ORDER $OWN $IN_CONTEXT $CIRCLE_JOB"
          environment: {ORDER: step}
      - run: {name: job, command: 'echo "$CIRCLE_BRANCH $T $Q $N $SHA $ORDER"'}
      - run: echo 'export ORDER=carried' >> "$BASH_ENV"; echo "$ORDER" | grep job
      - run: {name: carried, command: 'echo "$ORDER"; test "$BASH_ENV" = "$CIRCLE_SHELL_ENV"'}
workflows: {main: {jobs: [build: {context: first}]}}
""")
    (checkout.folder / "c.env").write_text("IN_CONTEXT=yes\nCIRCLE_JOB=no\nOWN=of-the-context\n")
    given = ["--context", "first=c.env", "--env", "OWN=of-the-project"]
    done = checkout.run("--executor", executor, *given)
    assert done.returncode == 0, done.stderr
    steps = checkout.steps()
    assert steps["context"]["lines"][-1] == "step **** yes build"
    assert steps["job"]["lines"][-1] == "of-the-job 1 true 1.234567e+06 $CIRCLE_SHA1 job"
    assert steps["carried"]["lines"][-1] == "carried"


@EXECUTORS
def test_a_deploy_step_is_for_the_first_node(checkout: Checkout, executor: str) -> None:
    checkout.build(
        "- deploy: {name: out, command: echo deployed}\n- run: echo all",
        "--executor",
        executor,
        keys="parallelism: 2\n",
    )
    first, second = checkout.instances("build")
    assert first["steps"][0]["exit_code"] == 0
    assert second["steps"][0]["note"] == "on node 0 only"


def test_steps_see_a_terminal_unless_it_is_not_wanted(checkout: Checkout) -> None:
    step = "- run: {name: tty, command: 'test -t 1 && echo a terminal || echo none'}"
    checkout.build(step)
    assert checkout.steps()["tty"]["lines"][-1] == "a terminal"
    checkout.build(step, "--no-tty")
    assert checkout.steps()["tty"]["lines"][-1] == "none"


def test_a_job_that_takes_too_long_is_ended(checkout: Checkout) -> None:
    done = checkout.build(
        """
        - run: {name: beside, background: true, command: sleep 1000.75}
        - run: {name: long, command: 'while sleep 0.2; do echo .; done'}
        - run: {name: cleans, when: always, command: echo cleans}
        - store_artifacts: {name: artifacts, path: .}
        """,
        "--job-timeout",
        "2s",
    )
    assert done.returncode == 1
    job = checkout.jobs()["build"]
    assert job["status"] == "timedout"
    statuses = [step["status"] for step in job["steps"]]
    assert statuses == ["success", "failed", "not_run", "not_run"]
    assert checkout.build("- run: echo", "--job-timeout", "10").returncode == 2


BUILTIN = {
    "CI", "CIRCLECI", "CIRCLE_BRANCH", "CIRCLE_BUILD_NUM", "CIRCLE_BUILD_URL", "CIRCLE_JOB",
    "CIRCLE_NODE_INDEX", "CIRCLE_NODE_TOTAL", "CIRCLE_ORGANIZATION_ID", "CIRCLE_PIPELINE_ID",
    "CIRCLE_PREVIOUS_BUILD_NUM", "CIRCLE_PROJECT_ID", "CIRCLE_PROJECT_REPONAME",
    "CIRCLE_PROJECT_USERNAME", "CIRCLE_REPOSITORY_URL", "CIRCLE_SHA1", "CIRCLE_USERNAME",
    "CIRCLE_WORKFLOW_ID", "CIRCLE_WORKFLOW_JOB_ID", "CIRCLE_WORKFLOW_WORKSPACE_ID",
    "CIRCLE_WORKING_DIRECTORY", "CIRCLE_INTERNAL_TASK_DATA", "BASH_ENV", "CIRCLE_SHELL_ENV",
}  # fmt: skip


@pytest.mark.parametrize("remote", ["", "git@github.com:hoge/app.git"])
def test_the_variables_of_circleci_are_all_there_and_numbers_grow(
    checkout: Checkout, remote: str
) -> None:
    if remote:
        checkout.git("remote", "add", "origin", remote)
    step = "- run: {name: all, command: env}\n"
    words = ["--executor", "host"]
    checkout.build(step, *words, keys="parallelism: 2\n")
    nodes = [
        variables(Path(node["steps"][0]["log"]).read_text()) for node in checkout.instances("build")
    ]
    assert [node["CIRCLE_NODE_INDEX"] for node in nodes] == ["0", "1"]
    assert {node["CIRCLE_BUILD_NUM"] for node in nodes} == {"1"}
    assert nodes[0]["CIRCLE_WORKFLOW_JOB_ID"] == nodes[1]["CIRCLE_WORKFLOW_JOB_ID"]
    checkout.build(step, *words)
    again = variables(checkout.steps()["all"]["text"])
    assert again.keys() >= BUILTIN
    assert (again["CIRCLE_BUILD_NUM"], again["CIRCLE_PREVIOUS_BUILD_NUM"]) == ("2", "1")
    assert again["CIRCLE_PROJECT_REPONAME"] == "app"
    assert again["CIRCLE_PROJECT_USERNAME"] == ("hoge" if remote else "local")
    assert "CIRCLE_TAG" not in again
    checkout.write("""
version: 2.1
jobs: {build: {machine: true, steps: [run: {name: all, command: env}]}}
workflows: {main: {jobs: [build: {filters: {tags: {only: /v.*/}, branches: {ignore: /.*/}}}]}}
""")
    checkout.run("--tag", "v1")
    tagged = variables(checkout.steps()["all"]["text"])
    assert tagged["CIRCLE_TAG"] == "v1"
    assert "CIRCLE_BRANCH" not in tagged


def variables(printed: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in printed.splitlines())
    return {name: value for name, equals, value in pairs if equals}


def test_the_time_of_a_job_has_that_of_making_its_container(checkout: Checkout) -> None:
    assert checkout.build("- run: echo").returncode == 0
    (instance,) = checkout.record()["workflows"][0]["jobs"][0]["instances"]
    (step,) = instance["steps"]
    assert instance["started_at"] < step["started_at"]
    assert instance["seconds"] > step["seconds"]
