from __future__ import annotations

from pathlib import Path

from orbs.kubernetes.lint import RULES, describe_rules
from pipeline.yamlfile import parse_documents

DOCS = Path(__file__).resolve().parents[5] / "docs"


def test_the_page_in_the_docs_is_the_one_made_of_the_rules() -> None:
    assert (DOCS / "lint.md").read_text(encoding="utf-8") == describe_rules(), (
        'write it anew: python -c "from orbs.kubernetes.lint import describe_rules; '
        "print(describe_rules(), end='')\" > docs/lint.md"
    )


def test_every_rule_has_a_section_with_an_example_that_is_yaml() -> None:
    page = describe_rules()

    for rule in RULES.values():
        assert f"## `{rule.name}`" in page
        assert parse_documents(rule.example.replace("…", "x"), rule.name)
