"""Setup configurations, continued by what their jobs generate, with a real Docker engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.runner.harness import Checkout, Done

POST = """curl -sS -o answer.json -w '%{http_code}\\n' -X POST -H 'Content-Type: application/json' \\
            --data @post.json "https://${CIRCLECI_DOMAIN:-circleci.com}/api/v2/pipeline/continue\""""
SETUP = """
version: 2.1
setup: true
parameters: {of-both: {type: string, default: a}}
jobs:
  generate:
    docker: [{image: IMAGE}]
    steps:
      - checkout
      - run:
          name: Write
          command: |
            jq -n --arg key "$CIRCLE_CONTINUATION_KEY" --rawfile config next.yml --argjson p 'PARAMETERS' \\
              '{"continuation-key": $key, "configuration": $config, "parameters": $p}' > post.json
      - run:
          name: Continue
          command: |
            COMMAND
workflows:
  main: {jobs: [generate]}
"""
NEXT = """
version: 2.1
parameters:
  run-api: {type: boolean, default: false}
  of-both: {type: string, default: b}
jobs:
  api:
    docker: [{image: debian:bookworm-slim}]
    steps: [run: 'echo "api << pipeline.parameters.of-both >> key=${CIRCLE_CONTINUATION_KEY-none}"']
  web:
    docker: [{image: debian:bookworm-slim}]
    steps: [run: 'command -v curl || echo "no curl here"']
workflows:
  api: {when: << pipeline.parameters.run-api >>, jobs: [api]}
  main: {jobs: [web]}
"""
CHECKED = f"{POST} | grep -x 200 || {{ cat answer.json; exit 1; }}"


def write(
    checkout: Checkout,
    command: str = CHECKED,
    parameters: Any = None,
    following: str = NEXT,
) -> None:
    text = SETUP.replace("COMMAND", command)
    checkout.write(text.replace("PARAMETERS", json.dumps(parameters or {})))
    (checkout.folder / "next.yml").write_text(following)


def kept(checkout: Checkout) -> Path:
    return checkout.newest() / "continuation.yml"


def flows(checkout: Checkout) -> dict[str, list[str]]:
    return {
        flow["name"]: [job["name"] for job in flow["jobs"]]
        for flow in checkout.record()["workflows"]
    }


def assert_finding(checkout: Checkout, done: Done, words: str) -> None:
    """The words stand behind a place in the file that is kept of what was generated."""
    assert done.returncode == 2, done.stderr
    mistakes = done.stderr.partition(f"  - {kept(checkout).relative_to(checkout.folder)}:")[2]
    assert words in mistakes
    assert "Traceback" not in done.stderr


def test_what_a_job_generates_runs_in_the_same_run(checkout: Checkout) -> None:
    write(checkout, f"curl -s file:///etc/hostname; {CHECKED}", {"run-api": True, "of-both": "c"})
    done = checkout.run()
    assert done.returncode == 0, done.stderr
    assert checkout.statuses() == {"generate": "success", "api": "success", "web": "success"}
    assert checkout.record()["status"] == "success"
    assert flows(checkout) == {"main": ["generate"], "api": ["api"], "main (continued)": ["web"]}
    continues = [flow["continues"] for flow in checkout.record()["workflows"]]
    assert continues == [False, True, True]
    assert "api c key=none" in done.stderr
    assert "no curl here" in done.stderr
    assert 'continued by the job generate with run-api=true, of-both="c"' in done.stderr
    assert kept(checkout).read_text() == NEXT
    assert len(list((checkout.folder / ".orbyard/runs").iterdir())) == 1
    assert checkout.steps("generate")["Continue"]["lines"][-1] == "200"


def test_an_image_without_curl_can_continue(checkout: Checkout) -> None:
    body = {"continuation-key": "KEY", "configuration": NEXT.replace("web", "site")}
    (checkout.folder / "body.json").write_text(json.dumps(body))
    checkout.write("""
version: 2.1
setup: true
jobs:
  generate:
    docker: [{image: PLAIN}]
    steps:
      - checkout
      - run:
          name: Continue
          command: |
            sed "s/KEY/$CIRCLE_CONTINUATION_KEY/" body.json |
              curl --fail --data-binary @- https://circleci.com/api/v2/pipeline/continue
      - run: curl https://example.com || echo "exit code $?"
workflows: {main: {jobs: [generate]}}
""")
    done = checkout.run()
    assert done.returncode == 0, done.stderr
    assert checkout.statuses() == {"generate": "success", "site": "success"}
    assert "this image has no curl, so on CircleCI this call would fail" in done.stderr
    assert "exit code 127" in done.stderr


