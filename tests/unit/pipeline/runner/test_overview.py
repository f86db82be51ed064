"""What there is of a configuration, why what does not run does not, and what a run would do."""

from __future__ import annotations

import pytest

from pipeline.config.compiler import compile as compile_config
from pipeline.config.model import CompiledConfig
from pipeline.runner.canvas import cell_width
from pipeline.runner.executor_options import ExecutorOptions
from pipeline.runner.listing import listing_data, listing_lines
from pipeline.runner.overview import WorkflowOverview, overview
from pipeline.runner.plan import Choice, plan_run
from pipeline.runner.preview import FlowPreview, plan_data, plan_lines, preview

JOBS = """
version: 2.1
parameters:
  e2e: {type: boolean, default: false}
jobs:
  build: &job
    docker: [{image: cimg/ruby:3.3}, {image: postgres:16}]
    resource_class: large
    parallelism: 2
    steps:
      - checkout
      - restore_cache: {keys: ['gems-{{ checksum "Gemfile.lock" }}', gems-]}
      - run: bundle install
      - run:
          name: Test
          when: always
          command: |
            # Only what matters.
            set -e

            bin/rails test
            one
            two
            three
      - save_cache: {key: 'gems-{{ checksum "Gemfile.lock" }}', paths: [vendor]}
  test: *job
  deploy: {machine: true, steps: [{run: {command: sleep 9, background: true}}]}
  nothing: {type: no-op}
workflows:
"""
FLOWS = """
  main:
    jobs:
      - build
      - test: {requires: [build], context: [aws]}
      - hold: {type: approval, requires: [test]}
      - deploy: {requires: [hold], filters: {branches: {only: [main, /rel.*/]}}, serial-group: prod}
      - deploy: {name: rollback, requires: [{deploy: failed}]}
      - deploy: {name: never, filters: pipeline.git.branch == "nope"}
      - deploy: {name: after-never, requires: [never]}
      - deploy: {name: tagged, filters: {tags: {only: /v.*/}}}
  nightly:
    triggers: [{schedule: {cron: 0 3 * * *, filters: {branches: {only: main}}}}]
    jobs: [build]
  e2e:
    when: {and: [<< pipeline.parameters.e2e >>, {equal: [main, << pipeline.git.branch >>]}]}
    jobs: [build, {test: {name: other}}]
  quiet:
    unless: << pipeline.git.branch >>
    jobs: [build]
  release:
    jobs: [{deploy: {filters: {tags: {only: /v.*/}, branches: {ignore: /.*/}}}}]
"""


def config(flows: str = FLOWS, **values: object) -> CompiledConfig:
    named = {f"pipeline.{name.replace('__', '.')}": value for name, value in values.items()}
    return compile_config(JOBS + flows, values=named)


def flow(name: str, **values: object) -> WorkflowOverview:
    return next(flow for flow in overview(config(**values)) if flow.name == name)


def test_all_workflows_are_there_in_the_order_of_the_document() -> None:
    flows = overview(config(git__branch="main"))
    assert [(flow.name, flow.state) for flow in flows] == [
        ("main", "starts"),
        ("nightly", "scheduled"),
        ("e2e", "skipped"),
        ("quiet", "skipped"),
        ("release", "filtered"),
    ]


def test_a_false_condition_is_told_with_the_values_that_it_looks_at() -> None:
    found = flow("e2e", git__branch="main")
    assert found.reason == (
        "when: {and: [<< pipeline.parameters.e2e >>, {equal: [main, << pipeline.git.branch >>]}]},"
        " where pipeline.parameters.e2e is false, pipeline.git.branch is main"
    )
    assert [job.name for job in found.left_out] == ["build", "other"]
    assert flow("quiet", git__branch="x").reason.startswith(
        "unless: << pipeline.git.branch >>, where"
    )


