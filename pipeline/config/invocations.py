"""The jobs of a workflow as they are invoked: matrices multiplied, tags replaced, bodies expanded."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pipeline.config.expanded import STATUSES, Invocation, Requirement
from pipeline.config.expansion import Expander
from pipeline.config.findings import Exhausted, Frame, Poisoned
from pipeline.config.java_regex import BadRegex, check_regex
from pipeline.config.matrix import MatrixReader, plain_argument
from pipeline.config.namespace import Element, Namespace
from pipeline.config.nodes import Mapping, Mark, Node, Scalar, Sequence, to_data
from pipeline.config.options import check_written_steps, option_text
from pipeline.config.parameters import ExecutorArgument
from pipeline.config.schema import FILTERS, INVOCATION_KEYS, JOB_TYPES, NAMES
from pipeline.config.scope import Compilation, Scope
from pipeline.config.spec import Checker
from pipeline.config.values import as_text, is_truthy, show, yaml_type
from pipeline.errors import did_you_mean

__all__ = ["Invoker", "Written", "read_item"]

_NEEDS_21 = ("matrix", "pre-steps", "post-steps", "override-with")
_LONGEST_SERIAL_GROUP = 512
_MOST_OF_PATTERNS = 200_000
"""Characters of all patterns of filters together: reading them takes microseconds for each."""


@dataclass(slots=True, eq=False)
class Written:
    """An item of a workflow's or group's ``jobs``: the job's name, where it stands, its options."""

    name: str
    mark: Mark
    options: dict[str, Node]
    node: Node


def read_item(item: Node, compilation: Compilation, frame: Frame | None) -> Written:
    """Read ``- job`` or ``- job: {…}``.

    Raises:
        Poisoned: it is neither; reported.
    """
    report = compilation.report
    if type(item) is Scalar and isinstance(item.value, str):
        return Written(item.value, item.mark, {}, item)
    if type(item) is Mapping and len(item.entries) == 1:
        name, options = next(iter(item.entries.items()))
        if type(options) is Scalar and options.value is None:
            return Written(name, item.keys[name], {}, item)
        if type(options) is Mapping:
            return Written(name, item.keys[name], options.entries, item)
        raise report.error(
            "wrong-type",
            f"expected type: Mapping, found: {yaml_type(options)}: {name} takes options by their names",
            options,
            frame=frame,
        )
    if type(item) is Mapping and len(item.entries) > 1:
        first, *others = item.entries
        raise report.error(
            "workflow-shape",
            f"maximum size: [1], found: [{len(item.entries)}]: a job of a workflow has one key, its name",
            item,
            key=others[0],
            hint=f"indent {others[0]!r} further, to be below {first!r}",
            frame=frame,
        )
    raise report.error(
        "workflow-shape",
        f"expected type: String or Mapping, found: {yaml_type(item)}: the name of a job is expected here",
        item,
        frame=frame,
    )