def test_a_job_on_this_machine_can_continue(checkout: Checkout) -> None:
    body = {"continuation-key": "KEY", "configuration": NEXT}
    (checkout.folder / "body.json").write_text(json.dumps(body))
    write(checkout, 'sed "s/KEY/$CIRCLE_CONTINUATION_KEY/" body.json > post.json; ' + CHECKED)
    config = checkout.folder / ".circleci/config.yml"
    text = config.read_text()
    start, end = (
        text.index("      - run:\n          name: Write"),
        text.index("      - run:\n          name: Cont"),
    )
    config.write_text(text[:start] + text[end:])
    done = checkout.run("--executor", "host")
    assert done.returncode == 0, done.stderr
    assert checkout.statuses() == {"generate": "success", "web": "success"}


def test_a_broken_continuation_is_shown_as_a_file_is(checkout: Checkout) -> None:
    write(checkout, following=NEXT.replace("[web]", "[wob]"))
    done = checkout.run()
    assert_finding(checkout, done, "wob")
    assert "continuation.yml:15:" in done.stderr
    assert checkout.statuses() == {"generate": "failed"}
    assert "[wob]" in kept(checkout).read_text()
    assert '"message"' in checkout.steps("generate")["Continue"]["text"]
    # A script that does not look at the answer does not hide it.
    write(checkout, POST, following="jobs: [")
    done = checkout.run()
    assert_finding(checkout, done, "Unable to parse YAML")
    assert checkout.statuses() == {"generate": "success"}
    assert checkout.record()["status"] == "failed"


def test_steps_that_cannot_be_run_are_told_before_any_of_them_runs(checkout: Checkout) -> None:
    slip = "restore_cache: {key: '{{ checksum Gemfile.lock }}'}"
    other = NEXT.replace("steps: [run: 'echo", f"steps: [{slip}, run: 'echo")
    write(checkout, following=other)
    assert checkout.run().returncode == 0, "the job with the slip is not started"
    write(checkout, parameters={"run-api": True}, following=other)
    done = checkout.run()
    assert_finding(checkout, done, "9:13: error computing cache key")
    assert "a file name stands in quotes" in done.stderr
    assert checkout.statuses() == {"generate": "failed"}
    assert "continuation.yml:9:13: " in checkout.steps("generate")["Continue"]["text"]
    assert checkout.run("--job", "generate").returncode == 0
    assert checkout.run("--job", "web").returncode == 0


def test_a_step_of_a_kind_to_come_is_passed_over(checkout: Checkout) -> None:
    write(
        checkout, following=NEXT.replace("steps: [run: 'comm", "steps: [quantum_leap, run: 'comm")
    )
    done = checkout.run()
    assert done.returncode == 0, done.stderr
    assert "the step quantum_leap is not known here" in done.stderr


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"run-api": "yes"}, "Type error for argument run-api: expected type: boolean"),
        ({"other": 1}, "Unexpected argument(s): other"),
    ],
)
def test_parameters_are_checked(checkout: Checkout, parameters: Any, words: str) -> None:
    write(checkout, parameters=parameters)
    assert_finding(checkout, checkout.run(), words)
    assert "400" not in checkout.steps("generate")["Continue"]["text"]
    assert words in checkout.steps("generate")["Continue"]["text"]


def test_a_parameter_of_the_trigger_cannot_be_passed(checkout: Checkout) -> None:
    write(checkout, parameters={"of-both": "c"})
    done = checkout.run("--param", "of-both=d")
    assert_finding(checkout, done, "Conflicting pipeline parameters")


def test_a_pipeline_is_continued_once(checkout: Checkout) -> None:
    again = f"{POST}; cat answer.json; {POST} | grep -x 409; cat answer.json"
    write(checkout, again, {"run-api": True})
    done = checkout.run("--job", "api")
    assert done.returncode == 0, done.stderr
    log = checkout.steps("generate")["Continue"]["text"]
    assert '{"message": "Pipeline continued"}' in log
    assert '{"message": "Pipeline is not in setup state"}' in log
    assert checkout.statuses() == {"generate": "success", "api": "success"}


def test_without_a_continuation_the_run_ends_with_the_setup_workflow(checkout: Checkout) -> None:
    write(checkout, "true")
    done = checkout.run()
    assert (done.returncode, checkout.statuses()) == (0, {"generate": "success"})
    assert "no job continued the pipeline" in done.stderr
    write(checkout, following="{version: 2, jobs: {}, workflows: {version: 2}}")
    done = checkout.run()
    assert (done.returncode, checkout.statuses()) == (0, {"generate": "success"})
    assert "nothing more to run" in done.stderr


def test_a_setup_workflow_that_fails_is_not_continued(checkout: Checkout) -> None:
    write(checkout, f"{POST}; exit 3")
    done = checkout.run()
    assert (done.returncode, checkout.statuses()) == (1, {"generate": "failed"})
    assert "the setup workflow is failed; `--continue .orbyard/runs/" in done.stderr


