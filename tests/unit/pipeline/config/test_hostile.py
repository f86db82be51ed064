"""Input that is made to do harm is refused with a word, before it costs anything."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from pipeline.config import Limits, check
from pipeline.config.findings import Finding
from pipeline.config.java_regex import BadRegex, full_match
from pipeline.config.nodes import Source
from pipeline.config.orb_references import FoundOrb, OrbReference

JOB = "docker: [{image: cimg/ruby:3.2.2}]"


def errors(text: str, **options: object) -> list[Finding]:
    found = check(text, **options)  # type: ignore[arg-type]  # options of check
    return [finding for finding in found if finding.severity == "error"]


def codes(text: str, **options: object) -> set[str]:
    return {finding.code for finding in errors(text, **options)}


def test_aliases_of_aliases_are_counted_in_full_and_refused() -> None:
    lines = ["version: 2.1", "a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 30)]
    (found,) = errors("\n".join(lines))
    assert found.code == "too-large"
    assert "alias" in found.message


def test_merges_of_merges_are_counted_in_full_and_refused() -> None:
    lines = ["version: 2.1", "a0: &a0 {x: 1}"]
    lines += [
        f"a{i}: &a{i} {{" + ", ".join(f"k{n}: {{<<: *a{i - 1}}}" for n in range(10)) + "}"
        for i in range(1, 12)
    ]
    assert codes("\n".join(lines)) == {"too-large"}


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 50_000, "- " * 100_000, "a:\n" * 3])
def test_deep_nesting_is_refused(text: str) -> None:
    assert codes(text) & {"too-large", "yaml-syntax", "yaml-duplicate-key"}


def test_an_alias_to_what_it_stands_in_is_refused() -> None:
    assert codes("version: 2.1\njobs: &jobs\n  build: *jobs\n") == {"yaml-syntax"}


def test_a_file_beyond_the_limit_is_refused_unread() -> None:
    (found,) = errors("version: 2.1\n# " + "x" * 1000, limits=Limits(text_length=500))
    assert (found.code, found.where.line) == ("too-large", 1)


def test_a_matrix_of_a_million_jobs_is_refused_unmultiplied() -> None:
    values = ", ".join(f'"{n}"' for n in range(100))
    text = f"""
version: 2.1
jobs:
  build:
    parameters: {{a: {{type: string}}, b: {{type: string}}, c: {{type: string}}}}
    {JOB}
    steps: [checkout]
workflows:
  main:
    jobs:
      - build: {{matrix: {{parameters: {{a: [{values}], b: [{values}], c: [{values}]}}}}}}
"""
    (found,) = errors(text)
    assert found.code == "too-large"
    assert "1,000,000" in found.message


def test_commands_that_multiply_steps_are_stopped() -> None:
    commands = "\n".join(
        f"  c{n}: {{steps: [{', '.join([f'c{n - 1}'] * 10)}]}}" for n in range(1, 12)
    )
    text = f"""
version: 2.1
commands:
  c0: {{steps: [checkout]}}
{commands}
jobs:
  build: {{{JOB}, steps: [c11]}}
"""
    assert codes(text, limits=Limits(steps=20_000)) == {"too-large"}


def test_parameters_that_double_a_text_are_stopped() -> None:
    commands = "\n".join(
        f"  c{n}: {{parameters: {{t: {{type: string}}}}, steps: [c{n - 1}: "
        '{t: "<< parameters.t >><< parameters.t >>"}]}'
        for n in range(1, 40)
    )
    text = f"""
version: 2.1
commands:
  c0: {{parameters: {{t: {{type: string}}}}, steps: [run: "<< parameters.t >>"]}}
{commands}
jobs:
  build: {{{JOB}, steps: [c39: {{t: xxxxxxxxxx}}]}}
"""
    assert codes(text, limits=Limits(expanded_text=1_000_000)) == {"too-large"}


def test_commands_that_call_each_other_are_refused_by_name() -> None:
    text = f"""
