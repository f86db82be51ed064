"""Where the jobs of a workflow run on this machine, as a list shows it."""

from __future__ import annotations

import pytest

from pipeline.config.compiler import compile as compile_config
from pipeline.runner.executor_options import ExecutorOptions
from pipeline.runner.overview import JobOverview, overview
from pipeline.runner.overview_here import as_run_here

CONFIG = compile_config("""
version: 2.1
jobs:
  test: {docker: [{image: cimg/ruby:3.3}, {image: cimg/redis:7}], steps: [checkout]}
  lint: {docker: [{image: node:20}], steps: [checkout]}
  vm: {machine: true, steps: [checkout]}
  ios: {macos: {xcode: 15.3.0}, steps: [checkout]}
  nothing: {type: no-op}
workflows:
  main:
    jobs: [test, lint, vm, ios, nothing, test: {name: hold, type: approval}]
""")


def here(options: ExecutorOptions, system: str = "Linux") -> dict[str, JobOverview]:
    (flow,) = overview(CONFIG)
    return {job.name: job for job in as_run_here(flow, CONFIG, options, system=system).jobs}


def test_an_image_that_is_taken_stands_with_the_one_that_is_written() -> None:
    rules = {"cimg/ruby": "acme/ruby", "cimg/": "mirror.test/cimg/"}
    jobs = here(ExecutorOptions(images=rules))
    assert jobs["test"].executor == "docker acme/ruby:3.3"
    assert jobs["test"].services == ("mirror.test/cimg/redis:7",)
    assert jobs["test"].here == "in place of cimg/ruby:3.3, cimg/redis:7"
    assert (jobs["lint"].executor, jobs["lint"].here) == ("docker node:20", "")


def test_without_containers_there_are_no_images_and_no_services() -> None:
    jobs = here(ExecutorOptions(executor="host"))
    assert (jobs["test"].executor, jobs["test"].services) == ("this machine", ())
    assert jobs["test"].here == "in place of docker cimg/ruby:3.3 and its services"
    assert jobs["lint"].here == "in place of docker node:20"
    assert (jobs["vm"].executor, jobs["vm"].here) == ("machine", "")


@pytest.mark.parametrize(
    ("system", "note"),
    [("Linux", "not run here: a macOS job, and this machine has Linux"), ("Darwin", "")],
)
def test_a_job_of_another_system_says_that_it_is_not_run(system: str, note: str) -> None:
    assert here(ExecutorOptions(), system)["ios"].here == note


def test_what_lacks_a_setting_says_so_and_the_rest_is_listed() -> None:
    jobs = here(ExecutorOptions(machine="container"))
    assert jobs["vm"].here.startswith("cannot run: machine jobs are to run in containers")
    assert [name for name, job in jobs.items() if not job.here] == [
        "test",
        "lint",
        "nothing",
        "hold",
    ]