def test_one_job_or_workflow_of_the_continuation_can_be_chosen(checkout: Checkout) -> None:
    write(checkout, parameters={"run-api": True})
    assert checkout.run("--workflow", "api").returncode == 0
    assert checkout.statuses() == {"generate": "success", "api": "success"}
    done = checkout.run("--job", "generate")
    assert (done.returncode, checkout.statuses()) == (0, {"generate": "success"})
    assert "is all that was asked for" in done.stderr
    done = checkout.run("--job", "wob")
    assert done.returncode == 2
    assert "did you mean 'web'?" in done.stderr
    assert "then what these jobs generate" in checkout.run("--dry-run").stdout


def test_a_file_can_continue_without_the_setup_workflow(checkout: Checkout) -> None:
    write(checkout)
    done = checkout.run(
        "--continue", "next.yml", "--passed", "run-api=true", "--param", "of-both=d"
    )
    assert done.returncode == 0, done.stderr
    assert checkout.statuses() == {"api": "success", "web": "success"}
    assert "api d key=none" in done.stderr
    done = checkout.run("--passed", "run-api=true")
    assert done.returncode == 2
    assert "--passed goes with --continue" in done.stderr


def test_what_failed_after_the_setup_workflow_runs_again_without_it(checkout: Checkout) -> None:
    failing = NEXT.replace('echo "api', 'test -n "$FIXED"; echo "api')
    write(checkout, parameters={"run-api": True}, following=failing)
    assert checkout.run().returncode == 1
    assert checkout.statuses() == {"generate": "success", "api": "failed", "web": "success"}
    done = checkout.run("--failed", "last", "--env", "FIXED=1")
    assert done.returncode == 0, done.stderr
    assert checkout.jobs()["web"]["kept_from"]
    assert not checkout.jobs()["api"]["kept_from"]
    assert "generate" not in checkout.statuses()
    assert checkout.run("--from", "api", "--env", "FIXED=1").returncode == 0
    assert checkout.statuses() == {"api": "success"}


def test_a_setup_workflow_that_failed_runs_again(checkout: Checkout) -> None:
    write(checkout, f'{POST}; test -n "$FIXED"', {"run-api": True, "of-both": "c"})
    assert checkout.run("--job", "api").returncode == 1
    done = checkout.run("--failed", "last", "--env", "FIXED=1")
    assert done.returncode == 0, done.stderr
    assert checkout.statuses() == {"generate": "success", "api": "success"}


def test_a_login_shell_can_continue(checkout: Checkout) -> None:
    write(checkout)
    config = checkout.folder / ".circleci/config.yml"
    shell = "name: Continue\n          shell: /bin/bash --login -eo pipefail"
    config.write_text(config.read_text().replace("name: Continue", shell))
    done = checkout.run()
    assert done.returncode == 0, done.stderr
    assert checkout.statuses() == {"generate": "success", "web": "success"}


def test_secrets_stay_out_of_what_is_kept(checkout: Checkout) -> None:
    (checkout.folder / "secret.env").write_text("TOKEN=a-very-secret-value\n")
    generate = 'sed -i "s/no curl here/$TOKEN/" next.yml'
    write(checkout, CHECKED)
    config = checkout.folder / ".circleci/config.yml"
    config.write_text(
        config.read_text()
        .replace("            jq -n", f"            {generate}\n            jq -n")
        .replace("jobs: [generate]", "jobs: [{generate: {context: keys}}]")
    )
    done = checkout.run("--context", "keys=secret.env")
    assert done.returncode == 0, done.stderr
    assert "****" in kept(checkout).read_text()
    for path in checkout.newest().rglob("*"):
        assert path.is_dir() or "a-very-secret-value" not in path.read_text(errors="replace")


def test_workspaces_of_the_setup_workflow_do_not_reach_what_follows(checkout: Checkout) -> None:
    following = """
version: 2.1
jobs:
  generate:
    docker: [{image: debian:bookworm-slim}]
    steps:
      - run: mkdir -p out && echo second > out/second
      - persist_to_workspace: {root: out, paths: [second]}
  last:
    docker: [{image: debian:bookworm-slim}]
    steps:
      - attach_workspace: {at: all}
      - run: ls all
workflows:
  main: {jobs: [generate, {last: {requires: [generate]}}]}
"""
    write(checkout, following=following)
    config = checkout.folder / ".circleci/config.yml"
    persist = "      - persist_to_workspace: {root: ., paths: [next.yml]}\nworkflows:"
    config.write_text(config.read_text().replace("workflows:", persist))
    done = checkout.run()
    assert done.returncode == 0, done.stderr
    assert checkout.steps("last")["ls all"]["lines"][-1] == "second"


