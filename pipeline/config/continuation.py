"""Setup configurations and what continues them: parameters handed on, and path-filtering's mapping.

Sources: CircleCI's "dynamic configuration", and the behaviour of the ``continuation`` and
``path-filtering`` orbs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from typing import Any

from pipeline.config.compiler import compile as compile_config
from pipeline.config.findings import ConfigError, Finding, Report
from pipeline.config.java_regex import BadRegex, full_match
from pipeline.config.model import CompiledConfig
from pipeline.config.nodes import Mapping, Mark, Source
from pipeline.config.orb_references import OrbSources
from pipeline.config.reader import read_document

__all__ = ["MappingRow", "Selection", "continue_with", "parse_mapping", "select"]


@dataclass(frozen=True, slots=True)
class MappingRow:
    """A row of path-filtering's ``mapping``: files, and the parameter or configuration they ask for."""

    pattern: str
    parameter: str | None = None
    value: Any = None
    config: str | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """What changed files ask for: pipeline parameters, and configurations to continue with."""

    parameters: Map[str, Any] = field(default_factory=dict)
    configs: tuple[str, ...] = ()


def continue_with(
    setup: CompiledConfig,
    source: Source | str,
    *,
    passed: Map[str, Any] | None = None,
    given: Map[str, Any] | None = None,
    orbs: OrbSources | None = None,
    disabled: Iterable[str] = (),
    future_steps: bool = False,
) -> CompiledConfig:
    """Return what runs after a setup configuration.

    Args:
        setup: the compiled setup configuration.
        source: the configuration that continues it.
        passed: parameters that the setup workflow hands on.
        given: parameters that the pipeline was triggered with.
        orbs: where orbs come from.
        disabled: codes of warnings that are not wanted.
        future_steps: as of :func:`~pipeline.config.compile`.

    Raises:
        ConfigError: the two do not fit, or the continuation cannot be compiled.
    """
    if isinstance(source, str):
        source = Source("continue_config.yml", source)
    passed, given = passed or {}, given or {}
    declared = _declared(source)
    problem = _problem(setup, source, declared, passed, given)
    if problem is not None:
        raise ConfigError([problem])
    handed_on = {name: value for name, value in given.items() if name in declared}
    return compile_config(
        source,
        parameters=handed_on | dict(passed),
        values=setup.values,
        orbs=orbs,
        disabled=disabled,
        future_steps=future_steps,
    )


def _declared(source: Source) -> frozenset[str]:
    root = read_document(source, Report())
    node = root.get("parameters") if isinstance(root, Mapping) else None
    return frozenset(node.entries) if isinstance(node, Mapping) else frozenset()


def _problem(
    setup: CompiledConfig,
    source: Source,
    declared: frozenset[str],
    passed: Map[str, Any],
    given: Map[str, Any],
) -> Finding | None:
    report = Report()
    start = Mark(source, 1, 1)
    root = read_document(source, Report())
    if not setup.setup:
        report.error(
            "continuation",
            "only a setup configuration can be continued",
            start,
            hint="write `setup: true` into the configuration that runs first",
        )
    elif isinstance(root, Mapping) and root.get("setup") is not None:
        report.error(
            "continuation",
            "the configuration that continues a pipeline cannot be a setup configuration itself",
            root,
            key="setup",
        )
    both = sorted(
        name for name in passed if name in given and name in declared and name in setup.parameters
    )
    if both:
        report.error(
            "continuation",
            f"Conflicting pipeline parameters: {', '.join(both)} given to the pipeline and passed by the"
            " setup workflow",
            start,
            hint="give another name to the one that the setup workflow passes",
        )
    return report.findings[0] if report.findings else None


def parse_mapping(text: str) -> tuple[MappingRow, ...]:
    """Read path-filtering's ``mapping``: rows of one to four columns.

    The columns are ``path``, ``path config``, ``path parameter value`` or ``path parameter value
    config``; empty rows and those that begin with ``#`` are left out.

    Raises:
        ConfigError: a row has more columns.
    """
    rows = []
    source = Source("mapping", text)
    for number, line in enumerate(text.splitlines(), 1):
        columns = line.split()
        if not columns or columns[0].startswith("#"):
            continue
        if len(columns) > 4:
            raise _mapping_error(
                source,
                number,
                f"Invalid mapping length of {len(columns)}",
                "continuation",
                "a row is: path, parameter, value, and perhaps a configuration file",
            )
        rows.append(_row(columns))
    return tuple(rows)


def _row(columns: Sequence[str]) -> MappingRow:
    if len(columns) == 1:
        return MappingRow(columns[0])
    if len(columns) == 2:
        return MappingRow(columns[0], config=columns[1])
    try:
        value = json.loads(columns[2])
    except ValueError:
        value = columns[2]
    return MappingRow(columns[0], columns[1], value, columns[3] if len(columns) == 4 else None)


def _mapping_error(
    source: Source, line: int, message: str, code: str, hint: str | None
) -> ConfigError:
    report = Report()
    report.error(code, message, Mark(source, line, 1), hint=hint)
    return ConfigError(report.findings)


def select(rows: Iterable[MappingRow], changed: Iterable[str], *, exclude: str = "") -> Selection:
    """Return what changed files ask for.

    Args:
        rows: the mapping.
        changed: paths of changed files.
        exclude: patterns, one a line, of files that do not count.

    Raises:
        ConfigError: a pattern is not a regular expression.
    """
    excluded = [line.strip() for line in exclude.splitlines() if line.strip()]
    files = [path for path in changed if not any(_matches(p, path) for p in excluded)]
    parameters: dict[str, Any] = {}
    configs: list[str] = []
    for row in rows:
        if not any(_matches(row.pattern, path) for path in files):
            continue
        if row.parameter is not None:
            parameters[row.parameter] = row.value
        if row.config is not None and row.config not in configs:
            configs.append(row.config)
    return Selection(parameters, tuple(configs))


def _matches(pattern: str, path: str) -> bool:
    try:
        return full_match(pattern, path)
    except BadRegex as error:
        raise _mapping_error(Source("mapping", pattern), 1, str(error), "bad-regex", None) from None