@dataclass(slots=True, eq=False)
class Invoker:
    """Makes invocations of what is written in a workflow."""

    namespace: Namespace
    compilation: Compilation
    expander: Expander
    made: int = 0
    _patterns: set[str] = field(default_factory=set)
    _pattern_length: int = 0

    def invoke(self, written: Written, workflow: str, item: int, frame: Frame) -> list[Invocation]:
        """Return the invocations of one item: several for a matrix.

        Raises:
            Poisoned: something in it has a mistake; reported.
        """
        self._check_options(written, frame)
        matrix = written.options.get("matrix")
        if matrix is None:
            return [self._member(written, workflow, item, frame, {}, None)]
        return self._members(written, matrix, workflow, item, frame)

    def _check_options(self, written: Written, frame: Frame) -> None:
        if self.namespace.has_tags:
            return
        for key in _NEEDS_21:
            if key in written.options:
                raise self.compilation.report.error(
                    "version", f"{key!r} needs version 2.1", written.options[key], frame=frame
                )

    def _members(
        self, written: Written, node: Node, workflow: str, item: int, frame: Frame
    ) -> list[Invocation]:
        matrix = MatrixReader(self.namespace, self.compilation).read(written.name, node, frame)
        members: list[Invocation] = []
        for chosen, places in matrix.combinations():
            self.compilation.count(node.mark, frame, len(matrix.names))
            if chosen:
                members.append(
                    self._member(written, workflow, item, frame, chosen, matrix.alias, places)
                )
        if not members:
            raise self.compilation.report.error(
                "matrix", "every combination of the matrix is excluded", node, frame=frame
            )
        return members

    # One member ---------------------------------------------------------------------------------

    def _member(
        self,
        written: Written,
        workflow: str,
        item: int,
        frame: Frame,
        chosen: dict[str, Any],
        alias: str | None,
        places: dict[str, Mark] | None = None,
    ) -> Invocation:
        self.made += 1
        if self.made > self.compilation.limits.jobs:
            self.compilation.report.error(
                "too-large",
                f"more than {self.compilation.limits.jobs:,} jobs",
                written.mark,
                frame=frame,
            )
            raise Exhausted
        job_frame = Frame("job", written.name, written.mark, frame)
        scope = Scope(self.namespace, None, job_frame, chosen if alias is not None else None)
        options = written.options
        name = written.name
        if "name" in options:
            name = option_text(options["name"], scope, "name", self.compilation)
        elif alias is not None:
            parts = [_name_part(chosen[key]) for key in sorted(chosen)]
            name = "-".join([written.name, *parts])
        self.compilation.count_text(len(name), written.mark, job_frame)
        made = Invocation(workflow, item, name, name, written.mark, alias)
        for part in (self.read_requires, self.read_filters, self.read_rest):
            with contextlib.suppress(Poisoned):
                part(made, options, scope)
        if not made.filtered_out:
            with contextlib.suppress(Poisoned):
                self._read_body(made, written, scope, chosen, places or {})
        # One with mistakes, all reported, stays in: others may require it.
        return made

    def read_requires(self, made: Invocation, options: dict[str, Node], scope: Scope) -> None:
        """Read what an invocation waits for."""
        node = options.get("requires")
        if node is None or (type(node) is Scalar and node.value is None):
            return
        resolved = self.compilation.resolve_node(node, scope)
        if type(resolved) is not Sequence:
            raise self.compilation.report.error(
                "wrong-type",
                f"expected type: Sequence, found: {yaml_type(resolved)}: requires is a list of jobs",
                node,
                hint=f"write it as `requires: [{resolved.value}]`"
                if type(resolved) is Scalar
                else None,
                frame=scope.frame,
            )
        self.compilation.count_output(resolved, scope.frame)
        upstream = self._upstream(options)
        for item in resolved.items:
            made.requires.append(self._requirement(item, upstream, scope))

    def _upstream(self, options: dict[str, Node]) -> dict[str, Any]:
        """Return the endings that a processed configuration gives beside ``requires``."""
        node = options.get("upstream")
        if self.namespace.has_tags or type(node) is not Mapping:
            return {}
        data: dict[str, Any] = to_data(node)
        return data

    def _requirement(self, item: Node, upstream: dict[str, Any], scope: Scope) -> Requirement:
        if type(item) is Scalar and isinstance(item.value, str | int | float):
            name = as_text(item.value)
            listed = upstream.get(name)
            statuses = tuple(listed) if isinstance(listed, list) else ("success",)
            return Requirement(name, statuses, item.mark)
        if type(item) is not Mapping or len(item.entries) != 1:
            raise self.compilation.report.error(
                "wrong-type",
                f"an item of requires is a job's name, or `name: status`, found: {yaml_type(item)}",
                item,
                frame=scope.frame,
            )
        name, value = next(iter(item.entries.items()))
        return Requirement(name, self._statuses(value, scope), item.keys[name])

    def _statuses(self, node: Node, scope: Scope) -> tuple[str, ...]:
        if type(node) is Scalar and node.value == "terminal":
            return STATUSES
        items = node.items if type(node) is Sequence else [node]
        for item in items:
            value = item.value if type(item) is Scalar else None
            if value not in STATUSES:
                known = (*STATUSES, "terminal")
                raise self.compilation.report.error(
                    "wrong-value",
                    f"Input not a valid enum value: {show(to_data(item))}; a job ends as one of"
                    f" {', '.join(STATUSES)}" + ("" if type(node) is Sequence else ", or terminal"),
                    item,
                    hint=did_you_mean(str(value), known),
                    frame=scope.frame,
                )
        if not items:
            raise self.compilation.report.error(
                "wrong-value",
                "expected at least one status, found an empty list",
                node,
                frame=scope.frame,
            )
        return tuple(item.value for item in items if type(item) is Scalar)

    def read_filters(self, made: Invocation, options: dict[str, Node], scope: Scope) -> None:
        """Read which branches and tags an invocation is for."""
        node = options.get("filters")
        if node is None or (type(node) is Scalar and node.value is None):
            return
        if type(node) is Scalar and isinstance(node.value, str) and self.namespace.has_tags:
            made.filtered_out = not self._expression_filter(node, scope)
            made.filter_expression = node.value
            made.filters = None if made.filtered_out else _every_pipeline(node.mark)
            return
        resolved = self.compilation.resolve_node(node, scope)
        self.compilation.count_output(resolved, scope.frame)
        checker = Checker(self.compilation.report, frame=scope.frame)
        if type(resolved) is Scalar or not FILTERS.check(resolved, checker):
            if type(resolved) is Scalar:
                checker.error(
                    "wrong-type", f"expected type: Mapping, found: {yaml_type(resolved)}", node
                )
            raise Poisoned
        for text in _filter_texts(resolved):
            self._check_filter(text, scope)
        made.filters = resolved

    def _expression_filter(self, node: Scalar, scope: Scope) -> bool:
        if node.dynamic:
            resolved = self.compilation.resolve_node(node, scope)
            return is_truthy(to_data(resolved))
        return is_truthy(self.compilation.expression_value(node, scope))

    def _check_filter(self, node: Scalar, scope: Scope) -> None:
        text = str(node.value)
        if len(text) > 1 and text[0] == text[-1] == "/" and text not in self._patterns:
            self._count_pattern(text, node, scope)
            try:
                check_regex(text[1:-1])
                self._patterns.add(text)
            except BadRegex as error:
                raise self.compilation.report.error(
                    "bad-regex", str(error), node, frame=scope.frame
                ) from None

    def _count_pattern(self, text: str, node: Node, scope: Scope) -> None:
        self._pattern_length += len(text)
        if self._pattern_length > _MOST_OF_PATTERNS:
            self.compilation.report.error(
                "too-large",
                f"the patterns of all filters have more than {_MOST_OF_PATTERNS:,} characters",
                node,
                frame=scope.frame,
            )
            raise Exhausted

    def read_rest(self, made: Invocation, options: dict[str, Node], scope: Scope) -> None:
        """Read an invocation's contexts and serial group."""
        context = options.get("context")
        if context is not None and not (type(context) is Scalar and context.value is None):
            resolved = self.compilation.resolve_node(context, scope)
            self.compilation.count_output(resolved, scope.frame)
            if not NAMES.check(resolved, Checker(self.compilation.report, frame=scope.frame)):
                raise Poisoned
            made.contexts = resolved
        group = options.get("serial-group")
        if group is not None:
            made.serial_group = self._serial_group(group, scope)

    def _serial_group(self, node: Node, scope: Scope) -> str:
        text = option_text(node, scope, "serial-group", self.compilation)
        allowed = all(c.isascii() and (c.isalnum() or c in "._/-") for c in text)
        if not allowed or len(text) > _LONGEST_SERIAL_GROUP:
            raise self.compilation.report.error(
                "wrong-value",
                f"a serial-group has at most {_LONGEST_SERIAL_GROUP} characters, of letters, digits and"
                f" . _ / -, found {show(text)}",
                node,
                frame=scope.frame,
            )
        return text

    # The body -----------------------------------------------------------------------------------

    def _read_body(
        self,
        made: Invocation,
        written: Written,
        scope: Scope,
        chosen: dict[str, Any],
        places: dict[str, Mark],
    ) -> None:
        options = written.options
        kind = self._inline_type(written, scope)
        if kind == "approval":
            made.approval = True
            self._refuse_arguments(written, scope)
            return
        job = self.expander.find("job", written.name, scope, written.mark)
        job = self._overriding(job, options, scope)
        assert scope.frame is not None
        given = {
            key: node
            for key, node in options.items()
            if key not in INVOCATION_KEYS
            and key not in chosen  # The matrix' value wins.
            and not (key == "upstream" and not self.namespace.has_tags)
        }
        plain = (
            not given and not chosen and "pre-steps" not in options and "post-steps" not in options
        )
        if plain and "body" in job.kept:
            made.body = job.kept["body"]
        else:
            bound = _as_arguments(job, chosen, scope)
            arguments = self.expander.bind(
                job, given, scope, scope.frame, written.mark, bound, places
            )
            made.body = self.expander.job(
                job,
                arguments,
                scope.frame,
                self._extra_steps("pre-steps", options, scope),
                self._extra_steps("post-steps", options, scope),
            )
            if plain:
                job.kept["body"] = made.body
        if made.body.type == "approval":
            made.approval, made.body = True, None

    def _inline_type(self, written: Written, scope: Scope) -> str | None:
        node = written.options.get("type")
        if node is None:
            return None
        kind = option_text(node, scope, "type", self.compilation)
        report = self.compilation.report
        if kind not in JOB_TYPES:
            raise report.error(
                "wrong-value",
                f"Input not a valid enum value: {show(kind)};"
                f" a job's type is one of {', '.join(JOB_TYPES)}",
                node,
                hint=did_you_mean(kind, JOB_TYPES),
                frame=scope.frame,
            )
        declared = ("job", written.name) in self.namespace.elements or "/" in written.name
        if kind not in ("approval", "build") and not declared:
            raise report.error(
                "inline-job-type",
                "Only jobs with `type: approval` can be defined inline under the `workflows:` section."
                f" For `type: {kind}`, define the job in the `jobs:` section instead.",
                node,
                frame=scope.frame,
            )
        return kind

    def _refuse_arguments(self, written: Written, scope: Scope) -> None:
        declared = self.namespace.elements.get(("job", written.name))
        if isinstance(declared, Element):
            declared.used = True
            return
        matrix = written.options.get("matrix")
        extra = [key for key in written.options if key not in (*INVOCATION_KEYS, "upstream")]
        if extra and matrix is None:
            raise self.compilation.report.error(
                "unexpected-argument",
                f"Unexpected argument(s): {', '.join(extra)}",
                written.options[extra[0]],
                hint="an approval takes no arguments",
                frame=scope.frame,
            )

    def _overriding(self, job: Element, options: dict[str, Node], scope: Scope) -> Element:
        node = options.get("override-with")
        if node is None:
            return job
        name = option_text(node, scope, "override-with", self.compilation)
        if "/" not in name:
            raise self.compilation.report.error(
                "override-with",
                f"override-with takes an orb's job, as `orb/job`, found {show(name)}",
                node,
                frame=scope.frame,
            )
        alias, _, rest = name.partition("/")
        orb = self.namespace.orbs.get(alias)
        if alias not in self.namespace.orbs:
            raise self.compilation.report.error(
                "override-with",
                f"override-with names {show(name)}, and no orb is declared as {alias!r}",
                node,
                hint=did_you_mean(alias, self.namespace.orbs),
                frame=scope.frame,
            )
        self.namespace.used_orbs.add(alias)
        if orb is None:
            raise Poisoned
        if ("job", rest) not in orb.elements:
            return job  # By design of override-with: an orb may define the job, or leave it.
        return self.expander.find("job", name, scope, node)

    def _extra_steps(
        self, key: str, options: dict[str, Node], scope: Scope
    ) -> tuple[Node, Scope] | None:
        node = options.get(key)
        if node is None or (type(node) is Scalar and node.value is None):
            return None
        check_written_steps(node, scope, self.compilation)
        return node, scope