version: 2.1
commands:
  one: {{steps: [two]}}
  two: {{steps: [three]}}
  three: {{steps: [one]}}
jobs:
  build: {{{JOB}, steps: [one]}}
"""
    (found,) = errors(text)
    assert found.code == "recursion"
    assert "one > two > three > one" in found.message


class Circular:
    """Every orb imports the next, and the third the first."""

    def find(self, reference: OrbReference) -> FoundOrb:
        number = int(reference.name.removeprefix("orb"))
        text = f"version: 2.1\norbs: {{next: acme/orb{(number + 1) % 3}@1}}\n"
        return FoundOrb(Source(f"orb{number}.yml", text), f"acme/orb{number}@1.0.0")


class Endless(Circular):
    """Every orb imports another one, without end."""

    def find(self, reference: OrbReference) -> FoundOrb:
        number = int(reference.name.removeprefix("orb"))
        text = f"version: 2.1\norbs: {{next: acme/orb{number + 1}@1}}\n"
        return FoundOrb(Source(f"orb{number}.yml", text), f"acme/orb{number}@1.0.0")


@pytest.mark.parametrize("sources", [Circular(), Endless()])
def test_orbs_that_import_each_other_without_end_are_refused(sources: Circular) -> None:
    text = (
        f"version: 2.1\norbs: {{a: acme/orb0@1}}\njobs: {{build: {{{JOB}, steps: [checkout]}}}}\n"
    )
    assert codes(text, orbs=sources) == {"orb-cycle"}


@pytest.mark.parametrize(
    "pattern",
    [
        "(a*)*(a*)*(a*)*b",
        "(a|aa)+$",
        "((a{1000}){1000}){1000}",
        "a{99999999}",
        "(" * 5000,
        "(x+x+)+y",
    ],
)
def test_a_pattern_that_blows_up_ends_in_time(pattern: str) -> None:
    try:
        matches = full_match(pattern, "a" * 60 + "!")
    except BadRegex:
        matches = False
    assert matches is False


def test_a_pattern_that_blows_up_in_a_filter_is_no_matter_until_it_is_matched() -> None:
    text = f"""
version: 2.1
jobs:
  build: {{{JOB}, steps: [checkout]}}
workflows:
  main:
    when: {{matches: {{pattern: "((a{{900}}){{900}})", value: << pipeline.git.branch >>}}}}
    jobs:
      - build: {{filters: {{branches: {{only: "/(a+)+$/"}}}}}}
"""
    assert codes(text, values={"pipeline.git.branch": "a" * 50}) == {"bad-regex"}


def test_thousands_of_mistakes_are_cut_to_what_can_be_read() -> None:
    jobs = "\n".join(f"  job{n}: {{{JOB}, steps: [nothing{n}]}}" for n in range(1000))
    invoked = "\n".join(f"      - job{n}" for n in range(1000))
    text = f"version: 2.1\njobs:\n{jobs}\nworkflows:\n  main:\n    jobs:\n{invoked}\n"
    assert 100 <= len(errors(text)) <= 200


def test_an_expression_or_section_nested_beyond_reason_is_refused() -> None:
    deep = "(" * 3000 + "true" + ")" * 3000
    sections = "<<# pipeline.number >>" * 300 + "<</ pipeline.number >>" * 300
    for value in (f"<< {deep} >>", sections, f"<< {'not ' * 3000}true >>"):
        job = f"{JOB}, environment: {{A: '{value}'}}, steps: [checkout]"
        text = f"version: 2.1\njobs: {{build: {{{job}}}}}\n"
        assert codes(text) <= {"expression-syntax", "unclosed-tag"}
        assert codes(text)


def test_warnings_without_number_do_not_hide_an_error() -> None:
    steps = "\n".join(f"      - run: {{command: a{n}, unknown: 1}}" for n in range(300))
    text = f"version: 2.1\njobs:\n  build:\n    {JOB}\n    steps:\n{steps}\n      - nothing\n"
    (found,) = errors(text)
    assert (found.code, found.where.line) == ("unknown-command", 306)


def test_calls_and_conditions_nested_beyond_reason_are_refused() -> None:
    opened, closed = "[{when: {condition: true, steps: " * 70, "}}]" * 70
    commands = "\n".join(f"  c{n}: {{steps: {opened}[c{n + 1}]{closed}}}" for n in range(40))
    text = f"""
