"""Runs for the tests of views: told step by step, without anything that runs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipeline.config.compiler import compile as compile_config
from pipeline.config.model import Job
from pipeline.runner.model import JobResult, JobSpec, StepResult, StepStatus
from pipeline.runner.record import JobRecord, WorkflowRecord
from pipeline.runner.schedule import Status
from pipeline.runner.view import View
from pipeline.runner.view_state import ShownStep, StepStart

WHERE = ".circleci/config.yml:7:9"


@cache
def job_body(parallelism: int = 1) -> Job:
    """A job of three steps."""
    text = f"""
version: 2.1
jobs:
  job:
    docker: [{{image: i}}]
    parallelism: {parallelism}
    steps: [checkout, run: make, run: make test]
workflows: {{main: {{jobs: [job]}}}}
"""
    return compile_config(text).jobs["job"]


def job_spec(name: str, folder: Path, *, index: int = 0, parallelism: int = 1) -> JobSpec:
    """An instance of a job."""
    return JobSpec(name, "main", job_body(parallelism), (), {}, index, {}, folder / name)


def record_of(name: str, status: Status = "waiting", **facts: object) -> JobRecord:
    """A job's record."""
    return JobRecord(name, "build", status=status, **facts)  # type: ignore[arg-type]  # a test's words


@dataclass
class Told:
    """Tells a view of a run."""

    view: View
    folder: Path

    def workflow(self, *names: str) -> WorkflowRecord:
        flow = WorkflowRecord("main", 1, "running", tuple(record_of(name) for name in names))
        self.view.workflow_started(flow)
        return flow

    def begin(self, name: str, **more: int) -> JobSpec:
        spec = job_spec(name, self.folder, **more)
        self.view.instance_started(spec)
        return spec

    def step(self, spec: JobSpec, name: str, number: int = 1) -> ShownStep:
        log = spec.folder / f"{number:02d}-{spec.node_index}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        return self.view.step_started(spec, StepStart(number, name, "run", WHERE, str(log)))

    def output(self, step: ShownStep, *lines: str) -> None:
        with open(step.start.log, "a", encoding="utf-8", newline="\n") as file:
            for line in lines:
                file.write(f"{line}\n")
                step.take([line])

    def end_step(
        self, step: ShownStep, status: StepStatus = "success", code: int | None = 0, note: str = ""
    ) -> StepResult:
        start = step.start
        result = StepResult(
            start.name, start.type, status, 1.25, code, start.where, start.log, note, 1.0
        )
        step.finished(result)
        return result

    def end(self, spec: JobSpec, status: Status = "success", *steps: StepResult) -> JobResult:
        result = JobResult(spec.name, spec.node_index, status, 3.0, steps, started_at=1.0)
        self.view.instance_finished(spec, result)
        return result