def test_each_job_that_is_left_out_has_its_reason() -> None:
    reasons = {job.name: job.reason for job in flow("main", git__branch="feature").left_out}
    assert reasons == {
        "never": 'its filters are false: pipeline.git.branch == "nope"',
        "after-never": "all that it requires is left out",
        "deploy": "its filters: only branches main, /rel.*/",
        "rollback": "all that it requires is left out",
    }
    reasons = {job.name: job.reason for job in flow("main", git__tag="v1").left_out}
    assert reasons["build"] == "its filters: no tags"
    assert "tagged" not in reasons


def test_a_schedule_is_told_with_its_branches() -> None:
    assert flow("nightly", git__branch="x").reason == "scheduled at 0 3 * * * on main (UTC)"


def test_what_a_schedule_starts_is_told_in_place_of_what_a_push_starts() -> None:
    flows = {
        branch: overview(config(git__branch=branch), scheduled=True) for branch in ("main", "x")
    }
    assert [(flow.name, flow.state) for flow in flows["main"]][:2] == [
        ("main", "filtered"),
        ("nightly", "starts"),
    ]
    assert flows["main"][0].headline == "does not run: a push starts it, and no schedule"
    assert flows["x"][1].headline.endswith("on main (UTC), not for branch x")


def test_a_workflow_without_jobs_for_this_branch_says_so() -> None:
    assert flow("release", git__branch="x").reason == "no job of it is for branch x"
    assert flow("release", git__tag="v1").reason == "starts for tag v1"


def test_expressions_that_leave_a_workflow_without_jobs_are_told() -> None:
    flows = overview(
        config("  a: {jobs: [{build: {filters: pipeline.number == 0}}]}\n  b: {jobs: [test]}")
    )
    assert (flows[0].state, flows[0].reason) == ("filtered", "the filters of its jobs leave none")
    assert [job.name for job in flows[0].left_out] == ["build"]


def test_what_is_known_of_a_job() -> None:
    jobs = {job.name: job for job in flow("main", git__branch="main").jobs}
    assert jobs["test"].executor == "docker cimg/ruby:3.3"
    assert jobs["test"].services == ("postgres:16",)
    assert (jobs["test"].resource_class, jobs["test"].parallelism) == ("large", 2)
    assert jobs["test"].contexts == ("aws",)
    assert jobs["tagged"].filters == "all branches; only tags /v.*/"
    assert jobs["hold"].kind == "approval"
    assert jobs["deploy"].where == "config.yml:36:9"


# Lists --------------------------------------------------------------------------------------------


def test_a_list_has_a_line_for_each_job_where_there_is_room() -> None:
    lines = listing_lines([flow("main", git__branch="main")])
    assert lines[0] == "main  starts for branch main"
    assert lines[1].split() == ["JOB", "RUNS", "IN", "REQUIRES", "NOTES"]
    (test,) = (line for line in lines if line.startswith("  test ×2"))
    assert "docker cimg/ruby:3.3, large  build" in test
    assert test.endswith("services postgres:16; contexts aws")
    assert lines[-1] == "  left out: after-never (all that it requires is left out)"


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_a_list_fits_into_the_terminal(width: int) -> None:
    flows = overview(config(git__branch="main"))
    lines = listing_lines(flows, width=width)
    assert max(map(cell_width, lines)) <= width
    text = " ".join(" ".join(lines).split())
    assert "after test" in text or "REQUIRES" in text
    assert "pipeline.parameters.e2e is false" in text


def test_a_list_for_programs_has_the_same() -> None:
    data = listing_data(overview(config(git__branch="main")))
    assert [entry["state"] for entry in data] == [
        "starts",
        "scheduled",
        "skipped",
        "skipped",
        "filtered",
    ]
    rollback = next(job for job in data[0]["jobs"] if job["name"] == "rollback")
    assert rollback["requires"] == {"deploy": ["failed"]}


# Plans --------------------------------------------------------------------------------------------


def plan(*kept: str) -> FlowPreview:
    compiled = config(git__branch="main")
    planned = plan_run(compiled, Choice("main"), branch="main")
    return preview(compiled, planned[0], kept)


