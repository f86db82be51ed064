"""What names mean at a place, and the values of tags there.

Scopes are lexical: an element sees its own parameters, the elements and orbs of the document it was
written in, and the pipeline's values; pipeline parameters are seen in the configuration itself and
not in orbs. Steps and executors that are handed over as arguments bring their scope along.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from typing import Any

from pipeline.config.expression import (
    Expression,
    ExpressionError,
    Variable,
    evaluate,
    parse_expression,
    variables,
)
from pipeline.config.findings import Exhausted, Frame, Poisoned, Report
from pipeline.config.java_regex import BadRegex, full_match
from pipeline.config.namespace import Element, Namespace
from pipeline.config.nodes import Mapping, Mark, Node, Scalar, Sequence, from_data, to_data
from pipeline.config.parameters import Declaration, ExecutorArgument, StepsArgument
from pipeline.config.pipeline_values import is_known_value
from pipeline.config.reader import Limits
from pipeline.config.template import (
    Part,
    Section,
    Tag,
    Template,
    TemplateError,
    parse_template,
    template_tags,
)
from pipeline.config.values import as_text, is_truthy
from pipeline.errors import did_you_mean

__all__ = ["Compilation", "Scope", "Value", "mark_inside"]

Value = Node | StepsArgument | ExecutorArgument

_REGEX_TIME_S = 2.0
"""Time for all patterns of conditions together; ordinary ones take microseconds."""


@dataclass(slots=True, eq=False)
class Scope:
    """What is in scope at a place.

    Attributes:
        namespace: the document it was written in: its elements and orbs.
        arguments: the values of the element's parameters; None outside of an element.
        frame: the calls that led here.
        matrix: the values of a matrix' member, else None.
        active: the elements that are being expanded around it, to find recursion.
        declaring: whether it is a declaration of parameters, which sees no pipeline parameters.
    """

    namespace: Namespace
    arguments: dict[str, Any] | None = None
    frame: Frame | None = None
    matrix: dict[str, Any] | None = None
    active: tuple[Element, ...] = ()
    declaring: bool = False


class _Unknown(Exception):
    """A variable is not in scope."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(slots=True, eq=False)
