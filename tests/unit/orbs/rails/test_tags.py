"""Tags from templates."""

from __future__ import annotations

import pytest

from orbs.rails.tags import render_tags
from pipeline.errors import InvalidInput
from pipeline.project import Revision

CLEAN = Revision(commit="0123456789abcdef0123", branch="feature/new things")


@pytest.mark.parametrize(
    ("template", "tag"),
    [
        ("{revision}", "0123456789abcdef0123"),
        ("{short}", "0123456789ab"),
        ("{branch}", "feature-new-things"),
        ("ci-{env.CIRCLE_BUILD_NUM}", "ci-42"),
        ("latest", "latest"),
    ],
)
def test_a_template_is_filled_in(template: str, tag: str) -> None:
    assert render_tags([template], CLEAN, {"CIRCLE_BUILD_NUM": "42"}) == (tag,)


def test_a_checkout_with_changes_says_so_in_its_tag() -> None:
    dirty = Revision(commit="0123456789abcdef0123", dirty=True)
    assert render_tags(["{short}"], dirty, {}) == ("0123456789ab-dirty",)


def test_the_same_tag_twice_is_one() -> None:
    assert render_tags(["a", "b", "a"], CLEAN, {}) == ("a", "b")


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{revison}", "unknown field {revison}"),
        ("{env.NOT_SET}", "needs {env.NOT_SET}, which is empty"),
        ("release/1", "'release/1' cannot be a tag"),
        (".x", "cannot be a tag"),
        ("x" * 129, "cannot be a tag"),
    ],
)
def test_what_cannot_be_a_tag_is_refused(template: str, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        render_tags([template], CLEAN, {})
    assert said in str(caught.value)
