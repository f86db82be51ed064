"""The tasks ``ci.*``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NoReturn

from invoke.collection import Collection
from invoke.exceptions import Exit

from pipeline.command import Run, command

if TYPE_CHECKING:
    from pipeline.config.findings import Finding

__all__ = ["namespace"]

_COMPILE_HELP = {
    "config": "the configuration; default is .circleci/config.yml, - is standard input",
    "param": "a pipeline parameter, as name=value; may be given several times",
    "params_file": "a YAML or JSON file with pipeline parameters",
    "value": "a pipeline value, as pipeline.git.branch=main; may be given several times",
    "branch": "the branch that the pipeline is for; default is the one checked out",
    "tag": "the tag that the pipeline is for",
    "orb": "where to take an orb from, as namespace/name=path; may be given several times",
}


@command(
    name="process",
    variadic="config",
    iterable=["param", "value", "orb", "config"],
    help={
        **_COMPILE_HELP,
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
    json: bool = False,
) -> None:
    """Print the configuration as CircleCI would run it: orbs, commands and matrices expanded.

    Needs neither the network nor an account. For example:

      orbyard ci.process --param run-e2e=true --branch main
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
        compiled = compile_config(source, **options.keywords())
    except ConfigError as error:
        _refuse(run, error.findings)
    run.console.result(
        json_text(compiled.data) if json else print_config(compiled).removesuffix("\n")
    )


@command(
    name="validate",
    variadic="config",
    iterable=["param", "value", "orb", "config"],
    help={
        **_COMPILE_HELP,
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
    findings: list[Finding] = []
    for source in sources:
        findings += check(source, **options.keywords())
    strict = strict or ci_settings(run).warnings_are_errors
    failing = {"error", "warning"} if strict else {"error"}
    _show(run, findings, [source.name for source in sources], json=json, sarif=sarif, short=short)
    if any(finding.severity in failing for finding in findings):
        raise Exit(code=2)


@command(name="schema")
def schema(run: Run) -> None:
    """Print a JSON Schema of the configuration, for editors."""
    from pipeline.ci_options import json_text
    from pipeline.config.json_schema import config_schema

    run.console.result(json_text(config_schema()))


@command(name="explain", help={"code": "a code, as it stands in [brackets] behind a finding"})
def explain(run: Run, code: str) -> None:
    """Say what a finding's code means, with an example that has it and one that does not."""
    from pipeline.code_pages import explain_code

    run.console.result(explain_code(code))


def _only(names: list[str]) -> str:
    from pipeline.errors import InvalidInput

    if len(names) > 1:
        raise InvalidInput(f"one configuration at a time, found {', '.join(names)}")
    return names[0] if names else ""


def _show(
    run: Run,
    findings: list[Finding],
    names: list[str],
    *,
    json: bool = False,
    sarif: bool = False,
    short: bool = False,
) -> None:
    from pipeline.config.rendering import findings_json, findings_short, render_findings

    if json:
        run.console.result(findings_json(findings))
    elif sarif:
        from pipeline.sarif import findings_sarif

        run.console.result(findings_sarif(findings, root=run.root))
    elif short:
        if findings:
            run.console.result(findings_short(findings))
    else:
        if findings:
            run.console.result(render_findings(findings, colour=run.console.colours_results))
        broken = {finding.where.file for finding in findings if finding.severity == "error"}
        for name in names:
            if name not in broken:
                run.console.success(f'Config file at "{name}" is valid.')


def _refuse(run: Run, findings: Iterable[Finding]) -> NoReturn:
    from pipeline.config.rendering import render_findings

    errors = [finding for finding in findings if finding.severity == "error"]
    run.console.line(render_findings(errors, colour=run.console.colours_progress))
    raise Exit(code=2)


namespace = Collection("ci", explain, process, schema, validate)