def no_note(_template: str, _is_saved: bool) -> str:
    return ""


def test_jobs_are_planned_in_the_order_in_which_they_can_start() -> None:
    names = [job.job.name for job in plan().jobs]
    assert names == ["build", "tagged", "test", "hold", "deploy", "rollback"]


def test_what_only_runs_after_a_failure_is_said() -> None:
    lines = plan_lines(plan(), key_note=no_note)
    rollback = next(n for n, line in enumerate(lines) if "rollback" in line)
    assert lines[rollback].startswith("  6  rollback  machine; after deploy (failed)")
    assert lines[rollback + 1].strip() == "not run when all goes well"


def test_what_waits_for_a_job_that_this_machine_cannot_run_is_not_expected() -> None:
    compiled = compile_config("""
version: 2.1
jobs:
  vm: {machine: true, steps: [checkout]}
  lint: &job {docker: [{image: node:20}], steps: [run: echo]}
  after: *job
workflows: {main: {jobs: [vm, lint, after: {requires: [vm]}]}}
""")
    planned = plan_run(compiled, Choice())
    made = preview(compiled, planned[0], (), ExecutorOptions(machine="container"))
    lines = plan_lines(made, key_note=no_note)
    assert [(job.job.name, job.is_expected) for job in made.jobs] == [
        ("vm", False),
        ("lint", True),
        ("after", False),
    ]
    assert "cannot run: machine jobs are to run in containers" in lines[1]
    assert lines[2].startswith("  2  lint")
    assert lines[5].strip() == "not run when all goes well"


def test_an_approval_says_whether_it_passes() -> None:
    assert any("hold  approval: asks" in line for line in plan_lines(plan(), key_note=no_note))
    for names in (["all"], ["hold"]):
        lines = plan_lines(plan(), key_note=no_note, approved=names)
        assert any("hold  approval: passes by --approve" in line for line in lines)


def test_steps_are_shown_with_what_they_do() -> None:
    lines = [line.strip() for line in plan_lines(plan(), key_note=no_note)[2:16]]
    assert lines == [
        "checkout: Checkout code",
        "restore_cache: Restoring cache",
        'gems-{{ checksum "Gemfile.lock" }}',
        "gems-",
        "run: bundle install",
        "run: Test  (always)",
        "set -e",
        "bin/rails test",
        "one",
        "two",
        "… and 1 more lines",
        "save_cache: Saving cache",
        'gems-{{ checksum "Gemfile.lock" }}',
        "paths: [vendor]",
    ]
    assert any(
        "sleep 9  (in the background)" in line for line in plan_lines(plan(), key_note=no_note)
    )


def test_keys_are_shown_as_they_come_out_and_for_saving_to_the_letter() -> None:
    asked: list[tuple[str, bool]] = []

    def note(template: str, is_saved: bool) -> str:
        asked.append((template, is_saved))
        return f"noted {len(asked)}"

    lines = [line.strip() for line in plan_lines(plan(), key_note=note)]
    assert "noted 1" in lines
    assert asked[:3] == [
        ('gems-{{ checksum "Gemfile.lock" }}', False),
        ("gems-", False),
        ('gems-{{ checksum "Gemfile.lock" }}', True),
    ]


def test_a_job_that_is_taken_over_shows_no_steps() -> None:
    lines = plan_lines(plan("build"), key_note=no_note)
    assert lines[2].strip() == "taken over from the earlier run"
    assert lines[3].lstrip().startswith("2  tagged")


def test_a_plan_for_programs_has_whole_commands() -> None:
    data = plan_data(plan("build"))
    assert data["jobs"][0]["kept"]
    test = data["jobs"][2]["steps"][3]
    assert (test["type"], test["name"]) == ("run", "Test")
    assert test["options"]["command"].count("\n") == 7
    assert [job["expected"] for job in data["jobs"]] == [True] * 5 + [False]
