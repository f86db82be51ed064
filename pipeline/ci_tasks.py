"""The tasks ``ci.*``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NoReturn

from invoke.collection import Collection
from invoke.exceptions import Exit

from pipeline.ci_cache_tasks import namespace as cache
from pipeline.ci_graph_tasks import graph
from pipeline.ci_report_tasks import report
from pipeline.ci_run_tasks import run_
from pipeline.ci_runs_tasks import artifacts, logs, runs
from pipeline.command import Run, command
from pipeline.compile_help import COMPILE_HELP

if TYPE_CHECKING:
    from pipeline.config.findings import Finding

__all__ = ["namespace"]


@command(
    name="process",
    auto_shortflags=False,
    variadic="config",
    iterable=["param", "value", "orb", "config", "passed"],
    help={
        **COMPILE_HELP,
        "continue_": "of a setup configuration: print what this configuration continues it with",
        "passed": "a pipeline parameter that the setup workflow hands on, as name=value",
        "no_upstream": "leave `upstream` out, as CircleCI's own tool did until 2024",
        "json": "print JSON instead of YAML",
    },
)
def process(
    run: Run,
    config: Iterable[str] | None = None,
    param: Iterable[str] | None = None,
    params_file: str = "",
    value: Iterable[str] | None = None,
    branch: str = "",
    tag: str = "",
    orb: Iterable[str] | None = None,
    continue_: str = "",
    passed: Iterable[str] | None = None,
    no_upstream: bool = False,
    json: bool = False,
) -> None:
    """Print the configuration as CircleCI would run it: orbs, commands and matrices expanded.

    Needs neither the network nor an account. For example:

      orbyard ci.process --param run-e2e=true --branch main
      orbyard ci.process --continue .circleci/continue_config.yml --passed run-e2e=true
    """
    from pipeline.ci_options import compile_options, json_text, read_config
    from pipeline.config.compiler import compile as compile_config
    from pipeline.config.findings import ConfigError
    from pipeline.config.printer import print_config

    options = compile_options(
        run,
        param=param or (),
        params_file=params_file,
        value=value or (),
        branch=branch,
        tag=tag,
        orb=orb or (),
    )
    source = read_config(run, _only(list(config or ())))
    try:
        compiled = compile_config(source, **options.keywords(source))
        if continue_:
            from pipeline.local_continuation import continuation_of_file

            handed = continuation_of_file(run, compiled, options, continue_, passed or ())
            compiled = handed.compiled or compiled
    except ConfigError as error:
        _refuse(run, error.findings)
    if no_upstream:
        from dataclasses import replace

        from pipeline.config.output import without_upstream

        compiled = replace(compiled, data=without_upstream(compiled.data))
    run.console.result(
        json_text(compiled.data) if json else print_config(compiled).removesuffix("\n")
    )


@command(
    name="validate",
    auto_shortflags=False,
    variadic="config",
    iterable=["param", "value", "orb", "config"],
    help={
        **COMPILE_HELP,
        "config": "a configuration; default is .circleci/config.yml, - is standard input; may be"
        " given several times",
        "all_workflows": "check workflows as well whose condition is false",
        "disable": "codes of warnings that are not wanted, separated by commas",
        "strict": "fail for warnings as well",
        "json": "print the findings as JSON",
        "sarif": "print the findings as SARIF, for code scanning",
        "short": "print a line for each finding, as compilers do",
    },
)
def validate(
    run: Run,
    config: Iterable[str] | None = None,
    param: Iterable[str] | None = None,
    params_file: str = "",
    value: Iterable[str] | None = None,
    branch: str = "",
    tag: str = "",
    orb: Iterable[str] | None = None,
    all_workflows: bool = False,
    disable: str = "",
    strict: bool = False,
    json: bool = False,
    sarif: bool = False,
    short: bool = False,
) -> None:
    """Say what is wrong or unwise in the configuration, with file, line and what to do.

    Exit code 0: valid; 2: it has errors. Needs neither the network nor an account. For example:

      orbyard ci.validate
      orbyard ci.validate .circleci/config.yml .circleci/continue_config.yml --strict
    """
    from pipeline.ci_options import ci_settings, compile_options, read_config
    from pipeline.config.compiler import check

    form = _one_form(json=json, sarif=sarif, short=short)
    options = compile_options(
        run,
        param=param or (),
        params_file=params_file,
        value=value or (),
        branch=branch,
        tag=tag,
        orb=orb or (),
        disable=disable,
        all_workflows=all_workflows,
    )
    sources = [read_config(run, name) for name in list(config or ()) or [""]]
    checked = [(source.name, check(source, **options.keywords(source))) for source in sources]
    findings = [finding for _, found in checked for finding in found]
    _show(run, findings, form)
    strict = strict or ci_settings(run).warnings_are_errors
    if not form:
        _say_verdicts(run, checked, strict)
    if any(strict or finding.severity == "error" for finding in findings):
        raise Exit(code=2)


@command(name="schema")
def schema(run: Run) -> None:
    """Print a JSON Schema of the configuration, for editors."""
    from pipeline.ci_options import json_text
    from pipeline.config.json_schema import config_schema

    run.console.result(json_text(config_schema()))


@command(
    name="explain",
    auto_shortflags=False,
    help={"code": "a code, as it stands in [brackets] behind a finding"},
)
def explain(run: Run, code: str) -> None:
    """Say what a finding's code means, with an example that has it and one that does not."""
    from pipeline.code_pages import explain_code

    run.console.result(explain_code(code))


