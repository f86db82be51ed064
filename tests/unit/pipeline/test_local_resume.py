"""Which options of an earlier run count again, and that no value of a variable is written down."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.checkout_values import CheckoutValues
from pipeline.ci_options import CompileOptions
from pipeline.config.nodes import Source
from pipeline.errors import InvalidInput
from pipeline.local_options import LocalOptions
from pipeline.local_resume import as_before, options_to_keep, variables_missing
from pipeline.orb_store import RepositoryOrbs
from pipeline.runner.plan import Choice
from pipeline.runner.record import RunRecord

CONFIG = Source(
    "config.yml", "version: 2.1\nparameters:\n  deep: {type: boolean, default: false}\n"
)
NOTHING = LocalOptions(Choice())


@pytest.fixture
def compiling(tmp_path: Path) -> CompileOptions:
    return CompileOptions({}, {}, CheckoutValues(tmp_path), RepositoryOrbs(tmp_path, {}), (), False)


def test_a_record_has_the_options_that_were_given_alone() -> None:
    given = replace(NOTHING, tag="v1", executor="host", at_once=3, in_place=True)
    assert options_to_keep(given, Path("/here")) == {
        "tag": "v1",
        "executor": "host",
        "in_place": True,
    }


def test_files_are_kept_by_paths_that_hold_elsewhere_and_of_variables_the_names() -> None:
    given = replace(
        NOTHING,
        orbs=("acme/deploy=orb.yml",),
        contexts=("test=a.env", "none="),
        env_file="b.env",
        volumes=("data:/data:ro",),
        env=("TOKEN=hunter2", "HOME"),
    )
    assert options_to_keep(given, Path("/here")) == {
        "orbs": ["acme/deploy=/here/orb.yml"],
        "contexts": ["test=/here/a.env", "none="],
        "env_file": "/here/b.env",
        "volumes": ["/here/data:/data:ro"],
        "env": ["TOKEN"],
        "env_passed": ["HOME"],
    }


@pytest.mark.parametrize(
    ("now", "then", "found"),
    [
        ({}, {"tag": "v1", "executor": "host"}, {"tag": "v1", "executor": "host"}),
        ({"branch": "main"}, {"tag": "v1"}, {"branch": "main"}),
        ({"executor": "docker"}, {"executor": "host"}, {"executor": "docker"}),
        ({}, {"trigger": "schedule"}, {"trigger": "schedule"}),
        ({}, {"one of another version": "x"}, {}),
        ({}, {"in_place": True}, {"in_place": True}),
        ({"committed": True}, {"in_place": True}, {"committed": True}),
        (
            {"values": ("pipeline.number=2",)},
            {"values": ["pipeline.number=1", "pipeline.id=x"]},
            {"values": ["pipeline.id=x", "pipeline.number=2"]},
        ),
        (
            {"volumes": ("/c:/data",)},
            {"volumes": ["/a:/data", "/b:/other"]},
            {"volumes": ["/b:/other", "/c:/data"]},
        ),
    ],
)
def test_what_is_not_given_is_as_before(
    compiling: CompileOptions, now: Any, then: Any, found: Any
) -> None:
    earlier = RunRecord("r", parameters={"deep": True}, choice={"job": "test"}, options=then)
    after, options = as_before(earlier, CONFIG, compiling, replace(NOTHING, **now), {})
    assert options_to_keep(options, Path("/")) == found
    assert options.choice == Choice(job="test")
    assert after.file_parameters == {"deep": True}


def test_a_parameter_with_a_secret_has_to_be_given_again(compiling: CompileOptions) -> None:
    earlier = RunRecord("r1", parameters={"token": "Bearer ****"})
    with pytest.raises(InvalidInput, match="token of the run r1") as error:
        as_before(earlier, CONFIG, compiling, NOTHING, {})
    assert "--param token=VALUE" in (error.value.hint or "")
    given = replace(compiling, written_parameters={"token": "Bearer x"})
    after, _ = as_before(earlier, CONFIG, given, NOTHING, {})
    assert after.written_parameters == {"token": "Bearer x"}


def test_values_of_the_pipeline_count_again_unless_others_are_given(
    compiling: CompileOptions,
) -> None:
    earlier = RunRecord("r1", options={"values": ["pipeline.number=12", "pipeline.id=x"]})
    given = compiling.with_values({"pipeline.id": "y"})
    now = replace(NOTHING, values=("pipeline.id=y",))
    after, _ = as_before(earlier, CONFIG, given, now, {})
    assert (after.values["pipeline.number"], after.values["pipeline.id"]) == (12, "y")


def test_parameters_of_a_job_go_with_the_choice_of_it(compiling: CompileOptions) -> None:
    earlier = RunRecord("r1", choice={"job": "a"}, options={"job_parameters": ["n=1"]})
    _, options = as_before(earlier, CONFIG, compiling, NOTHING, {})
    assert options.job_parameters == ("n=1",)
    other = replace(NOTHING, choice=Choice(job="b"))
    _, options = as_before(earlier, CONFIG, compiling, other, {})
    assert options.job_parameters == ()


def test_an_option_with_a_secret_has_to_be_given_again(compiling: CompileOptions) -> None:
    earlier = RunRecord("r1", options={"values": ["pipeline.id=****"]})
    with pytest.raises(InvalidInput, match="of the run r1 had a secret in it") as error:
        as_before(earlier, CONFIG, compiling, NOTHING, {})
    assert "give it again: --value" in (error.value.hint or "")


def test_variables_that_were_passed_on_are_passed_on_and_those_that_are_missing_are_named(
    compiling: CompileOptions,
) -> None:
    earlier = RunRecord("r1", options={"env": ["TOKEN", "A"], "env_passed": ["HERE", "GONE"]})
    now = replace(NOTHING, env=("A=1",))
    _, options = as_before(earlier, CONFIG, compiling, now, {"HERE": "x"})
    assert options.env == ("HERE", "A=1")
    assert variables_missing(earlier, ["HERE", "A"]) == ["TOKEN", "GONE"]


def test_what_is_taken_over_has_to_go_with_what_is_given(compiling: CompileOptions) -> None:
    earlier = RunRecord("r1", options={"in_place": True})
    with pytest.raises(InvalidInput, match="--watch would see"):
        as_before(earlier, CONFIG, compiling, replace(NOTHING, watch=True), {})
