"""``ci.run --report``: a real run, and the reports that it leaves."""

from __future__ import annotations

from pipeline.runner.test_results import parse_junit
from tests.integration.runner.harness import Checkout

CONFIG = """
version: 2.1
jobs:
  build:
    docker: [{image: IMAGE}]
    steps:
      - checkout
      - restore_cache: {keys: ["nothing-{{ .Branch }}"]}
      - run: mkdir -p out; echo made > out/made.txt
      - store_artifacts: {path: out}
  test:
    docker: [{image: IMAGE}]
    parallelism: 2
    steps:
      - run: |
          mkdir -p results
          echo '<testsuite name="s">' > results/r.xml
          echo "<testcase name='t$CIRCLE_NODE_INDEX'>" >> results/r.xml
          seen=$(echo "$TOKEN" | sed 's/&/\\&amp;/; s/</\\&lt;/')
          echo "<failure>saw $seen</failure></testcase>" >> results/r.xml
          echo '</testsuite>' >> results/r.xml
      - run:
          name: Fail in one
          command: printf "\\033[31m%s\\033[0m\\n" "$TOKEN"; exit $CIRCLE_NODE_INDEX
      - store_test_results: {path: results}
workflows: {main: {jobs: [build, {test: {requires: [build]}}]}}
"""


def test_a_run_leaves_its_page_and_its_junit_without_secrets(checkout: Checkout) -> None:
    checkout.write(CONFIG)
    done = checkout.run(
        "--report", "reports/", "--report", "again.html", "--env", "TOKEN=hunter2&<secret"
    )
    assert done.returncode == 1, done.stderr
    assert f"report in {checkout.folder / 'reports' / 'report.html'}" in done.stderr
    page = (checkout.folder / "reports" / "report.html").read_text()
    junit = (checkout.folder / "reports" / "report.xml").read_text()
    assert (checkout.folder / "again.html").exists()
    for text in (page, junit):
        assert "hunter2" not in text
        assert "saw ****" in text
    stored = [path.read_text() for path in checkout.newest().rglob("test-results/**/*.xml")]
    assert len(stored) == 2
    assert all("saw ****" in text for text in stored)
    assert 'id="test[1]/Fail-in-one"' in page
    assert '<span class="f1">****</span>' in page
    assert ">out/made.txt</a>" in page or ">made.txt</a>" in page
    cases = parse_junit(junit.encode(), "report.xml").cases
    failed = {(case.suite, case.name) for case in cases if case.failed}
    assert failed == {
        ("main/test[1]", "Fail in one"),
        ("main/test[0]: s", "t0"),
        ("main/test[1]: s", "t1"),
    }


def test_a_wrong_report_is_refused_before_anything_runs(checkout: Checkout) -> None:
    checkout.write(CONFIG)
    done = checkout.run("--report", "report.pdf")
    assert done.returncode == 2
    assert "--report takes a file that ends in .html or .xml" in done.stderr
    assert not (checkout.folder / ".orbyard").exists()