class Compilation:
    """One run of the compiler: what it was given, and what it keeps on the way.

    Attributes:
        report: takes the findings.
        limits: sizes beyond which it gives up.
        values: pipeline values by their full name.
        parameters: pipeline parameters.
        broken: pipeline parameters whose declaration has a mistake.
        future_steps: whether a step of an unknown type is kept, if its name is not near a known one.
    """

    report: Report
    limits: Limits
    values: Map[str, Any]
    parameters: dict[str, Any] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    future_steps: bool = False
    _templates: dict[str, Template | TemplateError] = field(default_factory=dict)
    _nodes_made: int = 0
    _text_made: int = 0
    _text_printed: int = 0
    _regex_time_s: float = _REGEX_TIME_S

    def resolve(self, node: Node, scope: Scope) -> Value:
        """Return the node with every tag replaced by its value.

        Raises:
            Poisoned: a tag has no value; reported.
        """
        if not node.dynamic or not scope.namespace.has_tags:
            return node
        if type(node) is Scalar:
            return self._resolve_text(node, scope)
        if type(node) is Sequence:
            items = [self._plain(item, scope) for item in node.items]
            size, depth = self._measured(items, node, scope)
            return Sequence(items, node.mark, False, size, depth)
        assert type(node) is Mapping
        entries = {key: self._plain(item, scope) for key, item in node.entries.items()}
        size, depth = self._measured(entries.values(), node, scope)
        return Mapping(entries, node.keys, node.mark, False, size, depth)

    def _measured(self, nodes: Collection[Node], of: Node, scope: Scope) -> tuple[int, int]:
        """Return the size and depth of what is made of nodes; what is handed over adds up."""
        self.count(of.mark, scope.frame, len(nodes) + 1)
        size, depth = 1, 0
        for node in nodes:
            if isinstance(node, Scalar):
                size += 1
            else:
                size += node.size
                depth = max(depth, node.depth + 1)
        if size > self.limits.nodes or depth > self.limits.depth:
            self.report.error(
                "too-large",
                f"expands to {size:,} values, {depth} levels deep; the limits are"
                f" {self.limits.nodes:,} and {self.limits.depth}",
                of,
                frame=scope.frame,
            )
            raise Exhausted
        return size, depth

    def resolve_node(self, node: Node, scope: Scope) -> Node:
        """Return the node resolved, where neither steps nor a scoped executor may come out."""
        return self._plain(node, scope)

    def _plain(self, node: Node, scope: Scope) -> Node:
        if not node.dynamic:
            return node
        value = self.resolve(node, scope)
        if isinstance(value, ExecutorArgument):
            return value.node
        if isinstance(value, StepsArgument):
            raise self.report.error(
                "embedded-value", "a list of steps cannot stand here", node, frame=scope.frame
            )
        return value

    def count(self, mark: Mark, frame: Frame | None, nodes: int = 1) -> None:
        """Count what is made, and give up beyond the limit."""
        self._nodes_made += nodes
        if self._nodes_made > self.limits.expanded_nodes:
            self.report.error(
                "too-large",
                f"the configuration expands to more than {self.limits.expanded_nodes:,} values",
                mark,
                frame=frame,
            )
            raise Exhausted

    def _resolve_text(self, node: Scalar, scope: Scope) -> Value:
        template = self.template(node, scope)
        if template.whole is not None:
            return self._whole(template.whole, node, scope)
        text = "".join([self._part(part, node, scope) for part in template.parts])
        self.count_text(len(text), node.mark, scope.frame)
        self.count(node.mark, scope.frame, len(template.parts))
        return Scalar(text, node.mark, node.style)

    def count_output(self, node: Node, frame: Frame | None) -> None:
        """Count what is going to be printed, and give up beyond the limits."""
        self.count(node.mark, frame, 1 if isinstance(node, Scalar) else node.size)
        self._text_printed += _text_length(node)
        if self._text_printed > self.limits.output_text:
            self.report.error(
                "too-large",
                f"the jobs come to more than {self.limits.output_text:,} characters",
                node,
                frame=frame,
            )
            raise Exhausted

    def count_text(self, length: int, mark: Mark, frame: Frame | None) -> None:
        """Count characters that are made, and give up beyond the limit."""
        self._text_made += length
        if self._text_made > self.limits.expanded_text:
            self.report.error(
                "too-large",
                f"the configuration expands to more than {self.limits.expanded_text:,} characters",
                mark,
                frame=frame,
            )
            raise Exhausted

    def template(self, node: Scalar, scope: Scope) -> Template:
        """Return a text's parts.

        Raises:
            Poisoned: its tags cannot be read; reported.
        """
        text: str = node.value
        found = self._templates.get(text)
        if found is None:
            try:
                found = parse_template(text)
            except TemplateError as error:
                found = error
            self._templates[text] = found
        if isinstance(found, TemplateError):
            raise self.report.error(
                found.code,
                str(found),
                mark_inside(node, found.offset),
                hint=found.hint,
                frame=scope.frame,
            )
        return found

    def _whole(self, tag: Tag, node: Scalar, scope: Scope) -> Value:
        value = self.tag_value(tag, node, scope)
        if isinstance(value, StepsArgument | ExecutorArgument):
            return value
        if isinstance(value, list | dict):
            return from_data(value, node.mark)
        return Scalar(value, node.mark, node.style)

    def _part(self, part: Part, node: Scalar, scope: Scope) -> str:
        if isinstance(part, str):
            return part
        if isinstance(part, Section):
            condition = self.tag_value(part.condition, node, scope)
            if is_truthy(_seen(condition)) is part.inverted:
                return ""
            self.count(node.mark, scope.frame, len(part.parts))
            return "".join([self._part(inner, node, scope) for inner in part.parts])
        value = _seen(self.tag_value(part, node, scope))
        if isinstance(value, list | dict):
            raise self.report.error(
                "embedded-value",
                f"<< {part.source} >> is a {'list' if isinstance(value, list) else 'map'}, which cannot"
                " stand inside of a text",
                mark_inside(node, part.offset),
                frame=scope.frame,
            )
        return as_text(value)

    def tag_value(self, tag: Tag, node: Scalar, scope: Scope) -> Any:
        """Return the value of a tag: a scalar, or steps or an executor that were handed over.

        Raises:
            Poisoned: it has none; reported.
        """
        expression = tag.expression
        try:
            if type(expression) is Variable:
                return self.lookup(expression.name, scope)
            return self._worked_out(expression, scope)
        except _Unknown as error:
            code, message, hint = "unknown-variable", str(error), error.hint
        except ExpressionError as error:
            code, message, hint = error.code, str(error), None
        raise self.report.error(
            code, message, mark_inside(node, tag.offset), hint=hint, frame=scope.frame
        )

    def _worked_out(self, expression: Expression, scope: Scope) -> Any:
        # Each variable has to exist, also behind an `or` that does not get there.
        known = {name: _seen(self.lookup(name, scope)) for name in variables(expression)}
        return evaluate(expression, known.__getitem__, self.matches)

    def matches(self, pattern: str, text: str) -> bool:
        """Return whether the whole of a text matches; all patterns of a run share a time limit.

        Raises:
            BadRegex: the pattern cannot be read, or takes too long.
        """
        if self._regex_time_s <= 0:
            raise BadRegex("the regular expressions of all conditions take too long together")
        started = time.monotonic()
        try:
            return full_match(pattern, text, self._regex_time_s)
        finally:
            self._regex_time_s -= time.monotonic() - started

    def default_value(self, declaration: Declaration, scope: Scope) -> Any:
        """Return the default of a scalar parameter.

        A declaration is not evaluated, but for the values of the pipeline, which are seen everywhere.

        Raises:
            Poisoned: it refers to something that is not there; reported.
        """
        node = declaration.default
        assert node is not None
        if type(node) is not Scalar or not node.dynamic or not _names_pipeline(node.value):
            return to_data(node)
        return to_data(self.resolve_node(node, scope))

    def expression_value(self, node: Scalar, scope: Scope) -> Any:
        """Return the value of a bare expression, as ``filters: pipeline.git.branch == "main"``.

        Raises:
            Poisoned: it cannot be read or has no value; reported.
        """
        try:
            return self._worked_out(parse_expression(node.value.strip()), scope)
        except _Unknown as error:
            code, message, hint = "unknown-variable", str(error), error.hint
        except ExpressionError as error:
            code, message, hint = error.code, str(error), None
        raise self.report.error(code, message, node, hint=hint, frame=scope.frame)

    def lookup(self, name: str, scope: Scope) -> Any:
        """Return the value of a variable; raises :class:`_Unknown`."""
        head, _, rest = name.partition(".")
        if head == "parameters" and rest:
            return _argument(rest, scope)
        if head == "pipeline" and rest:
            return self._pipeline_value(name, scope)
        if head == "matrix" and rest and scope.matrix is not None:
            if rest in scope.matrix:
                return scope.matrix[rest]
            raise _Unknown(
                f'Referred to a variable "{name}" that does not exist',
                did_you_mean(rest, scope.matrix),
            )
        if "." in name:
            raise _Unknown(
                f'Referred to a variable "{name}" that does not exist',
                did_you_mean(head, ["parameters", "pipeline", "matrix"]),
            )
        arguments = scope.arguments or {}
        hint = f"write << parameters.{name} >>" if name in arguments else None
        raise _Unknown(f"Unknown variable(s): {name}", hint)

    def _pipeline_value(self, name: str, scope: Scope) -> Any:
        prefix = "pipeline.parameters."
        if name.startswith(prefix):
            wanted = name.removeprefix(prefix)
            if not scope.namespace.is_orb and not scope.declaring and wanted in self.parameters:
                return self.parameters[wanted]
            if wanted in self.broken:
                raise Poisoned
            hint = did_you_mean(wanted, self.parameters)
            if scope.declaring:
                hint = "a declaration cannot use pipeline parameters: hand it over as an argument"
            if scope.namespace.is_orb:
                hint = "an orb does not see pipeline parameters: hand it over as an argument"
            raise _Unknown(f'Referred to a variable "{name}" that does not exist', hint)
        if name in self.values:
            return self.values[name]
        if is_known_value(name):
            return None
        from pipeline.config.pipeline_values import KNOWN_VALUES

        raise _Unknown(
            f'Referred to a variable "{name}" that does not exist', did_you_mean(name, KNOWN_VALUES)
        )


