"""Runs that reports are made of in tests: a record with logs, tests and artifacts as a run leaves them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.runner.model import JobResult, StepResult
from pipeline.runner.record import JobRecord, RunRecord, WorkflowRecord, status_of, write_record

BEGAN = 1_900_000_000.0
RUN_ID = "20300317-174640-abcdef"


@dataclass
class RunBuilder:
    """Builds the folder of a run below ``runs``; times are seconds since the run began."""

    runs: Path
    id: str = RUN_ID
    keys: Mapping[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.runs / self.id

    def step(
        self,
        job: str,
        number: int,
        name: str,
        start: float,
        seconds: float,
        output: str | None = "",
        **keys: Any,
    ) -> StepResult:
        log = ""
        if output is not None:
            path = self.folder / "jobs" / job / f"{number:02d}-step.log"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(output, encoding="utf-8")
            log = str(path)
        status = keys.pop("status", "success")
        return StepResult(
            name,
            keys.pop("type", "run"),
            status,
            seconds,
            keys.pop("exit_code", 0 if status == "success" else None),
            keys.pop("where", f".circleci/config.yml:{10 + number}:9"),
            log,
            keys.pop("note", ""),
            BEGAN + start if status in ("success", "failed") else None,
        )

    def job(self, name: str, start: float, steps: Sequence[StepResult], **keys: Any) -> JobRecord:
        seconds = keys.pop("seconds", sum(step.seconds for step in steps))
        status = keys.pop("status", None)
        if status is None:
            status = "failed" if any(step.status == "failed" for step in steps) else "success"
        prepared = keys.pop("prepared", 0.0)
        facts = keys.pop("facts", {})
        folder = self.folder / "jobs" / name
        result = JobResult(
            name,
            0,
            status,
            seconds,
            tuple(steps),
            facts=facts,
            folder=str(folder),
            started_at=BEGAN + start + prepared,
        )
        return JobRecord(
            name,
            "build",
            keys.pop("executor", "docker: cimg/ruby:3.3"),
            status,
            where=keys.pop("where", ".circleci/config.yml:90:7"),
            started_at=BEGAN + start,
            seconds=seconds + prepared,
            instances=keys.pop("instances", (result,)),
            requires=dict.fromkeys(keys.pop("after", ()), ("success",)),
            **keys,
        )

    def file(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def record(self, *flows: WorkflowRecord | Sequence[JobRecord], **keys: Any) -> RunRecord:
        workflows = tuple(
            flow
            if isinstance(flow, WorkflowRecord)
            else WorkflowRecord("main", 1, status_of(job.status for job in flow), tuple(flow))
            for flow in flows
        )
        made = RunRecord(
            self.id,
            keys.pop("status", status_of(flow.status for flow in workflows)),
            BEGAN,
            keys.pop("seconds", 100.0),
            config=".circleci/config.yml",
            branch=keys.pop("branch", "main"),
            revision="4f1c2a9be0d34b7c8d5e6f708192a3b4c5d6e7f8",
            workflows=workflows,
            **keys,
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        write_record(made, self.folder)
        return made


RSPEC = """\
#!/bin/bash -eo pipefail
bundle exec rspec --format documentation
\x1b[1mRandomized with seed 4711\x1b[0m

Order
  \x1b[32mis paid when the gateway says so\x1b[0m
  \x1b[32mkeeps the cents\x1b[0m
  \x1b[31mrounds the tax (FAILED - 1)\x1b[0m
  \x1b[33msends a receipt (PENDING: Temporarily skipped with xit)\x1b[0m

Failures:

  1) \x1b[1mOrder rounds the tax\x1b[22m
     \x1b[31mFailure/Error: \x1b[0mexpect(order.tax).to eq Money.new(190)

       \x1b[31mexpected: #<Money fractional:190 currency:EUR>\x1b[0m
       \x1b[31m     got: #<Money fractional:189 currency:EUR>\x1b[0m
     \x1b[36m# ./spec/models/order_spec.rb:31:in `block (3 levels) in <top (required)>'\x1b[0m

Finished in 11.4 seconds (files took 2.1 seconds to load)
\x1b[31m4 examples, 1 failure, 1 pending\x1b[0m
\x1b[41;97m FAIL \x1b[0m \x1b[38;5;208mrspec ./spec/models/order_spec.rb:29\x1b[0m \x1b[2m# Order rounds the tax\x1b[0m
Exited with code exit status 1
"""
JUNIT = """\
<testsuites><testsuite name="rspec" tests="4" failures="1" time="11.4">
<testcase classname="spec.models.order_spec" name="Order is paid when the gateway says so" file="./spec/models/order_spec.rb" time="4.21"/>
<testcase classname="spec.models.order_spec" name="Order keeps the cents" file="./spec/models/order_spec.rb" time="0.113"/>
<testcase classname="spec.models.order_spec" name="Order rounds the tax" file="./spec/models/order_spec.rb" time="6.02"><failure message="expected 190, got 189" type="RSpec::Expectations::ExpectationNotMetError">expected: 190
     got: 189
# ./spec/models/order_spec.rb:31</failure></testcase>
<testcase classname="spec.models.order_spec" name="Order sends a receipt" file="./spec/models/order_spec.rb" time="0"><skipped/></testcase>
</testsuite></testsuites>
"""


def rails_run(runs: Path) -> tuple[RunRecord, Path]:
    """A run as a Rails project has it: one job of it fails, one waits for it, one is on hold."""
    make = RunBuilder(runs)
    install = "\n".join(f"Using gem-{number} {number % 9}.{number % 7}.0" for number in range(180))
    bar = "".join(f"\rFetching {percent:3d}%" for percent in range(0, 101, 5))
    checkout = "Checked out 214 files\n"
    build = make.job(
        "build",
        0.4,
        [
            make.step(
                "build", 0, "Checkout code", 1.6, 0.3, checkout, type="checkout", note="214 files"
            ),
            make.step(
                "build",
                1,
                "Restoring cache",
                1.9,
                1.4,
                "Found a cache\n",
                type="restore_cache",
                note="found gems-v1-WJG1tSLV3whtD",
            ),
            make.step(
                "build",
                2,
                "Install gems",
                3.3,
                18.0,
                f"$ bundle install\n{install}\n{bar}\nBundle complete!\n",
            ),
            make.step(
                "build",
                3,
                "Saving cache",
                21.3,
                2.2,
                "Stored Cache\n",
                type="save_cache",
                note="saved",
            ),
        ],
        prepared=1.2,
        facts={
            "caches": [
                {"key": "gems-v1-WJG1tSLV3whtD/CxEPvZ0hu0", "action": "restored"},
                {"key": "gems-v2-9f2c0d5be1a7", "action": "saved"},
            ],
            "artifacts": ["x"],
        },
    )
    lint = make.job(
        "lint",
        23.6,
        [
            make.step("lint", 0, "Checkout code", 24.0, 0.3, checkout, type="checkout"),
            make.step(
                "lint",
                1,
                "bundle exec rubocop",
                24.3,
                9.0,
                "214 files inspected, \x1b[32mno offenses\x1b[0m detected\n",
            ),
        ],
        prepared=0.4,
        after=["build"],
    )
    test = make.job(
        "test",
        23.6,
        [
            make.step("test", 0, "Checkout code", 24.6, 0.3, checkout, type="checkout"),
            make.step("test", 1, "Wait for PostgreSQL", 24.9, 3.1, "waiting …\nready\n"),
            make.step(
                "test",
                2,
                "Run tests",
                28.0,
                14.0,
                RSPEC,
                status="failed",
                exit_code=1,
                where=".circleci/config.yml:31:9",
            ),
            make.step(
                "test",
                3,
                "Uploading test results",
                42.0,
                0.4,
                "4 tests, 1 failed\n",
                type="store_test_results",
                note="4 tests, 1 failed",
            ),
            make.step("test", 4, "Tell the team", 42.4, 0.0, None, status="skipped"),
        ],
        prepared=1.0,
        after=["build"],
        contexts=("staging",),
        facts={"caches": [{"key": "assets-v1-main", "action": "missed"}]},
    )
    make.file("jobs/test/test-results/rspec.xml", JUNIT)
    make.file("jobs/build/artifacts/coverage/index.html", "<p>coverage</p>")
    make.file("jobs/build/artifacts/log/name with spaces & more.txt", "x" * 3000)
    hold = JobRecord(
        "release?",
        "approval",
        status="on_hold",
        reason="waits for approval: run again with --approve release?",
        requires={"lint": ("success",)},
        where=".circleci/config.yml:101:9",
        started_at=BEGAN + 33.4,
    )
    deploy = JobRecord(
        "deploy",
        "build",
        "docker: cimg/base:current",
        "not_run",
        requires={"test": ("success",), "release?": ("success",)},
        reason="requirements not met",
        where=".circleci/config.yml:104:9",
    )
    record = make.record(
        [build, lint, test, hold, deploy],
        seconds=43.1,
        parameters={"run-e2e": True, "ruby": "3.3.4"},
        choice={"workflow": "", "job": "", "only": False},
        not_emulated=("add_ssh_keys: keys of the project are CircleCI's own",),
    )
    return record, make.folder
