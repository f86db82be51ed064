"""Reads a document's elements, and checks what their definitions say before anything is expanded."""

from __future__ import annotations

import re
from collections.abc import Callable

from pipeline.config.findings import Report
from pipeline.config.logic import check_condition
from pipeline.config.namespace import Element, Namespace
from pipeline.config.nodes import Mapping, Node, Scalar, Sequence
from pipeline.config.parameters import read_declarations
from pipeline.config.schema import EXECUTOR_FIELDS, EXECUTOR_TYPES, JOB_FIELDS, STEPS, step_name
from pipeline.config.spec import Checker
from pipeline.config.values import show, yaml_type
from pipeline.errors import did_you_mean

__all__ = ["SECTIONS", "check_element", "check_steps", "read_elements"]

SECTIONS = {
    "commands": "command",
    "jobs": "job",
    "executors": "executor",
    "job-groups": "job-group",
}
"""Sections of a document, and the kind of their elements."""

_ELEMENT_NAME = re.compile(r"[a-z][a-z\d_-]*\Z")
_JOB_NAME = re.compile(r"[A-Za-z][A-Za-z\s\d_-]*\Z")
_OLD_JOB_NAME = re.compile(r".+\Z", re.DOTALL)
"""Of processed configurations too, where a workflow's `name:` can be anything."""
_COMMON = ("parameters", "description")
_KEYS = {
    "command": ("steps", *_COMMON),
    "executor": (*EXECUTOR_FIELDS, *_COMMON),
    "job": ("executor", "steps", *JOB_FIELDS, *_COMMON),
    "job-group": ("jobs", "description"),
}
_NEEDS_21 = {"executor", "parameters"}


def read_elements(namespace: Namespace, report: Report) -> None:
    """Fill a namespace with the elements of its document; what is wrong is reported."""
    for section, kind in SECTIONS.items():
        node = namespace.root.get(section)
        if node is None or (section != "jobs" and not namespace.has_tags):
            continue
        if type(node) is not Mapping:
            report.error("wrong-type", f"expected type: Mapping, found: {yaml_type(node)}", node)
            continue
        folded: dict[str, str] = {}
        for name, definition in node.entries.items():
            _check_name(namespace, kind, name, node, report)
            unique = kind == "job" and namespace.has_tags
            if unique and (first := folded.setdefault(name.lower(), name)) != name:
                report.error(
                    "duplicate-job",
                    f"the jobs {first!r} and {name!r} differ in upper and lower case only",
                    node,
                    key=name,
                )
            _read_element(namespace, kind, name, definition, report)
    _check_groups(namespace, report)


def _check_groups(namespace: Namespace, report: Report) -> None:
    for kind, name in namespace.elements:
        if kind == "job-group" and ("job", name) in namespace.elements:
            groups = namespace.root.entries["job-groups"]
            report.error(
                "job-group",
                f"{name!r} is the name of a job and of a job group",
                groups,
                key=name,
                hint="rename one of them",
            )


def _check_name(namespace: Namespace, kind: str, name: str, node: Mapping, report: Report) -> None:
    pattern = _ELEMENT_NAME
    if kind in ("job", "job-group"):
        pattern = _JOB_NAME if namespace.has_tags else _OLD_JOB_NAME
    if pattern.match(name):
        return
    wants = "letters, digits, spaces, underscores and dashes"
    if pattern is _ELEMENT_NAME:
        wants = "lower-case letters, digits, underscores and dashes"
    report.error(
        "bad-name",
        f"{show(name)} cannot be the name of a {kind}: it has to begin with a letter and hold {wants} only",
        node,
        key=name,
    )


def _read_element(namespace: Namespace, kind: str, name: str, node: Node, report: Report) -> None:
    if type(node) is Scalar and isinstance(node.value, str) and kind != "job-group":
        namespace.elements[kind, name] = node
        return
    if type(node) is Scalar and node.value is None:
        # CircleCI takes a name with nothing behind it, as long as nobody uses it.
        nothing = Mapping({}, {}, node.mark)
        namespace.elements[kind, name] = Element(kind, name, nothing, namespace, {}, empty=True)
        return
    if type(node) is not Mapping:
        report.error(
            "wrong-type",
            f"expected type: Mapping, found: {yaml_type(node)}",
            node,
            hint=f"the {kind} {name!r} needs a mapping with what it does",
        )
        node = Mapping({}, {}, node.mark)
        namespace.elements[kind, name] = Element(kind, name, node, namespace, {}, sound=False)
        return
    element = Element(kind, name, node, namespace, {})
    namespace.elements[kind, name] = element
    before = report.error_count
    if namespace.has_tags:
        element.declarations = read_declarations(
            node.get("parameters"), report, of=f"{kind} '{name}'"
        )
    element.sound = report.error_count == before


