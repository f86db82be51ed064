"""The compiler: a configuration and its orbs become what CircleCI would run."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as Map
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pipeline.config.collector import paused_collector
from pipeline.config.definitions import check_element, read_elements
from pipeline.config.expanded import ExpandedWorkflow, UnusedWorkflow
from pipeline.config.findings import ConfigError, Finding, Poisoned, Report, until_exhausted
from pipeline.config.namespace import Element, Namespace
from pipeline.config.nodes import Mapping, Mark, Scalar, Source, from_data, to_data
from pipeline.config.orb_imports import OrbImporter, as_version
from pipeline.config.orb_references import NoOrbs, OrbSources
from pipeline.config.parameters import check_values, read_declarations
from pipeline.config.pipeline_values import default_values, is_known_value
from pipeline.config.reader import Limits, read_document
from pipeline.config.scope import Compilation, Scope
from pipeline.config.suppressions import suppressed
from pipeline.config.values import show, yaml_type
from pipeline.config.workflows import expand_workflows
from pipeline.errors import did_you_mean

if TYPE_CHECKING:
    from pipeline.config.model import CompiledConfig

__all__ = ["check", "compile"]

_VERSIONS = ("2", "2.0", "2.1")
_NEEDS_21 = ("orbs", "commands", "executors", "parameters", "job-groups", "setup")
_SECTIONS = (
    "version",
    "jobs",
    "workflows",
    "commands",
    "executors",
    "orbs",
    "parameters",
    "job-groups",
)
_MOST_CONTEXTS = 100


@dataclass(slots=True, eq=False)
class _Expanded:
    root: Mapping
    namespace: Namespace
    workflows: list[ExpandedWorkflow]
    unused: list[UnusedWorkflow]
    importer: OrbImporter
    compilation: Compilation


def compile(  # noqa: A001  # the name that users look for
    source: Source | str,
    *,
    parameters: Map[str, Any] | None = None,
    values: Map[str, Any] | None = None,
    orbs: OrbSources | None = None,
    limits: Limits = Limits(),  # noqa: B008  # frozen
    disabled: Iterable[str] = (),
    all_workflows: bool = False,
    only_job: str = "",
    job_parameters: Map[str, Any] | None = None,
    future_steps: bool = False,
) -> CompiledConfig:
    """Return what CircleCI would run for a configuration.

    Pure: it reads nothing but what it is given, and may be called from several threads at once.

    Args:
        source: the text of ``.circleci/config.yml``, with the file's name or without.
        parameters: values of pipeline parameters; those that are not given have their default.
        values: pipeline values by their full name, as ``{"pipeline.git.branch": "main"}``; those that
            are not given are what CircleCI's command line assumes, or missing.
        orbs: where orbs come from; without it only inline orbs are known.
        limits: sizes beyond which the configuration is refused.
        disabled: codes of warnings that are not wanted.
        all_workflows: whether to check workflows as well whose condition is false.
        only_job: a job that takes the place of all workflows, as the only one of a workflow ``job``.
        job_parameters: that job's parameters.
        future_steps: whether a step is kept whose type is not known, and not near a known one.

    Raises:
        ConfigError: it cannot be compiled; with everything that is wrong, as far as can be told.
    """
    with paused_collector():
        source = _as_source(source)
        alone = (only_job, job_parameters or {}) if only_job else None
        expanded, report = _run(
            source, parameters, values, orbs, limits, disabled, all_workflows, alone, future_steps
        )
        findings = suppressed(source, report.findings)
        if expanded is None or report.error_count:
            raise ConfigError(findings)
        return _finish(expanded, findings)


def check(
    source: Source | str,
    *,
    parameters: Map[str, Any] | None = None,
    values: Map[str, Any] | None = None,
    orbs: OrbSources | None = None,
    limits: Limits = Limits(),  # noqa: B008  # frozen
    disabled: Iterable[str] = (),
    all_workflows: bool = False,
) -> tuple[Finding, ...]:
    """Return everything that is wrong or unwise in a configuration; see :func:`compile`."""
    with paused_collector():
        source = _as_source(source)
        _, report = _run(source, parameters, values, orbs, limits, disabled, all_workflows)
        return suppressed(source, report.findings)


def _as_source(source: Source | str) -> Source:
    return Source("config.yml", source) if isinstance(source, str) else source


def _run(
    source: Source,
    parameters: Map[str, Any] | None,
    values: Map[str, Any] | None,
    orbs: OrbSources | None,
    limits: Limits,
    disabled: Iterable[str],
    all_workflows: bool,
    alone: tuple[str, Map[str, Any]] | None = None,
    future_steps: bool = False,
) -> tuple[_Expanded | None, Report]:
    report = Report(disabled, gives_up=True)
    compilation = Compilation(report, limits, default_values({} if values is None else values))
    compilation.future_steps = future_steps
    expanded = None
    with until_exhausted(report, Mark(source, 1, 1)):
        expanded = _expand(
            source, compilation, parameters or {}, values, orbs or NoOrbs(), all_workflows, alone
        )
    if expanded is not None:
        from pipeline.config.lint import lint

        lint(expanded.root, expanded.namespace, expanded.workflows, compilation)
    return expanded, report


def _expand(
    source: Source,
    compilation: Compilation,
    parameters: Map[str, Any],
    values: Map[str, Any] | None,
    orbs: OrbSources,
    all_workflows: bool,
    alone: tuple[str, Map[str, Any]] | None,
) -> _Expanded | None:
    report = compilation.report
    start = Mark(source, 1, 1)
    root = read_document(source, report, compilation.limits)
    if root is None:
        if not report.error_count:
            report.error("not-a-mapping", "the configuration is empty", start)
        return None
    report.know(source, root)
    if type(root) is not Mapping:
        report.error(
            "not-a-mapping", f"a configuration is one mapping, found: {yaml_type(root)}", root
        )
        return None
    if alone is not None:
        root = _with_one_job(root, *alone)
    version = _read_version(root, report)
    if version is None:
        return None
    namespace = Namespace("", source, root, has_tags=version == "2.1")
    if isinstance(values, dict):
        _check_names(values, compilation, start)
    _read_parameters(root, namespace, compilation, parameters)
    importer = OrbImporter(compilation, orbs)
    if namespace.has_tags:
        importer.import_orbs(namespace)
    read_elements(namespace, report)
    for element in namespace.elements.values():
        if isinstance(element, Element):
            check_element(element, report)
    workflows, unused = expand_workflows(root, namespace, compilation, all_workflows=all_workflows)
    _check_contexts(workflows, compilation, root)
    _check_setup(root, workflows, compilation)
    _check_top_level(root, report)
    return _Expanded(root, namespace, workflows, unused, importer, compilation)


def _with_one_job(root: Mapping, job: str, parameters: Map[str, Any]) -> Mapping:
    """Return the document with a workflow of one job in place of its own ones."""
    mark = root.key_mark("jobs")
    call: Any = {job: dict(parameters)} if parameters else job
    workflows = from_data({"job": {"jobs": [call]}}, mark)
    keys = {**root.keys, "workflows": mark}
    return replace(root, entries={**root.entries, "workflows": workflows}, keys=keys)


def _read_version(root: Mapping, report: Report) -> str | None:
    node = root.get("version")
    if node is None:
        report.error(
            "version",
            "required key [version] not found",
            root,
            hint="write `version: 2.1` at the top",
        )
        return None
    version = as_version(node)
    if version not in _VERSIONS:
        report.error(
            "version",
            f"{show(to_data(node))} is not a version of the configuration; expected 2, 2.0 or 2.1",
            node,
            hint="write `version: 2.1`",
        )
        return None
    if version != "2.1":
        for key in _NEEDS_21:
            if root.get(key) is not None:
                report.error(
                    "version",
                    f"the key {key!r} needs version 2.1",
                    root,
                    key=key,
                    hint="write `version: 2.1`",
                )
    return version


def _check_names(values: Iterable[str], compilation: Compilation, start: Mark) -> None:
    for name in values:
        if not is_known_value(name):
            compilation.report.error(
                "unknown-variable",
                f"there is no pipeline value {show(name)}",
                start,
                hint="values are named as in << pipeline.git.branch >>",
            )


def _read_parameters(
    root: Mapping, namespace: Namespace, compilation: Compilation, given: Map[str, Any]
) -> None:
    node = root.get("parameters") if namespace.has_tags else None
    declared = read_declarations(node, compilation.report, pipeline=True)
    at = node if node is not None else root
    wrong: set[str] = set()
    for problem in check_values(declared, given):
        key = problem.name if isinstance(node, Mapping) and problem.name in node.entries else None
        compilation.report.error(problem.code, problem.message, at, key=key, hint=problem.hint)
        wrong.add(problem.name)
    if isinstance(node, Mapping):
        compilation.broken |= node.entries.keys() - declared.keys()
    scope = Scope(namespace, declaring=True)
    for name, declaration in declared.items():
        if name in given and name not in wrong:
            compilation.parameters[name] = given[name]
            continue
        try:
            compilation.parameters[name] = compilation.default_value(declaration, scope)
        except Poisoned:
            compilation.broken.add(name)


def _check_contexts(
    workflows: list[ExpandedWorkflow], compilation: Compilation, root: Mapping
) -> None:
    names: set[str] = set()
    for workflow in workflows:
        for job in workflow.jobs:
            if job.contexts is not None:
                data = to_data(job.contexts)
                names.update([data] if isinstance(data, str) else data)
    if len(names) > _MOST_CONTEXTS:
        compilation.report.error(
            "contexts-too-many",
            f"{len(names)} contexts are used; CircleCI allows {_MOST_CONTEXTS}",
            root,
            key="workflows",
        )


def _check_top_level(root: Mapping, report: Report) -> None:
    """Warn of keys that look like a section's name: CircleCI passes over what it does not know."""
    for key in root.entries:
        if key not in _SECTIONS and (nearest := did_you_mean(key, _SECTIONS)):
            report.warn(
                "ignored-key",
                f"extraneous key [{key}]: CircleCI passes over it",
                root,
                key=key,
                hint=nearest,
            )


