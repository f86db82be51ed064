"""Every code has a page, and its examples are what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.code_examples import example_findings
from pipeline.code_pages import CODE_PAGES, code_documents, explain_code
from pipeline.config.codes import CODES
from pipeline.config.pages.page import CodePage
from pipeline.config.rendering import findings_short
from pipeline.errors import InvalidInput

DOCS = Path(__file__).resolve().parents[4] / "docs" / "config-codes"


@pytest.fixture(scope="module")
def documents() -> dict[str, str]:
    return code_documents()


each_page = pytest.mark.parametrize("page", CODE_PAGES.values(), ids=list(CODE_PAGES))


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert list(CODE_PAGES) == list(CODES)


@each_page
def test_the_bad_example_has_the_code(page: CodePage) -> None:
    found = example_findings(page)
    assert page.code in {finding.code for finding in found}, findings_short(found)


@each_page
def test_the_bad_example_has_no_other_error(page: CodePage) -> None:
    found = [finding for finding in example_findings(page) if finding.severity == "error"]
    others = [finding for finding in found if finding.code != page.code]
    assert findings_short(others) == ""


@each_page
def test_the_good_example_has_nothing_wrong_with_it(page: CodePage) -> None:
    assert findings_short(example_findings(page, good=True)) == ""


@each_page
def test_the_text_is_short_and_has_no_numbers_of_rules(page: CodePage) -> None:
    assert 60 < len(page.text) < 900
    assert "C1" not in page.text


@each_page
def test_the_page_of_a_warning_says_how_to_turn_it_off_and_that_of_an_error_does_not(
    page: CodePage, documents: dict[str, str]
) -> None:
    document = documents[f"{page.code}.md"]
    is_warning = CODES[page.code].severity == "warning"
    assert (f"# orbyard: ignore[{page.code}]" in document) is is_warning
    assert (f"--disable {page.code}" in document) is is_warning
    assert (f"disable: [{page.code}]" in document) is is_warning


@each_page
def test_the_page_quotes_what_is_said_of_the_bad_example(
    page: CodePage, documents: dict[str, str]
) -> None:
    said = f"```text\n{CODES[page.code].severity}[{page.code}]: "
    assert said in documents[f"{page.code}.md"]


def test_the_index_has_every_code_with_its_severity(documents: dict[str, str]) -> None:
    index = documents["README.md"]
    for code in CODES.values():
        assert f"| [`{code.name}`]({code.name}.md) | {code.severity} | {code.title} |" in index


def test_the_folder_of_the_pages_has_no_page_without_a_code() -> None:
    assert {path.name for path in DOCS.iterdir()} == {"README.md", *(f"{c}.md" for c in CODES)}


def test_a_code_is_explained_in_the_terminal_with_both_examples() -> None:
    shown = explain_code("[unused-job]")
    assert shown.startswith("unused-job (warning): No workflow reaches a job.")
    assert "    jobs: [test, lint]" not in shown.partition("put right:")[0]
    assert "    jobs: [test, lint]" in shown.partition("put right:")[2]
    assert "# orbyard: ignore[unused-job]" in shown


def test_an_unknown_code_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(InvalidInput) as caught:
        explain_code("unused-jobs")
    assert caught.value.hint == "did you mean 'unused-job'?"
