"""The ``circleci`` program inside of jobs."""

from __future__ import annotations

import pytest

from tests.integration.runner.harness import Checkout

EXECUTORS = pytest.mark.parametrize("executor", ["docker", "host"])


@EXECUTORS
def test_the_program_answers_in_jobs_and_says_what_only_circleci_can(
    checkout: Checkout, executor: str
) -> None:
    done = checkout.build(
        r"""
        - run: {name: argument, command: 'circleci env subst "${WHO:-x} is $CIRCLE_JOB, ${NO:-unset}"'}
        - run: {name: input, command: 'echo "a $WHO" | circleci env subst | tee out; cat out'}
        - run: mkdir -p "spec/a b/c" test && touch "spec/a b/c/x_spec.rb" spec/y_spec.rb test/z_test.rb
        - run: {name: glob, command: 'circleci tests glob "spec/**/*_spec.rb" "{test,nothing}/*_test.rb"'}
        - run:
            name: split
            command: |
              for i in 0 1; do
                circleci tests glob "spec/**/*.rb" | circleci tests split --index=$i --total=2 --show-counts
              done
        - run: {name: sizes, command: echo spec/gone.rb | circleci tests split --split-by=filesize || true}
        - run: {name: run, command: 'echo a b | circleci tests run --command "xargs echo ran" --verbose'}
        - run: {name: code, when: always, command: 'echo a | circleci tests run --command "exit 7"'}
        - run: {name: none, when: always, command: 'printf "" | circleci tests run --command "exit 7"'}
        - run: {name: release, when: always, command: circleci run release plan}
        - run: {name: oidc, when: always, command: circleci run oidc get}
        - run: {name: suite, when: always, command: circleci testsuite "all"}
        - run: {name: unknown, when: always, command: circleci-agent step halter}
        """,
        "--executor",
        executor,
        keys="environment: {WHO: me}\n",
    )
    assert done.returncode == 1
    steps = checkout.steps()
    assert steps["argument"]["lines"][-1] == "me is build, unset"
    assert steps["input"]["lines"][-1] == "a me"
    assert sorted(steps["glob"]["lines"][2:]) == [
        "spec/a b/c/x_spec.rb",
        "spec/y_spec.rb",
        "test/z_test.rb",
    ]
    assert {"spec/a b/c/x_spec.rb", "spec/y_spec.rb"} <= set(steps["split"]["lines"])
    assert "Node 1 of 2 has 1 of 2 tests" in steps["split"]["text"]
    assert "spec/gone.rb" in steps["sizes"]["lines"][-2]
    assert "ran a b" in steps["run"]["lines"]
    assert steps["code"]["exit_code"] == 7
    assert "the command is not run" in steps["none"]["text"]
    assert steps["release"]["status"] == "success"
    codes = {name: steps[name]["exit_code"] for name in ("oidc", "suite", "unknown")}
    assert codes == {"oidc": 1, "suite": 1, "unknown": 1}
    assert "only CircleCI's service can sign" in steps["oidc"]["text"]
    assert "step halt" in steps["unknown"]["text"]
