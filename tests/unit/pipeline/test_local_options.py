"""Options of `ci.run`: which go together, and which of an earlier run's count again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.checkout_values import CheckoutValues
from pipeline.ci_options import CompileOptions
from pipeline.errors import InvalidInput
from pipeline.local_options import LocalOptions, check_options, with_pipeline
from pipeline.orb_store import RepositoryOrbs
from pipeline.runner.plan import Choice

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
        ({"in_place": True, "watch": True}, "take one"),
        ({"trigger": "cron"}, "--trigger is one of push"),
        ({"job_timeout": "soon"}, "--job-timeout"),
    ],
)
def test_options_that_cannot_be_are_refused(wrong: Mapping[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput) as error:
        check_options(replace(NOTHING, **wrong))
    assert words in str(error.value)


def test_a_tag_that_is_taken_over_is_a_value_of_the_pipeline(compiling: CompileOptions) -> None:
    values = with_pipeline(compiling, replace(NOTHING, tag="v1", trigger="api")).values
    assert values["pipeline.git.tag"] == "v1"
    assert values["pipeline.git.branch"] is None
    assert values["pipeline.trigger_source"] == "api"


def test_a_value_that_is_given_wins_over_what_options_mean(compiling: CompileOptions) -> None:
    given = compiling.with_values({"pipeline.trigger_source": "elsewhere"})
    assert with_pipeline(given, NOTHING).values["pipeline.trigger_source"] == "elsewhere"