version: 2.1
commands:
{commands}
  c40: {{steps: [checkout]}}
jobs: {{build: {{{JOB}, steps: [c0]}}}}
"""
    assert codes(text) == {"too-large"}


def test_an_executor_that_doubles_with_each_call_is_refused() -> None:
    commands = "\n".join(
        f"  c{n}: {{parameters: {{e: {{type: executor}}}}, steps: [c{n + 1}: {{e: {{name: n,"
        " a: << parameters.e >>, b: << parameters.e >>}}]}"
        for n in range(40)
    )
    text = f"""
version: 2.1
executors: {{n: {{{JOB}}}}}
commands:
{commands}
  c40:
    parameters: {{e: {{type: executor}}}}
    steps: [when: {{condition: {{equal: [<< parameters.e >>, n]}}, steps: []}}]
jobs: {{build: {{{JOB}, steps: [c0: {{e: n}}]}}}}
"""
    assert codes(text) == {"too-large"}


SMALL = Limits(expanded_nodes=20_000, steps=2_000, output_text=20_000)
MANY = ", ".join(f"A{n}: 1" for n in range(500))
LIST = ", ".join(f"'{n}'" for n in range(200))


@pytest.mark.parametrize(
    "command",
    [
        f"steps: [run: {{command: a, environment: {{{MANY}}}}}]",
        f"steps: [run: '{'x' * 100}']",
        "steps: [" + "when: {condition: false, steps: []}, " * 50 + "checkout]",
        "steps: [" + "steps: [], " * 50 + "checkout]",
        f"steps: [when: {{condition: {{or: [{'false, ' * 500}]}}, steps: []}}]",
        "parameters: {e: {type: string, default: ''}}, steps: [run: 'x"
        + "<<parameters.e>>" * 500
        + "']",
        "parameters: {"
        + ", ".join(f"p{n}: {{type: integer, default: 1}}" for n in range(500))
        + "}, steps: [checkout]",
    ],
    ids=["environment", "text", "conditions", "splices", "operands", "tags", "parameters"],
)
def test_what_a_command_costs_counts_with_each_call(command: str) -> None:
    calls = "c, " * 400
    text = f"""
version: 2.1
commands: {{c: {{{command}}}}}
jobs: {{build: {{{JOB}, steps: [{calls}]}}}}
"""
    assert codes(text, limits=SMALL) == {"too-large"}


@pytest.mark.parametrize(
    "invocations",
    [
        f"[a: {{matrix: {{alias: m, parameters: {{x: [{LIST}]}}}}}},"
        f" a: {{requires: [m], matrix: {{alias: n, parameters: {{x: [{LIST}]}}}}}}]",
        f"[a: {{filters: {{branches: {{only: [{LIST}]}}}}, matrix: {{parameters: {{x: [{LIST}]}}}}}}]",
        f"[a: {{context: [{LIST}], matrix: {{parameters: {{x: [{LIST}]}}}}}}]",
    ],
    ids=["requires", "filters", "contexts"],
)
def test_what_a_matrix_repeats_counts_with_each_member(invocations: str) -> None:
    text = f"""
