"""Options of `ci.run`: which go together, and which of an earlier run's count again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.checkout_values import CheckoutValues
from pipeline.ci_options import CompileOptions
from pipeline.config.nodes import Source
from pipeline.errors import InvalidInput
from pipeline.local_options import (
    LocalOptions,
    as_before,
    check_options,
    options_to_keep,
    with_pipeline,
)
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


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"failed_tests": True}, "goes with --failed"),
        ({"passed": ("a=1",)}, "goes with --continue"),
        ({"in_place": True, "committed": True}, "take one"),
        ({"trigger": "cron"}, "--trigger is one of push"),
        ({"job_timeout": "soon"}, "--job-timeout"),
    ],
)
def test_options_that_cannot_be_are_refused(wrong: Mapping[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput) as error:
        check_options(replace(NOTHING, **wrong))
    assert words in str(error.value)


def test_a_record_has_the_options_that_were_given_alone() -> None:
    given = replace(NOTHING, tag="v1", executor="host", in_place=True)
    assert options_to_keep(given) == {"tag": "v1", "executor": "host"}


@pytest.mark.parametrize(
    ("now", "then", "found"),
    [
        ({}, {"tag": "v1", "executor": "host"}, {"tag": "v1", "executor": "host"}),
        ({"branch": "main"}, {"tag": "v1"}, {"branch": "main"}),
        ({"executor": "docker"}, {"executor": "host"}, {"executor": "docker"}),
        ({}, {"trigger": "schedule"}, {"trigger": "schedule"}),
        ({}, {"one of another version": "x"}, {}),
    ],
)
def test_what_is_not_given_is_as_before(
    compiling: CompileOptions, now: Any, then: Any, found: Any
) -> None:
    earlier = RunRecord("r", parameters={"deep": True}, choice={"job": "test"}, options=then)
    after, options = as_before(earlier, CONFIG, compiling, replace(NOTHING, **now))
    assert options_to_keep(options) == found
    assert options.choice == Choice(job="test")
    assert after.file_parameters == {"deep": True}


def test_a_tag_that_is_taken_over_is_a_value_of_the_pipeline(compiling: CompileOptions) -> None:
    values = with_pipeline(compiling, replace(NOTHING, tag="v1", trigger="api")).values
    assert values["pipeline.git.tag"] == "v1"
    assert values["pipeline.git.branch"] is None
    assert values["pipeline.trigger_source"] == "api"


def test_a_value_that_is_given_wins_over_what_options_mean(compiling: CompileOptions) -> None:
    given = compiling.with_values({"pipeline.trigger_source": "elsewhere"})
    assert with_pipeline(given, NOTHING).values["pipeline.trigger_source"] == "elsewhere"


def test_a_parameter_with_a_secret_has_to_be_given_again(compiling: CompileOptions) -> None:
    earlier = RunRecord("r1", parameters={"token": "Bearer ****"})
    with pytest.raises(InvalidInput, match="token of the run r1") as error:
        as_before(earlier, CONFIG, compiling, NOTHING)
    assert "--param token=VALUE" in (error.value.hint or "")
    given = replace(compiling, written_parameters={"token": "Bearer x"})
    after, _ = as_before(earlier, CONFIG, given, NOTHING)
    assert after.written_parameters == {"token": "Bearer x"}
