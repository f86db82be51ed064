"""Checks an orb by itself: every element is expanded once, with stand-ins for what a caller would give."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from pipeline.config.definitions import check_element, read_elements
from pipeline.config.expanded import ExpandedStep
from pipeline.config.expansion import Expander
from pipeline.config.findings import Finding, Frame, Poisoned, Report, until_exhausted
from pipeline.config.namespace import Element, Namespace
from pipeline.config.nodes import Mapping, Mark, Node, Scalar, Sequence, Source
from pipeline.config.orb_imports import OrbImporter, check_orb_document
from pipeline.config.orb_references import FoundOrb, NoOrbs, OrbSources
from pipeline.config.parameters import Declaration, ExecutorArgument, StepsArgument
from pipeline.config.pipeline_values import default_values
from pipeline.config.reader import Limits
from pipeline.config.scope import Compilation, Scope
from pipeline.config.values import yaml_type
from pipeline.errors import did_you_mean

__all__ = ["validate_orb"]

_STAND_IN = "orbyard-stands-in-for-an-argument"
"""A text for a parameter without a default. What is said of it, is said of no value of the orb's own."""

_EXAMPLE_KEYS = ("description", "usage", "result")

_SURE = (
    *("unknown-command", "unknown-executor", "unknown-orb", "unknown-variable", "recursion"),
    *("missing-argument", "unexpected-argument", "unclosed-tag", "expression-syntax"),
)
"""Codes that count in a branch whose condition does not hold: they do not depend on any value."""


def validate_orb(
    orb: Source | FoundOrb,
    *,
    orbs: OrbSources | None = None,
    limits: Limits = Limits(),  # noqa: B008  # frozen
) -> tuple[Finding, ...]:
    """Return everything that is wrong with an orb; an orb without errors is valid.

    Each command, job and executor is expanded, and both branches of every condition. Values that a
    caller would have to give are not known, and so are not checked.

    Args:
        orb: a packed orb, or one that was found, packed or in a folder.
        orbs: where the orbs that it imports come from; without it only inline ones are known.
        limits: sizes beyond which it is refused.
    """
    found = FoundOrb(orb, orb.name) if isinstance(orb, Source) else orb
    findings = _findings(found, orbs or NoOrbs(), limits, every_branch=False)
    known = set(findings)
    everywhere = _findings(found, orbs or NoOrbs(), limits, every_branch=True)
    return (*findings, *(f for f in everywhere if f.code in _SURE and f not in known))


def _findings(
    found: FoundOrb, orbs: OrbSources, limits: Limits, *, every_branch: bool
) -> list[Finding]:
    report = Report(gives_up=True)
    root = found.read(report, limits)
    if root is None:
        if not report.error_count:
            report.error("not-a-mapping", "the orb is empty", Mark(found.source, 1, 1))
    elif type(root) is not Mapping:
        report.error("not-a-mapping", f"an orb is one mapping, found: {yaml_type(root)}", root)
    else:
        with until_exhausted(report, Mark(found.source, 1, 1)):
            _check(found.source, root, report, orbs, limits, every_branch)
    # The outermost call is the one made here, and nobody's.
    return [
        replace(finding, calls=finding.calls[1:])
        for finding in report.findings
        if _STAND_IN not in finding.message
    ]


def _check(
    source: Source,
    root: Mapping,
    report: Report,
    orbs: OrbSources,
    limits: Limits,
    every_branch: bool,
) -> None:
    compilation = Compilation(report, limits, default_values({}))
    if root.get("version") is None:
        report.error(
            "version", "orb version is required", root, hint="write `version: 2.1` at the top"
        )
    check_orb_document(root, compilation)
    namespace = Namespace("", source, root, is_orb=True)
    read_elements(namespace, report)
    for element in namespace.elements.values():
        if isinstance(element, Element):
            check_element(element, report)
    OrbImporter(compilation, orbs).import_orbs(namespace)
    _check_examples(root, report)
    expander = Expander(compilation)
    for (kind, name), element in namespace.elements.items():
        if not isinstance(element, Element):
            _check_exported(kind, name, element, namespace, report)
        elif element.sound and kind in _EXPAND:
            _EXPAND[kind](element, expander, every_branch)


def _check_exported(
    kind: str, name: str, node: Scalar, namespace: Namespace, report: Report
) -> None:
    """Check an element that is the name of another orb's."""
    missing = namespace.find(kind, name)
    if isinstance(missing, Element) or missing.reported:
        return
    code = f"unknown-{kind}" if missing.orb is None else "unknown-orb"
    report.error(
        code, f"Cannot find a definition for {kind} named {node.value}", node, hint=missing.hint
    )


