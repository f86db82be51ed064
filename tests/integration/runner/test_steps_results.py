"""``store_artifacts`` and ``store_test_results``, and what later runs make of test results."""

from __future__ import annotations

import pytest

from tests.integration.runner.harness import Checkout

EXECUTORS = pytest.mark.parametrize("executor", ["docker", "host"])


@EXECUTORS
def test_artifacts_are_files_and_folders_of_the_run(checkout: Checkout, executor: str) -> None:
    done = checkout.build(
        r"""
        - run: |
            mkdir -p "log dir/deep" ~/home; echo l > "log dir/deep/file"; echo h > ~/home/h
            ln -s /etc/hostname "log dir/out"; ln -s deep/file "log dir/in"
            printf x > "$(printf 'log dir/new\nline')"; echo plain > plain; echo other > other
        - store_artifacts: {name: folder, path: log dir}
        - store_artifacts: {name: moved folder, path: log dir/deep, destination: logs}
        - store_artifacts: {name: file, path: plain}
        - store_artifacts: {name: moved file, path: ./plain, destination: some/where.txt}
        - store_artifacts: {name: over, path: other, destination: some/where.txt}
        - store_artifacts: {name: home, path: ~/home}
        - store_artifacts: {name: absolute, path: /etc/hostname}
        - store_artifacts: {name: missing, path: nowhere/at all}
        - store_artifacts: {name: literal, path: $HOME/x}
        - store_artifacts: {name: escape, path: plain, destination: ../../../escaped}
        - run: exit 1
        - store_artifacts: {name: after, path: plain, destination: after}
        """,
        "--executor",
        executor,
    )
    assert done.returncode == 1
    steps = checkout.steps()
    stored = checkout.newest() / "jobs/build/artifacts"
    assert (stored / "log dir/deep/file").read_text() == "l\n"
    assert (stored / "log dir/new\nline").exists()
    assert (stored / "log dir/in").read_text() == "l\n"
    assert (stored / "logs/file").read_text() == "l\n"
    assert (stored / "plain").read_text() == "plain\n"
    assert (stored / "some/where.txt").read_text() == "other\n"
    assert (stored / "home/h").read_text() == "h\n"
    assert (stored / "etc/hostname").exists()
    assert (stored / "after").read_text() == "plain\n"
    assert {name for name, step in steps.items() if step["status"] == "failed"} == {"exit 1"}
    assert "no such file or directory" in steps["missing"]["text"]
    assert list(checkout.folder.parent.rglob("escaped*")) == [stored / "escaped"]
    assert not (stored / "log dir/out").exists()


SUITE = """<testsuite name="s"><testcase name="one" file="a_spec.rb" time="1.5"/>
<testcase name="two" file="a_spec.rb" time="0.5"><failure message="no"/></testcase></testsuite>"""


@EXECUTORS
def test_test_results_are_counted_and_what_is_broken_is_told(
    checkout: Checkout, executor: str
) -> None:
    (checkout.folder / "suite.xml").write_text(SUITE)
    done = checkout.build(
        """
        - checkout
        - run: |
            mkdir -p results/deep results/.hidden .only
            for place in results results/deep results/.hidden .only; do cp suite.xml $place/; done
            echo '<testsuite><testcase name="x"/><oops' > results/broken.xml
            echo 'not xml' > results/notes.txt
            ln -s /etc/passwd results/passwd.xml
        - store_test_results: {name: folder, path: results}
        - store_test_results: {name: file, path: suite.xml}
        - store_test_results: {name: hidden, path: .only}
        - store_test_results: {name: missing, path: nowhere}
        """,
        "--executor",
        executor,
    )
    assert done.returncode == 0, done.stderr
    steps = checkout.steps()
    assert steps["folder"]["note"] == "5 tests, 2 failed"
    assert "broken.xml: not well-formed XML" in steps["folder"]["text"]
    assert steps["file"]["note"] == "2 tests, 1 failed"
    assert "hidden" in steps["hidden"]["text"]
    assert steps["missing"]["status"] == "success"
    stored = {
        path.name for path in checkout.folder.glob(".orbyard/runs/*/jobs/*/test-results/0/*/*")
    }
    assert stored == {"broken.xml", "deep", ".hidden", "suite.xml"}
    assert checkout.jobs()["build"]["facts"]["tests"] == {"total": 7, "failed": 3, "skipped": 0}


TESTS = """
version: 2.1
jobs:
  test:
    machine: true
    parallelism: 2
    steps:
      - checkout
      - run: {name: split, command: circleci tests split --split-by=timings names > mine; cat mine}
      - run: sh results.sh < mine
      - store_test_results: {path: results}
workflows: {main: {jobs: [test]}}
"""


def test_tests_are_split_by_the_times_of_earlier_runs(checkout: Checkout) -> None:
    (checkout.folder / "names").write_text("slow\na\nb\nc\n")
    (checkout.folder / "results.sh").write_text("""mkdir results
while read -r name; do
  case $name in slow) time=9 ;; *) time=1 ;; esac
  echo "<testsuite><testcase name='$name' file='$name' time='$time'/></testsuite>" > results/$name.xml
done
""")
    checkout.write(TESTS)
    first = checkout.run("--jobs", "2")
    assert first.returncode == 0, first.stderr
    assert "falling back to weighting by name" in first.stderr
    second = checkout.run("--jobs", "2")
    assert second.returncode == 0, second.stderr
    assert "falling back" not in second.stderr
    folders = (checkout.newest() / "jobs/test").glob("*/test-results")
    names = [sorted(path.stem for path in folder.rglob("*.xml")) for folder in folders]
    assert sorted(names) == [["a", "b", "c"], ["slow"]]


def test_failed_tests_alone_are_run_again(checkout: Checkout) -> None:
    (checkout.folder / "suite.sh").write_text("""mkdir results; code=0
for name; do
  failure=; [ "$name" != b ] || [ -e fixed ] || { failure='<failure/>'; code=1; }
  echo "<testsuite><testcase name='$name' file='$name'>$failure</testcase></testsuite>" > results/$name.xml
done
exit $code
""")
    checkout.build(
        """
        - checkout
        - run:
            name: tests
            command: echo a b c | circleci tests run --command "xargs sh suite.sh" --verbose
        - store_test_results: {name: results, path: results}
        """,
        "--executor",
        "host",
        keys="parallelism: 2\n",
    )
    assert checkout.instances("build")[0]["status"] != checkout.instances("build")[1]["status"]
    (checkout.folder / "fixed").write_text("")
    again = checkout.run("--executor", "host", "--failed", "last", "--failed-tests")
    assert again.returncode == 0, again.stderr
    counts = [node["facts"].get("tests") for node in checkout.instances("build")]
    assert sorted(count["total"] for count in counts if count) == [1]
    assert "No tests for this node" in again.stderr
    refused = checkout.run("--failed-tests")
    assert refused.returncode == 2
    assert "--failed" in refused.stderr


@EXECUTORS
def test_a_job_goes_on_after_an_artifact_of_which_only_a_part_was_read(
    checkout: Checkout, executor: str
) -> None:
    done = checkout.build(
        """
        - run: mkdir folder; touch folder/file; head -c 30000000 /dev/zero > large
        - store_artifacts: {path: folder, destination: taken}
        - store_artifacts: {name: in the way, path: large, destination: taken}
        - run: {name: clean up, command: echo cleaned, when: always}
        """,
        "--executor",
        executor,
    )
    assert done.returncode == 1
    steps = checkout.steps()
    assert (steps["in the way"]["status"], steps["clean up"]["status"]) == ("failed", "success")