# ---------------------------------------------------------------------------------- path filtering

FILTER = """
version: 2.1
setup: true
orbs:
  filtering:
    orbs:
      continuing:
        commands:
          go:
            parameters: {config: {type: string}, values: {type: string}}
            steps:
              - run:
                  name: Continue
                  environment: {CONFIG: << parameters.config >>, VALUES: << parameters.values >>}
                  command: |
                    jq -n --arg k "$CIRCLE_CONTINUATION_KEY" --rawfile c "$CONFIG" \\
                      --slurpfile v "$VALUES" \\
                      '{"continuation-key": $k, configuration: $c, parameters: $v[0]}' > /tmp/post.json
                    code=$(curl -i -s -XPOST -H "Accept: application/json" --data "$(cat /tmp/post.json)" \\
                      "https://circleci.com/api/v2/pipeline/continue" |
                      awk '/^HTTP/{code=$2} END{print code}')
                    [ "$code" -eq 200 ]
    jobs:
      filter:
        parameters:
          base-revision: {type: string, default: main}
          mapping: {type: string}
          config-path: {type: string}
        docker: [{image: IMAGE}]
        environment: {BASE: << parameters.base-revision >>, MAPPING: << parameters.mapping >>}
        steps:
          - checkout
          - run:
              name: Compare
              command: |
                git checkout "$BASE"
                git checkout "$CIRCLE_SHA1"
                base=$(git merge-base "$BASE" "$CIRCLE_SHA1")
                if [ "$base" = "$CIRCLE_SHA1" ]; then base=$(git rev-parse HEAD~1); fi
                files=$(git -c core.quotepath=false diff --name-only "$base" "$CIRCLE_SHA1")
                echo "changed: $files"
                {
                  echo '{}'
                  while read -r path name value; do
                    if echo "$files" | grep -qxE "$path"; then echo "{\\"$name\\": $value}"; fi
                  done \\<<< "$MAPPING"
                } | jq -s add > /tmp/values.json
          - continuing/go: {config: << parameters.config-path >>, values: /tmp/values.json}
workflows:
  filter:
    jobs:
      - filtering/filter:
          base-revision: BASE
          mapping: |
            api/.* run-api true
            docs/.* of-both "docs"
          config-path: next.yml
"""


@pytest.fixture
def clone(checkout: Checkout) -> Checkout:
    """A clone on a branch, with a main branch that went on and is known from the origin only."""
    write(checkout)
    (checkout.folder / "api").mkdir()
    checkout.write(FILTER.replace("BASE", "main"))
    checkout.git("add", "--all")
    checkout.git("commit", "-qm", "setup")
    checkout.git("branch", "-M", "main")
    folder = checkout.folder.parent / "clone"
    checkout.git("clone", "-q", str(checkout.folder), str(folder))
    made = Checkout(folder, checkout.store)
    made.git("checkout", "-q", "-b", "feature")
    made.git("branch", "-q", "-D", "main")
    (checkout.folder / "docs").mkdir()
    (checkout.folder / "docs/guide").write_text("new on main\n")
    checkout.git("add", "--all")
    checkout.git("commit", "-qm", "docs")
    made.git("fetch", "-q")
    return made


def test_changed_files_decide_what_runs(clone: Checkout) -> None:
    (clone.folder / "web").mkdir()
    (clone.folder / "web/page").write_text("x\n")
    clone.git("add", "--all")
    clone.git("commit", "-qm", "web")
    done = clone.run()
    assert done.returncode == 0, done.stderr
    assert clone.statuses() == {"filtering/filter": "success", "web": "success"}
    assert "changed: web/page" in done.stderr


def test_changes_that_are_not_committed_count(clone: Checkout) -> None:
    (clone.folder / "api").mkdir()
    (clone.folder / "api/new.rb").write_text("x\n")
    (clone.folder / "next.yml").write_text(NEXT + "# changed on main as well\n")
    done = clone.run()
    assert done.returncode == 0, done.stderr
    assert clone.statuses() == dict.fromkeys(("filtering/filter", "api", "web"), "success")
    assert clone.git("status", "--porcelain") == " M next.yml\n?? api/\n"
    committed = clone.run("--committed")
    assert committed.returncode == 0, committed.stderr
    assert "api" not in clone.statuses()


def test_a_base_revision_that_is_not_there_is_explained(clone: Checkout) -> None:
    clone.write(FILTER.replace("BASE", "release"))
    done = clone.run()
    assert done.returncode == 1
    assert (
        "Branches to compare with, as of the last `git fetch` in your clone: feature, main"
        in done.stderr
    )
    assert "pathspec 'release' did not match" in done.stderr
