"""Jobs that are in no workflow, run alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.ci_options import CompileOptions, compile_options
from pipeline.command import Run
from pipeline.config.findings import ConfigError
from pipeline.config.model import CompiledConfig
from pipeline.config.nodes import Source
from pipeline.errors import InvalidInput
from pipeline.local_job import compile_for_run, skips_ci
from pipeline.runner.plan import Choice

JOBS = """
version: 2.1
jobs:
  listed: {docker: [{image: i}], steps: [checkout]}
  alone: {docker: [{image: i}], steps: [run: alone]}
  takes:
    parameters: {count: {type: integer, default: 1}, word: {type: string, default: none}}
    docker: [{image: i}]
    steps: [run: 'echo << parameters.count >> << parameters.word >>']
"""
FLOW = "workflows: {w: {jobs: [listed]}}\n"


@pytest.fixture
def options(tmp_path: Path) -> CompileOptions:
    return compile_options(Run(cwd=tmp_path, environ={}))


def commands(compiled: CompiledConfig) -> list[object]:
    return [step.options.get("command") for job in compiled.jobs.values() for step in job.steps]


@pytest.mark.parametrize("flow", ["", FLOW, "workflows: {w: {when: false, jobs: [alone]}}\n"])
def test_a_job_that_no_workflow_runs_is_run_alone(options: CompileOptions, flow: str) -> None:
    compiled = compile_for_run(Source("c", JOBS + flow), options, Choice(job="alone"))
    assert commands(compiled) == ["alone"]


def test_a_job_of_a_workflow_stays_in_it(options: CompileOptions) -> None:
    compiled = compile_for_run(Source("c", JOBS + FLOW), options, Choice(job="listed"))
    assert list(compiled.workflows) == ["w"]


def test_a_job_takes_parameters_of_their_declared_types(options: CompileOptions) -> None:
    compiled = compile_for_run(
        Source("c", JOBS + FLOW), options, Choice(job="takes"), ["count=3", "word=7"]
    )
    assert commands(compiled) == ["echo 3 7"]


def test_wrong_parameters_are_refused(options: CompileOptions) -> None:
    with pytest.raises(ConfigError, match="count"):
        compile_for_run(Source("c", JOBS + FLOW), options, Choice(job="takes"), ["count=many"])
    with pytest.raises(InvalidInput, match="--job-param"):
        compile_for_run(Source("c", JOBS + FLOW), options, Choice(), ["count=3"])


def test_a_broken_configuration_stays_broken(options: CompileOptions) -> None:
    with pytest.raises(ConfigError, match="an error in c"):
        compile_for_run(Source("c", JOBS), options, Choice(job="nowhere"))


@pytest.mark.parametrize(
    ("subject", "body", "trigger", "skips"),
    [
        ("Fix it [skip ci]", "", "webhook", True),
        ("Fix it", "as said\n[ci skip]", "webhook", True),
        ("Fix it [skip ci]", "", "api", False),
        ("Fix it [skip-ci]", "", "webhook", False),
        ("Fix it", "x" * 250 + "[skip ci]", "webhook", False),
    ],
)
def test_a_commit_may_say_that_its_push_starts_nothing(
    subject: str, body: str, trigger: str, skips: bool
) -> None:
    values = {
        "pipeline.git.commit.subject": subject,
        "pipeline.git.commit.body": body,
        "pipeline.trigger_source": trigger,
    }
    assert skips_ci(values) is skips


def test_a_step_of_a_type_that_is_not_known_yet_is_kept(options: CompileOptions) -> None:
    text = """
version: 2.1
jobs:
  alone:
    docker: [{image: i}]
    steps: [checkout, attest_provenance: {subject: app}, sign_off]
workflows: {w: {jobs: [alone]}}
"""
    steps = compile_for_run(Source("c", text), options, Choice()).jobs["alone"].steps
    assert [(step.type, dict(step.options)) for step in steps] == [
        ("checkout", {}),
        ("attest_provenance", {"subject": "app"}),
        ("sign_off", {}),
    ]


@pytest.mark.parametrize("step", ["chekout", "restore-cach: {key: k}", "ruby/install", "sav_cache"])
def test_a_slip_of_the_pen_is_no_step_to_come(options: CompileOptions, step: str) -> None:
    with pytest.raises(ConfigError, match="an error in c"):
        compile_for_run(
            Source("c", JOBS.replace("[run: alone]", f"[{step}]") + FLOW),
            options,
            Choice(job="alone"),
        )
