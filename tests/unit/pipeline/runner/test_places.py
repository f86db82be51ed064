"""Where a job runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pipeline.config.compiler import compile as compile_config
from pipeline.config.model import Job
from pipeline.errors import InvalidInput
from pipeline.runner.executor_options import ExecutorOptions
from pipeline.runner.places import place_of

OPTIONS = ExecutorOptions()


def job(executor: str, **more: Any) -> Job:
    text = f"version: 2.1\njobs:\n  build: {{{executor}, steps: [run: echo]}}\n"
    return replace(compile_config(text).jobs["build"], **more)


DOCKER, MACHINE, MAC = (
    "docker: [{image: a}]",
    "machine: {image: 'ubuntu-2204:current'}",
    "macos: {xcode: 15.0.0}",
)


@pytest.mark.parametrize(
    ("executor", "options", "kind"),
    [
        (DOCKER, OPTIONS, "containers"),
        (DOCKER, ExecutorOptions(executor="host"), "host"),
        (MACHINE, OPTIONS, "host"),
        (MACHINE, ExecutorOptions(machine="container", machine_image="m"), "machine"),
        (MACHINE, ExecutorOptions("host", machine="container", machine_image="m"), "host"),
        (DOCKER, ExecutorOptions(machine="container"), "containers"),
    ],
)
def test_the_executor_and_the_settings_decide(
    executor: str, options: ExecutorOptions, kind: str
) -> None:
    assert place_of(job(executor), options, system="Linux").kind == kind


def test_a_macos_job_runs_on_macos_alone() -> None:
    assert place_of(job(MAC), OPTIONS, system="Darwin").kind == "host"
    place = place_of(job(MAC), OPTIONS, system="Linux")
    assert place.kind == "nowhere"
    assert place.reason == "a macOS job, and this machine has Linux"


@pytest.mark.parametrize(
    "windows",
    [
        job("machine: {image: 'windows-server-2022-gui:current'}"),
        job("machine: true", resource_class="windows.medium"),
        job("machine: true", shell="powershell.exe -ExecutionPolicy Bypass"),
        job("machine: true", shell="cmd.exe"),
    ],
)
def test_a_windows_job_runs_on_windows_alone(windows: Job) -> None:
    assert place_of(windows, OPTIONS, system="Windows").kind == "host"
    assert "this machine has macOS" in place_of(windows, OPTIONS, system="Darwin").reason


def test_a_machine_in_a_container_needs_an_image() -> None:
    with pytest.raises(InvalidInput) as error:
        place_of(job(MACHINE), ExecutorOptions(machine="container"), system="Linux")
    assert "ci.machine_image" in (error.value.hint or "")