def check_element(element: Element, report: Report) -> None:
    """Check a definition; what is wrong is reported, and expanding goes on around it."""
    if element.empty:
        return
    checker = Checker(
        report, tags=element.namespace.has_tags, lenient=element.namespace.is_imported
    )
    node, kind = element.node, element.kind
    for key in node.entries:
        if key not in _KEYS[kind]:
            _unknown_key(element, key, checker)
        elif key in _NEEDS_21 and not element.namespace.has_tags:
            checker.error(
                "version", f"{key!r} needs version 2.1", node, key, "write `version: 2.1`"
            )
    for declaration in element.declarations.values():
        if declaration.type == "steps" and isinstance(declaration.default, Sequence):
            check_steps(declaration.default, element.namespace, checker)
    _FIELD_CHECKS[kind](element, checker)


def _unknown_key(element: Element, key: str, checker: Checker) -> None:
    known = _KEYS[element.kind]
    hint = did_you_mean(key, known) or f"permitted keys: {', '.join(known)}"
    if key in STEPS:
        hint = f"{key} is a step: put it below `steps:`, as `- {key}: …`"
    checker.error(
        "unknown-key", f"extraneous key [{key}] is not permitted", element.node, key, hint
    )


def _check_command(element: Element, checker: Checker) -> None:
    steps = element.node.entries.get("steps")
    if steps is None:
        checker.error("missing-key", "required key [steps] not found", element.node)
    else:
        check_steps(steps, element.namespace, checker)


def _check_fields(element: Element, checker: Checker) -> None:
    for key, value in element.node.entries.items():
        if key in JOB_FIELDS and not (type(value) is Scalar and value.value is None):
            JOB_FIELDS[key].check(value, checker)


def _check_executor(element: Element, checker: Checker) -> None:
    _check_fields(element, checker)
    _check_one_type(element, checker)


def _check_one_type(element: Element, checker: Checker) -> None:
    named = [key for key in EXECUTOR_TYPES if element.node.get(key) is not None]
    if len(named) > 1:
        checker.error(
            "executor-type",
            f"0 subschemas matched instead of one: {' and '.join(named)} cannot stand together",
            element.node,
            named[1],
            "keep the one that the job is to run on",
        )


def _check_job(element: Element, checker: Checker) -> None:
    _check_fields(element, checker)
    _check_one_type(element, checker)
    node = element.node
    kind = node.get("type")
    name = kind.value if type(kind) is Scalar else "build"
    steps = node.entries.get("steps")
    if steps is not None:
        check_steps(steps, element.namespace, checker)
    elif name == "build":
        checker.error(
            "missing-key",
            "required key [steps] not found",
            node,
            hint="a job needs at least one step",
        )
    wanted = {"release": "plan_name", "lock": "key", "unlock": "key"}.get(str(name))
    if wanted and node.get(wanted) is None:
        checker.error(
            "missing-key", f"required key [{wanted}] not found in a job of type {name}", node
        )
    executor = node.get("executor")
    if executor is not None:
        check_executor_shape(executor, checker)


def check_executor_shape(node: Node, checker: Checker) -> bool:
    """Check what stands after ``executor:``: a name, or a map with ``name``."""
    if type(node) is Scalar and isinstance(node.value, str):
        return True
    if type(node) is Mapping:
        name = node.get("name")
        if name is None:
            only = next(iter(node.entries), "")
            return checker.error(
                "missing-key",
                "required key [name] not found",
                node,
                hint=f"write `executor: {{name: {only}, …}}` with its arguments beside the name",
            )
        if type(name) is Scalar and isinstance(name.value, str):
            return True
    return checker.error(
        "wrong-type",
        f"expected type: String or Mapping with a name, found: {yaml_type(node)}",
        node,
    )


def _check_group(element: Element, checker: Checker) -> None:
    jobs = element.node.get("jobs")
    if "parameters" in element.node.entries:
        checker.error("job-group", "a job group cannot have parameters", element.node, "parameters")
    if type(jobs) is not Sequence or not jobs.items:
        checker.error(
            "job-group", f"the job group {element.name!r} needs a list of jobs", element.node
        )


_FIELD_CHECKS: dict[str, Callable[[Element, Checker], None]] = {
    "command": _check_command,
    "job": _check_job,
    "executor": _check_executor,
    "job-group": _check_group,
}