version: 2.1
jobs: {{a: {{parameters: {{x: {{type: string}}}}, {JOB}, steps: [checkout]}}}}
workflows: {{main: {{jobs: {invocations}}}}}
"""
    assert codes(text, limits=SMALL) == {"too-large"}


def test_merges_of_one_large_mapping_again_and_again_are_refused() -> None:
    merges = "  - {<<: *b}\n" * 3_000
    text = f"version: 2.1\nb: &b {{{MANY}}}\nx:\n{merges}"
    assert codes(text, limits=Limits(nodes=100_000)) == {"too-large"}


def _invoked(count: int, requires: Callable[[int], str]) -> str:
    jobs = "".join(
        f"      - build: {{name: job{n}, requires: [{requires(n)}]}}\n" for n in range(count)
    )
    return (
        f"version: 2.1\njobs: {{build: {{{JOB}, steps: [checkout]}}}}\n"
        f"workflows:\n  main:\n    jobs:\n{jobs}"
    )


def _excluded() -> str:
    values = ",".join(map(str, range(100)))
    exclude = ",".join(f"{{x: {x}, y: {y}}}" for x in range(100) for y in range(99))
    parameters = "{x: {type: integer}, y: {type: integer}}"
    return (
        f"version: 2.1\njobs: {{a: {{parameters: {parameters}, {JOB}, steps: [checkout]}}}}\n"
        f"workflows: {{main: {{jobs: [a: {{matrix: {{parameters: {{x: [{values}], y: [{values}]}},"
        f" exclude: [{exclude}]}}}}]}}}}\n"
    )


def _one_step(command: str) -> str:
    return f"version: 2.1\njobs:\n  build:\n    {JOB}\n    steps:\n      - run: '{command}'\n"


def _below_long_keys() -> str:
    keys = "".join(f"{' ' * depth}{'k' * 900}:\n" for depth in range(1, 200))
    start = _one_step("a") + "commands: {unused: {steps: [checkout]}}\nx:\n"
    return f"{start}{keys}{' ' * 200}[{'a, ' * 20_000}]\n"


def _filtered_by(pattern: str) -> str:
    jobs = "".join(
        f"      - build: {{name: job{n}, filters: {{branches: {{only: '/{pattern}{n}/'}}}}}}\n"
        for n in range(2_000)
    )
    build = f"version: 2.1\njobs: {{build: {{{JOB}, steps: [checkout]}}}}\n"
    return f"{build}workflows:\n  main:\n    jobs:\n{jobs}"


def _cached() -> str:
    steps = "".join(
        f"      - save_cache: {{key: 'a{n}-{{{{ .Revision }}}}', paths: [x]}}\n"
        f"      - restore_cache: {{key: 'b{n}-{{{{ .Revision }}}}'}}\n"
        for n in range(5_000)
    )
    return _one_step("a") + steps


@pytest.mark.parametrize(
    "text",
    [
        _invoked(8_000, lambda n: f"job{(n + 1) % 8_000}"),
        _invoked(8_000, lambda n: f"nothing{n}"),
        _excluded(),
        _one_step("x" + "<<# pipeline.number >>y<</ pipeline.number >>" * 40_000),
        _one_step("x" + "\\<<a" * 500_000),
        _one_step("a") + "".join(f"      - run: << nothing.x{n} >>\n" for n in range(40_000)),
        _below_long_keys(),
        _cached(),
        "# cci-ignore\nx: " + "&: " * 30_000,
        _one_step("a") + f"      - save_cache: {{key: '{'{{ ' * 100_000}', paths: [x]}}\n",
        "version: 2.1\ncommands:\n"
        + "".join(f"  c{n}: c{n + 1}\n" for n in range(10_000))
        + _one_step("a").removeprefix("version: 2.1\n")
        + "      - c0\n" * 1_000,
        _filtered_by("(a|b)+[xyz]?" * 150),
    ],
    ids=[
        "a ring of jobs",
        "unknown requirements",
        "excluded combinations",
        "sections on a line",
        "escapes",
        "unknown variables",
        "paths below long keys",
        "caches",
        "anchors on a line",
        "templates of a cache",
        "names for names",
        "patterns of filters",
    ],
)
def test_long_input_takes_time_in_proportion(text: str) -> None:
    started = time.process_time()
    check(text)
    assert (
        time.process_time() - started < 8
    )  # None takes more than 2 s; by the square it is minutes.