def _check_examples(root: Mapping, report: Report) -> None:
    examples = root.get("examples")
    if examples is None:
        return
    if type(examples) is not Mapping:
        report.error(
            "wrong-type", f"expected type: Mapping, found: {yaml_type(examples)}", examples
        )
        return
    for name, example in examples.entries.items():
        if type(example) is not Mapping:
            report.error(
                "wrong-type",
                f"the example {name!r}: expected type: Mapping, found: {yaml_type(example)}",
                example,
            )
            continue
        for key in example.entries:
            if key not in _EXAMPLE_KEYS:
                report.error(
                    "unknown-key",
                    f"extraneous key [{key}] is not permitted in an example",
                    example,
                    key=key,
                    hint=did_you_mean(key, _EXAMPLE_KEYS) or "permitted keys: description, usage",
                )
        usage = example.get("usage")
        if usage is None:
            report.error(
                "missing-key", f"required key [usage] not found in the example {name!r}", example
            )
        elif type(usage) is not Mapping:
            report.error(
                "wrong-type",
                f"expected type: Mapping, found: {yaml_type(usage)}",
                usage,
                hint="usage is a configuration that uses the orb",
            )


# Stand-ins ----------------------------------------------------------------------------------------


def _arguments(element: Element) -> dict[str, Any]:
    """Return values for the parameters that have no default."""
    return {
        name: _value(declaration)
        for name, declaration in element.declarations.items()
        if declaration.default is None
    }


def _value(declaration: Declaration) -> Any:
    mark = declaration.node.mark
    if declaration.type == "enum":
        return declaration.choices[0]
    if declaration.type == "steps":
        return StepsArgument(Sequence([], mark), Scope(_elsewhere(mark)))
    if declaration.type == "executor":
        return ExecutorArgument(Scalar(_STAND_IN, mark), Scope(_elsewhere(mark)))
    return {"boolean": True, "integer": 1, "env_var_name": "STAND_IN"}.get(
        declaration.type, _STAND_IN
    )


def _elsewhere(mark: Mark) -> Namespace:
    """Return the document of a caller, with the executor that it hands over."""
    image = Mapping({"image": Scalar(_STAND_IN, mark)}, {"image": mark}, mark)
    node = Mapping({"docker": Sequence([image], mark)}, {"docker": mark}, mark)
    namespace = Namespace("", mark.source, node)
    namespace.elements["executor", _STAND_IN] = Element("executor", _STAND_IN, node, namespace, {})
    return namespace


# Expanding ----------------------------------------------------------------------------------------


def _scope(element: Element, expander: Expander) -> Scope | None:
    """Return the scope inside of an element; None where a default of it is wrong, which is reported."""
    frame = Frame(element.kind, element.name, element.node.mark)
    caller = Scope(element.namespace, None, frame)
    with suppress(Poisoned):
        arguments = expander.bind(element, {}, caller, frame, element.node, _arguments(element))
        return Scope(element.namespace, arguments, frame, None, (element,))
    return None


def _expand_command(element: Element, expander: Expander, every_branch: bool) -> None:
    scope = _scope(element, expander)
    if scope is not None:
        _expand_steps(element, scope, expander, every_branch)


def _expand_job(element: Element, expander: Expander, every_branch: bool) -> None:
    scope = _scope(element, expander)
    if scope is None:
        return
    assert scope.arguments is not None
    assert scope.frame is not None
    with suppress(Poisoned):
        expander.job(element, scope.arguments, scope.frame)
    if every_branch:
        _expand_steps(element, scope, expander, every_branch)


def _expand_executor(element: Element, expander: Expander, _: bool) -> None:
    mark = element.node.mark
    arguments = _arguments(element)
    given: dict[str, Node] = {"name": Scalar(element.name, mark)}
    for name in arguments:
        given[name] = Scalar(f"<< parameters.{name} >>", mark, None, dynamic=True)
    call = Mapping(given, dict.fromkeys(given, mark), mark, bool(arguments))
    with suppress(Poisoned):
        expander.executor(call, Scope(element.namespace, arguments))


def _expand_steps(element: Element, scope: Scope, expander: Expander, every_branch: bool) -> None:
    steps = element.node.get("steps")
    if steps is None:
        return
    for part in [steps, *(_branches(steps) if every_branch else ())]:
        into: list[ExpandedStep] = []
        with suppress(Poisoned):
            expander.steps(part, scope, into)


def _branches(node: Node) -> Iterator[Node]:
    """Yield the steps below every condition, whether it holds or not."""
    for item in node.items if type(node) is Sequence else ():
        for name, body in item.entries.items() if type(item) is Mapping else ():
            inner = body.get("steps") if type(body) is Mapping else None
            if name in ("when", "unless") and inner is not None:
                yield inner
                yield from _branches(inner)
            elif name == "steps":
                yield from _branches(body)


_EXPAND = {"command": _expand_command, "job": _expand_job, "executor": _expand_executor}