def _check_setup(
    root: Mapping, workflows: list[ExpandedWorkflow], compilation: Compilation
) -> None:
    node = root.get("setup")
    if node is None:
        return
    report = compilation.report
    if type(node) is not Scalar:
        return  # A key of the user's own: people kept anchors there before it had a meaning.
    if not isinstance(node.value, bool):
        report.error(
            "setup", f"setup is true or false, found: {show(to_data(node))}", root, key="setup"
        )
    elif node.value and len(workflows) > 1:
        report.error(
            "setup",
            "a setup configuration runs exactly one workflow, and this one would run"
            f" {len(workflows)}: {', '.join(workflow.name for workflow in workflows)}",
            root,
            key="workflows",
            hint="leave one, or give them conditions (`when:`) of which one holds",
        )


def _finish(expanded: _Expanded, findings: tuple[Finding, ...]) -> CompiledConfig:
    from pipeline.config.model import CompiledConfig, ResolvedOrb
    from pipeline.config.output import (
        build_jobs,
        build_skipped,
        build_workflows,
        processed_document,
    )

    data = processed_document(expanded.workflows)
    setup = expanded.root.get("setup")
    return CompiledConfig(
        build_jobs(expanded.workflows, data["jobs"]),
        build_workflows(expanded.workflows),
        type(setup) is Scalar and setup.value is True,
        dict(expanded.compilation.parameters),
        expanded.compilation.values,
        tuple(ResolvedOrb(*orb) for orb in expanded.importer.resolved),
        findings,
        data,
        build_skipped(expanded.unused),
    )
