"""The pages of the docs are true to the code: options, commands and links."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pipeline.ci_settings import CiSettings
from pipeline.program import collect_namespace

PROJECT = Path(__file__).resolve().parents[2]
DOCS = PROJECT / "docs"
PAGES = [*sorted(DOCS.glob("**/*.md")), *(PROJECT / name for name in ("README.md", "CHANGELOG.md"))]
RUNNER_PAGES = [
    "running-locally.md",
    "run-variables.md",
    "setup-configurations.md",
    "steps.md",
    "what-runs.md",
    "executors.md",
    "debugging.md",
    "reports.md",
]
CORE = {"--help", "--list", "--debug", "--version", "--print-completion-script"}
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
ENDS = re.compile(r"\s(?:#|[|>&;]|2>|<(?=\s)).*|…")
"""What follows a command in a line: a comment, another program, an ellipsis."""


@cache
def contexts() -> Mapping[str, Any]:
    """The parser's contexts of all tasks, by every name that they have."""
    found = {}
    for context in collect_namespace(PROJECT).to_contexts():
        for name in (context.name, *context.aliases):
            found[name] = context
    return found


def commands(page: Path) -> Iterator[tuple[int, str]]:
    """The lines and spans of a page that call ``orbyard``, with their line numbers."""
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("    "):
            written = re.match(r" +(?:\$ )?(?:[A-Z_]+=\S* )*(orbyard .*)", line)
            if written:
                yield number, written[1]
            continue
        for span in SPAN.findall(line):
            if re.match(r"(?:[A-Z_]+=\S* )*orbyard \S", span):
                yield number, span[span.index("orbyard") :]


def mistakes(command: str) -> Iterator[str]:
    """What is wrong in a command: a task that is not there, an option that it has not."""
    words = shlex.split(ENDS.sub("", command))[1:]
    context: Any = None
    value_follows = False
    for word in words:
        if value_follows:
            value_follows = False
        elif word.startswith("--") or (word.startswith("-") and word != "-"):
            name, equals, _ = word.partition("=")
            if name in CORE:
                continue
            if context is None or name not in context.flags:
                yield f"no option {name}" + (f" of {context.name}" if context else "")
            else:
                value_follows = context.flags[name].takes_value and not equals
        elif word in contexts():
            context = contexts()[word]
        elif context is None and word != "TASK" and "--print-completion-script" not in words:
            yield f"no task {word}"
    if value_follows:
        yield "an option lacks its value"


def names_of(pages: list[Path]) -> list[str]:
    return [str(page.relative_to(PROJECT)) for page in pages]


@pytest.mark.parametrize("page", PAGES, ids=names_of(PAGES))
def test_every_command_of_a_page_is_one(page: Path) -> None:
    wrong = [
        f"{page.name}:{number}: {command}: {mistake}"
        for number, command in commands(page)
        for mistake in mistakes(command)
    ]
    assert wrong == []


def test_a_command_that_is_wrong_is_found() -> None:
    assert list(mistakes("orbyard ci.rnu")) == ["no task ci.rnu"]
    assert list(mistakes("orbyard --job=x ci.run")) == ["no option --job"]
    assert list(mistakes("orbyard ci.run --jbo x")) == ["no option --jbo of ci.run"]
    assert list(mistakes("orbyard ci.run --job x --env A=b -e C  # as you like")) == []
    assert list(mistakes("orbyard ci.run --job")) == ["an option lacks its value"]
    assert len(list(commands(DOCS / "running-locally.md"))) > 10


@pytest.mark.parametrize("name", sorted(name for name in contexts() if name.startswith("ci.")))
def test_every_option_of_the_tasks_for_circleci_is_in_the_docs(name: str) -> None:
    texts = "\n".join(page.read_text(encoding="utf-8") for page in DOCS.glob("*.md"))
    if name == "ci.run":
        texts = "\n".join((DOCS / page).read_text(encoding="utf-8") for page in RUNNER_PAGES)
    arguments = [one for one in contexts()[name].args.values() if not one.positional]
    options = {f"--{argument.names[0]}" for argument in arguments}
    missing = {option for option in options if not re.search(rf"{option}(?![a-z-])", texts)}
    assert missing == set()


@pytest.mark.parametrize("page", PAGES, ids=names_of(PAGES))
def test_what_pages_call_by_ci_is_a_task_or_a_setting(page: Path) -> None:
    known = {f"ci.{field.name}" for field in fields(CiSettings)} | set(contexts())
    spans = {span for span in SPAN.findall(page.read_text(encoding="utf-8")) if "\n" not in span}
    named = {span for span in spans if re.fullmatch(r"ci\.[a-z_]+(\.[a-z_]+)*", span)}
    assert named <= known


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    found: set[str] = set()
    for line in page.read_text(encoding="utf-8").splitlines():
        if heading := re.match(r"#+ (.+)", line):
            plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).replace("`", "").lower()
            found.add(re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", PAGES, ids=names_of(PAGES))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    lost = []
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        other = (page.parent / path).resolve() if path else page
        if not other.exists() or (anchor and anchor not in anchors(other)):
            lost.append(target)
    assert lost == []


def test_every_page_is_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    left = [PROJECT / "README.md"]
    while left:
        page = left.pop()
        if page in seen or not page.exists() or page.suffix != ".md":
            continue
        seen.add(page)
        for target in LINK.findall(page.read_text(encoding="utf-8")):
            if not re.match(r"[a-z]+:", target):
                left.append((page.parent / target.partition("#")[0]).resolve())
    assert {str(page) for page in DOCS.glob("*.md") if page not in seen} == set()
