"""A run as events for machines: one JSON object a line on standard output; see docs/run-json.md."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.runner.model import JobResult, JobSpec, StepResult
from pipeline.runner.record import JobRecord, RunRecord, WorkflowRecord
from pipeline.runner.view import View
from pipeline.runner.view_screen import Screen
from pipeline.runner.view_state import ShownStep, StepStart

__all__ = ["EventView"]


class EventView(View):
    """Prints events; warnings go to standard error as ever."""

    def _make_screen(self) -> Screen:
        return Screen(self._console.write_result)

    def __enter__(self) -> View:
        return self

    def run_started(self, record: RunRecord) -> None:
        """Print ``run_started``."""
        self._event("run_started", run=record.id, branch=record.branch, tag=record.tag)

    def workflow_started(self, workflow: WorkflowRecord) -> None:
        """Print ``workflow_started``."""
        jobs = [job.name for job in workflow.jobs]
        name, attempt = workflow.name, workflow.attempt
        self._event("workflow_started", workflow=name, attempt=attempt, jobs=jobs)

    def job_changed(self, workflow: WorkflowRecord, job: JobRecord) -> None:
        """Print ``job_changed``."""
        self._event(
            "job_changed",
            workflow=workflow.name,
            job=job.name,
            status=job.status,
            reason=job.reason,
        )

    def instance_started(self, spec: JobSpec) -> None:
        """Print ``instance_started``."""
        self._event("instance_started", **_instance(spec), steps=len(spec.job.steps))

    def step_started(self, spec: JobSpec, start: StepStart) -> ShownStep:
        """Print ``step_started``."""
        self._event("step_started", **_step(spec, start), where=start.where, log=start.log)
        return super().step_started(spec, start)

    def _step_finished(self, step: ShownStep, result: StepResult) -> None:
        self._event(
            "step_ended",
            **_step(step.spec, step.start),
            status=result.status,
            exit_code=result.exit_code,
            seconds=round(result.seconds, 3),
            note=result.note,
        )

    def instance_finished(self, spec: JobSpec, result: JobResult) -> None:
        """Print ``instance_ended``."""
        self._event(
            "instance_ended",
            **_instance(spec),
            status=result.status,
            seconds=round(result.seconds, 3),
            reason=result.reason,
            where=result.where,
        )

    def stopping(self) -> None:
        """Print ``run_stopping``."""
        self._event("run_stopping")

    def run_finished(self, record: RunRecord, folder: Path) -> None:
        """Print ``run_ended``."""
        self._event(
            "run_ended",
            run=record.id,
            status=record.status,
            seconds=round(record.seconds, 3),
            folder=str(folder),
        )

    def note(self, text: str, job: str = "") -> None:
        """Print ``note``."""
        self._event("note", job=job, text=text)

    def ask(self, question: str) -> bool | None:  # noqa: ARG002
        """Return None: a machine reads."""
        return None

    def _event(self, event: str, **facts: Any) -> None:
        at = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds")
        data = self._console.masker.mask_data({"event": event, "at": at, **facts})
        self._put(json.dumps(data, ensure_ascii=False))


def _instance(spec: JobSpec) -> dict[str, Any]:
    return {"workflow": spec.workflow, "job": spec.name, "node_index": spec.node_index}


def _step(spec: JobSpec, start: StepStart) -> dict[str, Any]:
    return {**_instance(spec), "step": start.number, "name": start.name, "type": start.type}