def _names_pipeline(text: str) -> bool:
    try:
        parts = parse_template(text).parts
    except TemplateError:
        return False
    return any(
        name.startswith("pipeline.")
        for tag in template_tags(parts)
        for name in variables(tag.expression)
    )


def _text_length(node: Node) -> int:
    if isinstance(node, Scalar):
        return len(node.value) if isinstance(node.value, str) else 1
    below = node.items if isinstance(node, Sequence) else node.entries.values()
    return sum(map(_text_length, below))


def _argument(name: str, scope: Scope) -> Any:
    if scope.arguments is not None:
        if name in scope.arguments:
            return scope.arguments[name]
        hint = did_you_mean(name, scope.arguments) or _declared(scope.arguments)
    else:
        hint = "for pipeline parameters write << pipeline.parameters.… >>"
    raise _Unknown(f"Arguments referenced without declared parameters: parameters.{name}", hint)


def _declared(arguments: Map[str, Any]) -> str:
    names = ", ".join(list(arguments)[:10])
    return f"declared here: {names}" if names else "no parameters are declared here"


def _seen(value: Any) -> Any:
    """Return what a text or condition sees of a value that was handed over."""
    if isinstance(value, ExecutorArgument):
        return value.data()
    if isinstance(value, StepsArgument):
        return [None] * len(value.node.items)
    return value


def mark_inside(node: Scalar, offset: int) -> Mark:
    """Return the place of a character of a text, as nearly as its style allows."""
    text, mark = node.value, node.mark
    if node.style is None and "\n" not in text:
        line = mark.source.line(mark.line)
        if line.startswith(text, mark.column - 1):
            return Mark(mark.source, mark.line, mark.column + offset)
    elif node.style in ("'", '"'):
        line = mark.source.line(mark.line)
        if line.startswith(text, mark.column):
            return Mark(mark.source, mark.line, mark.column + 1 + offset)
    elif node.style == "|":
        before = text[:offset]
        number = mark.line + 1 + before.count("\n")
        begin = before.rfind("\n") + 1
        written = text[begin:].partition("\n")[0]
        column = mark.source.line(number).find(written)
        if written and column >= 0:
            return Mark(mark.source, number, column + 1 + offset - begin)
    return mark
