"""Exit codes and the words of errors."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import pytest

import orbs
import pipeline
from pipeline.errors import (
    Interrupted,
    InvalidInput,
    Location,
    OrbyardError,
    Unavailable,
    WorkFailed,
    caused_at,
    did_you_mean,
    excerpt,
)


def test_each_kind_of_error_has_the_documented_exit_code() -> None:
    codes = [kind.exit_code for kind in (WorkFailed, InvalidInput, Unavailable, Interrupted)]
    assert codes == [1, 2, 3, 130]


def every_error(kind: type[OrbyardError]) -> Iterator[type[OrbyardError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from every_error(child)


def test_no_error_of_any_orb_has_another_exit_code() -> None:
    for package in (pipeline, orbs):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    assert {kind.exit_code for kind in every_error(OrbyardError)} == {1, 2, 3, 130}


@pytest.mark.parametrize("limit", [40, 400])
def test_foreign_text_is_cut_to_the_limit_and_keeps_both_ends(limit: int) -> None:
    text = "begin " + "x" * 1000 + " end"
    cut = excerpt(text, limit)
    assert len(cut) <= limit
    assert cut.startswith("begin")
    assert cut.endswith("end")
    assert excerpt(" short ") == "short"


def test_an_error_gets_the_place_of_the_innermost_block_that_knows_one() -> None:
    inner, outer = Location("config.yml", 4), Location("config.yml", 2)
    error = WorkFailed("no such image")
    with pytest.raises(WorkFailed), caused_at(outer), caused_at(inner), caused_at(None):
        raise error
    assert str(error) == "config.yml:4: no such image"


def test_the_nearest_name_is_offered_and_nothing_where_none_is_near() -> None:
    assert did_you_mean("stagin", ["staging", "production"]) == "did you mean 'staging'?"
    assert did_you_mean("zzz", ["staging", "production"]) is None