def _only(names: list[str]) -> str:
    from pipeline.errors import InvalidInput

    if len(names) > 1:
        raise InvalidInput(f"one configuration at a time, found {', '.join(names)}")
    return names[0] if names else ""


def _one_form(**wanted: bool) -> str:
    """Return the one form of output that is wanted, or "" for that of people."""
    from pipeline.errors import InvalidInput

    forms = [name for name, is_wanted in wanted.items() if is_wanted]
    if len(forms) > 1:
        raise InvalidInput(f"give one of {' and '.join(f'--{name}' for name in forms)}")
    return forms[0] if forms else ""


def _show(run: Run, findings: list[Finding], form: str) -> None:
    from pipeline.config.rendering import (
        findings_json,
        findings_short,
        render_findings,
        terminal_width,
    )

    if form == "json":
        run.console.result(findings_json(findings))
    elif form == "sarif":
        from pipeline.ci_options import project_folder
        from pipeline.sarif import findings_sarif

        run.console.result(findings_sarif(findings, root=project_folder(run)))
    elif findings and form == "short":
        run.console.result(findings_short(findings))
    elif findings:
        colour = run.console.colours_results
        run.console.result(render_findings(findings, colour=colour, width=terminal_width()))


def _say_verdicts(run: Run, checked: Iterable[tuple[str, Iterable[Finding]]], strict: bool) -> None:
    """Say of each file whether it is valid; of one with errors its findings say enough."""
    for name, findings in checked:
        severities = {finding.severity for finding in findings}
        if "error" in severities:
            continue
        if strict and severities:
            run.console.failure(
                f'Config file at "{name}" has warnings, which count as errors here.'
            )
        else:
            run.console.success(f'Config file at "{name}" is valid.')


def _refuse(run: Run, findings: Iterable[Finding]) -> NoReturn:
    from pipeline.config.rendering import render_findings, terminal_width

    errors = [finding for finding in findings if finding.severity == "error"]
    colour = run.console.colours_progress
    run.console.line(render_findings(errors, colour=colour, width=terminal_width()))
    raise Exit(code=2)


namespace = Collection(
    "ci", artifacts, explain, graph, logs, process, report, run_, runs, schema, validate
)
namespace.add_collection(cache)