def check_steps(node: Node, namespace: Namespace, checker: Checker) -> None:
    """Check a list of steps as it is written: their shapes, and the keys of the built-in ones."""
    if checker.stands_for_anything(node):
        return
    if type(node) is not Sequence:
        checker.error(
            "wrong-type",
            f"expected type: Sequence, found: {yaml_type(node)}",
            node,
            hint="steps are a list, even if it is only one",
        )
        return
    for item in node.items:
        _check_step(item, namespace, checker)


def _check_step(item: Node, namespace: Namespace, checker: Checker) -> None:
    if type(item) is Scalar and isinstance(item.value, str):
        name = step_name(item.value)
        if name in STEPS and not _overridden(item.value, namespace):
            check_bare(name, item, checker)
        return
    if type(item) is not Mapping or len(item.entries) != 1:
        _bad_shape(item, checker)
        return
    name, body = next(iter(item.entries.items()))
    if _overridden(name, namespace):
        return
    if name in ("when", "unless"):
        check_conditional(name, body, namespace, checker)
    elif name == "steps":
        check_steps(body, namespace, checker)
    elif (own := step_name(name)) in STEPS:
        check_built_in(own, body, item, checker)


def _overridden(name: str, namespace: Namespace) -> bool:
    return ("command", name) in namespace.elements


def _bad_shape(item: Node, checker: Checker) -> None:
    if type(item) is Mapping and len(item.entries) > 1:
        first, *others = item.entries
        checker.error(
            "step-shape",
            f"maximum size: [1], found: [{len(item.entries)}]: a step has one key, and this one has"
            f" {', '.join(item.entries)}",
            item,
            others[0],
            f"indent {others[0]!r} by two more spaces, to be below {first!r}",
        )
        return
    found = "nothing" if type(item) is Scalar and item.value is None else yaml_type(item)
    checker.error("step-shape", f"a step is a name or a mapping with one key, found: {found}", item)


def check_bare(name: str, item: Node, checker: Checker) -> bool:
    """Check a built-in step that is written without keys."""
    from pipeline.config.schema import BARE_STEPS

    if name in BARE_STEPS:
        return True
    return checker.error(
        "step-shape",
        f"the step {name} needs keys of its own",
        item,
        hint=f"write `- {name}:` with them",
    )


def check_built_in(name: str, body: Node, item: Mapping, checker: Checker) -> bool:
    """Check the keys of a built-in step."""
    if type(body) is Scalar and body.value is None:
        return check_bare(name, item, checker)
    if name in ("run", "deploy"):
        if type(body) is Scalar and isinstance(body.value, str):
            return True
        if type(body) is not Mapping and not checker.stands_for_anything(body):
            return checker.error(
                "step-shape",
                f"run takes a command, or a mapping with `command`, found: {yaml_type(body)}",
                body,
                hint="put the command in quotes",
            )
    if name == "checkout" and type(body) is Scalar and body.value == "checkout":
        return True
    return STEPS[name].check(body, checker) and _check_reruns(body, checker)


def _check_reruns(body: Node, checker: Checker) -> bool:
    if type(body) is not Mapping:
        return True
    rerun = [key for key in ("max_auto_reruns", "auto_rerun_delay") if body.get(key) is not None]
    if not rerun:
        return True
    background = body.get("background")
    if type(background) is Scalar and background.value is True:
        return checker.error(
            "wrong-value",
            "Background steps cannot use max_auto_reruns or auto_rerun_delay fields",
            body,
            rerun[0],
        )
    if rerun == ["auto_rerun_delay"]:
        return checker.error(
            "missing-key",
            "auto_rerun_delay requires max_auto_reruns to be specified",
            body,
            rerun[0],
        )
    return True


def check_conditional(name: str, body: Node, namespace: Namespace, checker: Checker) -> None:
    """Check a ``when`` or ``unless`` step."""
    if not namespace.has_tags:
        checker.error("version", f"the step {name!r} needs version 2.1", body)
        return
    if type(body) is not Mapping:
        checker.error(
            "step-shape",
            f"{name} takes a mapping with `condition` and `steps`, found: {yaml_type(body)}",
            body,
        )
        return
    for key in body.entries:
        if key not in ("condition", "steps", "name", "description"):
            checker.error(
                "unknown-key",
                f"extraneous key [{key}] is not permitted",
                body,
                key,
                did_you_mean(key, ("condition", "steps")) or "permitted keys: condition, steps",
            )
    for key in ("condition", "steps"):
        if key not in body.entries:
            checker.error("missing-key", f"required key [{key}] not found", body)
    condition, steps = body.entries.get("condition"), body.entries.get("steps")
    if condition is not None:
        check_condition(condition, checker)
    if steps is not None and not (type(steps) is Scalar and steps.value is None):
        check_steps(steps, namespace, checker)
