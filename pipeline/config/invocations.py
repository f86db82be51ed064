"""The jobs of a workflow as they are invoked: matrices multiplied, tags replaced, bodies expanded."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pipeline.config.definitions import check_steps
from pipeline.config.expansion import ExpandedJob, Expander
from pipeline.config.findings import Exhausted, Frame, Poisoned
from pipeline.config.java_regex import BadRegex, check_regex
from pipeline.config.namespace import Element, Namespace
from pipeline.config.nodes import Mapping, Mark, Node, Scalar, Sequence, to_data
from pipeline.config.parameters import ExecutorArgument, StepsArgument
from pipeline.config.schema import FILTERS, INVOCATION_KEYS, JOB_TYPES, NAMES
from pipeline.config.scope import Compilation, Scope
from pipeline.config.spec import Checker
from pipeline.config.values import as_text, is_truthy, show, yaml_type
from pipeline.errors import did_you_mean

__all__ = ["STATUSES", "Invocation", "Invoker", "Requirement", "Written", "read_item"]

STATUSES = ("success", "failed", "canceled", "unauthorized", "not_run")
"""How a job can end; ``terminal`` in ``requires`` is all of them."""

_NEEDS_21 = ("matrix", "pre-steps", "post-steps", "override-with")
_LONGEST_SERIAL_GROUP = 512
_MOST_OF_PATTERNS = 200_000
"""Characters of all patterns of filters together: reading them takes microseconds for each."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """A job that has to have ended, and how, before another starts.

    Attributes:
        name: the required job's name, as it is written until names are final.
        statuses: endings that count.
        mark: where it is written.
    """

    name: str
    statuses: tuple[str, ...]
    mark: Mark


@dataclass(slots=True, eq=False)
class Invocation:
    """A job of a workflow.

    Attributes:
        workflow: its workflow's name.
        item: the place in the list that it comes from; the members of a matrix share it.
        name: its name; until all are known without the number that tells equal ones apart.
        label: the name by which ``requires`` finds it.
        mark: where it is written.
        alias: the name of the whole matrix that it is a member of, or None.
        requires: the jobs it waits for.
        filters: branches and tags, or None.
        filtered_out: whether its filters' expression is false.
        contexts: as written: a text or a list.
        serial_group: or None.
        approval: whether it waits for a person.
        body: what it runs; None for an approval.
        group: the job group's invocation that it is part of, or "".
    """

    workflow: str
    item: int
    name: str
    label: str
    mark: Mark
    alias: str | None = None
    requires: list[Requirement] = field(default_factory=list)
    filters: Node | None = None
    filtered_out: bool = False
    contexts: Node | None = None
    serial_group: str | None = None
    approval: bool = False
    body: ExpandedJob | None = None
    group: str = ""


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
        return self._matrix(written, matrix, workflow, item, frame)

    def _check_options(self, written: Written, frame: Frame) -> None:
        if self.namespace.has_tags:
            return
        for key in _NEEDS_21:
            if key in written.options:
                raise self.compilation.report.error(
                    "version", f"{key!r} needs version 2.1", written.options[key], frame=frame
                )

    # Matrix -------------------------------------------------------------------------------------

    def _matrix(
        self, written: Written, matrix: Node, workflow: str, item: int, frame: Frame
    ) -> list[Invocation]:
        alias, names, values, excluded = self._read_matrix(written, matrix, frame)
        members: list[Invocation] = []
        for combination in itertools.product(*values):
            self.compilation.count(matrix.mark, frame, len(names))
            chosen = {name: value for name, (value, _) in zip(names, combination, strict=True)}
            places = {name: mark for name, (_, mark) in zip(names, combination, strict=True)}
            if excluded and _identity({n: _plain(v) for n, v in chosen.items()}) in excluded:
                continue
            members.append(self._member(written, workflow, item, frame, chosen, alias, places))
        if not members:
            raise self.compilation.report.error(
                "matrix", "every combination of the matrix is excluded", matrix, frame=frame
            )
        return members

    def _read_matrix(
        self, written: Written, matrix: Node, frame: Frame
    ) -> tuple[str, list[str], list[list[tuple[Any, Mark]]], set[Hashable]]:
        if type(matrix) is not Mapping:
            raise self._matrix_error(
                f"expected type: Mapping, found: {yaml_type(matrix)}", matrix, frame
            )
        known = ("parameters", "exclude", "alias")
        for key in matrix.entries:
            if key not in known:
                hint = did_you_mean(key, known) or f"permitted keys: {', '.join(known)}"
                raise self._matrix_error(
                    f"extraneous key [{key}] is not permitted", matrix, frame, key, hint
                )
        parameters = matrix.get("parameters")
        if type(parameters) is not Mapping or not parameters.entries:
            raise self._matrix_error(
                "required key [parameters] not found: a matrix needs lists of values by parameter",
                matrix if parameters is None else parameters,
                frame,
            )
        scope = Scope(self.namespace, None, frame)
        names = sorted(parameters.entries)
        values = [self._matrix_values(parameters, name, scope) for name in names]
        count = 1
        for listed in values:
            count *= len(listed)
        if count > self.compilation.limits.jobs:
            raise self.compilation.report.error(
                "too-large",
                f"the matrix makes {count:,} jobs; the limit is {self.compilation.limits.jobs:,}",
                matrix,
                frame=frame,
            )
        alias_node = matrix.get("alias")
        alias = written.name
        if alias_node is not None:
            alias = self._text(alias_node, scope, "alias")
        return alias, names, values, self._excluded(matrix, names, scope)

    def _matrix_values(
        self, parameters: Mapping, name: str, scope: Scope
    ) -> list[tuple[Any, Mark]]:
        node = parameters.entries[name]
        if node.dynamic and type(node) is Scalar:
            node = self.compilation.resolve_node(node, scope)
        if type(node) is not Sequence or not node.items:
            raise self._matrix_error(
                f"the matrix parameter {name!r} needs a list of values, found: {yaml_type(node)}",
                node,
                scope.frame,
            )
        return [(self._matrix_value(item, scope), item.mark) for item in node.items]

    def _matrix_value(self, item: Node, scope: Scope) -> Any:
        if type(item) is Sequence:
            self._check_steps(item, scope)
            return StepsArgument(item, scope)
        resolved = self.compilation.resolve(item, scope)
        if type(resolved) is Scalar:
            return resolved.value
        assert not isinstance(resolved, StepsArgument)
        if isinstance(resolved, ExecutorArgument):
            return resolved
        return ExecutorArgument(resolved, scope)

    def _excluded(self, matrix: Mapping, names: list[str], scope: Scope) -> set[Hashable]:
        node = matrix.get("exclude")
        if node is None:
            return set()
        if type(node) is not Sequence:
            raise self._matrix_error(
                f"exclude takes a list of combinations, found: {yaml_type(node)}", node, scope.frame
            )
        entries = set()
        known = frozenset(names)
        for item in node.items:
            resolved = self.compilation.resolve_node(item, scope)
            if type(resolved) is not Mapping:
                raise self._matrix_error(
                    "an item of exclude is a mapping of matrix parameters to values",
                    item,
                    scope.frame,
                )
            for key in resolved.entries:
                if key not in known:
                    raise self._matrix_error(
                        f"exclude names {key!r}, which is no parameter of the matrix",
                        resolved,
                        scope.frame,
                        key,
                        did_you_mean(key, names),
                    )
            entries.add(_identity(to_data(resolved)))
        return entries

    def _matrix_error(
        self,
        message: str,
        at: Node,
        frame: Frame | None,
        key: str | None = None,
        hint: str | None = None,
    ) -> Poisoned:
        return self.compilation.report.error("matrix", message, at, key=key, hint=hint, frame=frame)

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
            name = self._text(options["name"], scope, "name")
        elif alias is not None:
            parts = [_name_part(chosen[key]) for key in sorted(chosen)]
            name = "-".join([written.name, *parts])
        self.compilation.count_text(len(name), written.mark, job_frame)
        made = Invocation(workflow, item, name, name, written.mark, alias)
        for part in (self._read_requires, self._read_filters, self._read_rest):
            with contextlib.suppress(Poisoned):
                part(made, options, scope)
        if not made.filtered_out:
            with contextlib.suppress(Poisoned):
                self._read_body(made, written, scope, chosen, places or {})
        # One with mistakes, all reported, stays in: others may require it.
        return made

    def _text(self, node: Node, scope: Scope, key: str) -> str:
        resolved = self.compilation.resolve_node(node, scope)
        if type(resolved) is Scalar and isinstance(resolved.value, str):
            if resolved.value.strip():
                return resolved.value
            raise self.compilation.report.error(
                "wrong-value", f"{key} cannot be empty", node, frame=scope.frame
            )
        found = show(resolved.value) if type(resolved) is Scalar else yaml_type(resolved)
        raise self.compilation.report.error(
            "wrong-type",
            f"expected type: String, found: {yaml_type(resolved)}: {key} has to be a text, not {found}",
            node,
            hint="put it in quotes" if type(resolved) is Scalar else None,
            frame=scope.frame,
        )

    def _read_requires(self, made: Invocation, options: dict[str, Node], scope: Scope) -> None:
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

    def _read_filters(self, made: Invocation, options: dict[str, Node], scope: Scope) -> None:
        node = options.get("filters")
        if node is None or (type(node) is Scalar and node.value is None):
            return
        if type(node) is Scalar and isinstance(node.value, str) and self.namespace.has_tags:
            made.filtered_out = not self._expression_filter(node, scope)
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

    def _read_rest(self, made: Invocation, options: dict[str, Node], scope: Scope) -> None:
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
        text = self._text(node, scope, "serial-group")
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
        kind = self._text(node, scope, "type")
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
        name = self._text(node, scope, "override-with")
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
        self._check_steps(node, scope)
        return node, scope

    def _check_steps(self, node: Node, scope: Scope) -> None:
        before = self.compilation.report.error_count
        check_steps(
            node, self.namespace, Checker(self.compilation.report, tags=True, frame=scope.frame)
        )
        if self.compilation.report.error_count != before:
            raise Poisoned


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


def _plain(value: Any) -> Any:
    if isinstance(value, ExecutorArgument):
        return value.data()
    if isinstance(value, StepsArgument):
        return to_data(value.node)
    return value


def _identity(value: Any) -> Hashable:
    """Return what is equal for equal values of one type only: 1 is neither "1" nor true."""
    if isinstance(value, dict):
        return frozenset((key, _identity(item)) for key, item in value.items())
    if isinstance(value, list):
        return tuple(_identity(item) for item in value)
    return (isinstance(value, bool), value)


def _name_part(value: Any) -> str:
    """Return what a matrix value adds to a job's name; of a map its ``name``."""
    plain = _plain(value)
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