def _as_arguments(job: Element, chosen: dict[str, Any], scope: Scope) -> dict[str, Any]:
    """Return a matrix' values as arguments: the name of an executor becomes an executor."""
    arguments = {}
    for name, value in chosen.items():
        declared = job.declarations.get(name)
        if declared and declared.type == "executor" and isinstance(value, str):
            value = ExecutorArgument(Scalar(value, _frame_mark(scope)), scope)
        arguments[name] = value
    return arguments


def _frame_mark(scope: Scope) -> Mark:
    assert scope.frame is not None
    return scope.frame.mark


def _name_part(value: Any) -> str:
    """Return what a matrix value adds to a job's name; of a map its ``name``."""
    plain = plain_argument(value)
    if isinstance(plain, dict):
        return as_text(plain.get("name", "map"))
    if isinstance(plain, list):
        return "steps"
    return as_text(plain)


def _filter_texts(node: Node) -> Iterator[Scalar]:
    if type(node) is Scalar:
        if isinstance(node.value, str):
            yield node
    elif type(node) is Sequence:
        for item in node.items:
            yield from _filter_texts(item)
    elif type(node) is Mapping:
        for item in node.entries.values():
            yield from _filter_texts(item)


def _every_pipeline(mark: Mark) -> Node:
    """Return the filters of a job whose expression is true: every branch, and every tag.

    An expression also replaces the rule that a job without a filter for tags does not run for one.
    """
    every = Mapping({"only": Scalar("/.*/", mark)}, {"only": mark}, mark)
    return Mapping({"branches": every, "tags": every}, {"branches": mark, "tags": mark}, mark)
