"""Expands calls: commands into steps, executors into their keys, jobs into what will run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pipeline.config.definitions import (
    check_bare,
    check_built_in,
    check_conditional,
    check_element,
    check_executor_shape,
    check_steps,
)
from pipeline.config.expanded import ExpandedJob, ExpandedStep
from pipeline.config.findings import Exhausted, Frame, Poisoned
from pipeline.config.logic import condition_holds
from pipeline.config.namespace import Element
from pipeline.config.nodes import Mapping, Mark, Node, Scalar, Sequence, to_data
from pipeline.config.normal_forms import (
    environment_map,
    hoist,
    merged,
    normalised,
    with_plain_images,
)
from pipeline.config.parameters import (
    Declaration,
    ExecutorArgument,
    StepsArgument,
    mismatch,
    type_error,
)
from pipeline.config.schema import EXECUTOR_TYPES, INVOCATION_KEYS, JOB_FIELDS, STEPS, step_name
from pipeline.config.scope import Compilation, Scope, Value
from pipeline.config.spec import Checker, is_null
from pipeline.config.values import yaml_type
from pipeline.errors import did_you_mean

__all__ = ["Expander"]

_NOT_IN_BODY = frozenset({"parameters", "description", "executor", "steps"})
_STEP_NAMES = (*STEPS, "when", "unless", "steps")
_DEEPEST_CALLS = 60
"""Calls within calls; hand-written configurations have fewer than ten."""


@dataclass(slots=True, eq=False)
class Expander:
    """Expands elements; one for each run of the compiler."""

    compilation: Compilation
    _steps_made: int = 0
    _checked: set[int] = field(default_factory=set)

    # Arguments ------------------------------------------------------------------------------

    def bind(
        self,
        element: Element,
        given: dict[str, Node],
        caller: Scope,
        frame: Frame,
        at: Node | Mark,
        bound: dict[str, Any] | None = None,
        places: dict[str, Mark] | None = None,
    ) -> dict[str, Any]:
        """Return the arguments of a call.

        Args:
            element: what is called.
            given: the arguments as they are written.
            caller: the scope they are written in.
            frame: the call.
            at: where the call stands.
            bound: arguments that have their value already, as those of a matrix.
            places: where these are written.

        Raises:
            Poisoned: an argument is missing, unexpected or of the wrong type; reported.
        """
        declared = element.declarations
        self.compilation.count(frame.mark, frame, len(declared) + len(given))
        arguments = dict(bound or {})
        places = places or {}
        failed: Poisoned | None = None
        unexpected = [name for name in (*given, *arguments) if name not in declared]
        if unexpected:
            first = given.get(unexpected[0])
            failed = self._error(
                "unexpected-argument",
                f"Unexpected argument(s): {', '.join(unexpected)}",
                first if first is not None else places.get(unexpected[0], at),
                frame,
                did_you_mean(unexpected[0], [*declared, *_invocation_keys(element)])
                or (f"it takes {', '.join(declared)}" if declared else "it takes no arguments"),
            )
        missing = []
        for name, declaration in declared.items():
            try:
                if name in arguments:
                    self._check_type(declaration, arguments[name], places.get(name, at), frame)
                elif name in given and not is_null(given[name]):
                    arguments[name] = self._argument(declaration, given[name], caller, frame)
                elif declaration.default is not None:
                    arguments[name] = self._default(element, declaration, caller, frame)
                else:
                    missing.append(name)
            except Poisoned as error:
                failed = error
        if missing:
            failed = self._error(
                "missing-argument", f"Missing required argument(s): {', '.join(missing)}", at, frame
            )
        if failed:
            raise failed
        return arguments

    def _argument(self, declaration: Declaration, node: Node, caller: Scope, frame: Frame) -> Any:
        if declaration.type == "steps" and type(node) is Sequence:
            self._check_written_steps(node, caller)
            return StepsArgument(node, caller)
        value = _argument_value(self.compilation.resolve(node, caller), caller, declaration.type)
        self._check_type(declaration, value, node, frame)
        return value

    def _check_written_steps(self, node: Sequence, caller: Scope) -> None:
        if id(node) in self._checked:
            return
        self._checked.add(id(node))
        before = self.compilation.report.error_count
        checker = Checker(self.compilation.report, tags=True, frame=caller.frame)
        check_steps(node, caller.namespace, checker)
        if self.compilation.report.error_count != before:
            raise Poisoned

    def _check_type(
        self, declaration: Declaration, value: Any, at: Node | Mark, frame: Frame
    ) -> None:
        if declaration.choices:
            self.compilation.count(frame.mark, frame, len(declaration.choices))
        if mismatch(declaration, value) is not None:
            message, hint = type_error(declaration, value)
            raise self._error("type-mismatch", message, at, frame, hint)

    def _default(
        self, element: Element, declaration: Declaration, caller: Scope, frame: Frame
    ) -> Any:
        default = declaration.default
        assert default is not None
        if declaration.type == "steps" and type(default) is Sequence:
            active = (*caller.active, element)
            return StepsArgument(default, Scope(element.namespace, {}, frame, active=active))
        home = Scope(element.namespace, frame=frame, declaring=True)
        if type(default) is Scalar and declaration.type != "executor":
            if not default.dynamic:
                return default.value
            return self.compilation.default_value(declaration, home)
        return _argument_value(self.compilation.resolve(default, home), home, declaration.type)

    def _error(
        self, code: str, message: str, at: Node | Mark, frame: Frame | None, hint: str | None = None
    ) -> Poisoned:
        return self.compilation.report.error(code, message, at, hint=hint, frame=frame)

    # Finding elements -------------------------------------------------------------------------

    def find(self, kind: str, name: str, scope: Scope, at: Node | Mark) -> Element:
        """Return the element that a name means in a scope.

        Raises:
            Poisoned: there is none, or it has mistakes; reported.
        """
        found = scope.namespace.find(kind, name)
        if isinstance(found, Element):
            if found.namespace.is_orb and id(found) not in self._checked:
                self._checked.add(id(found))
                check_element(found, self.compilation.report)
            if found.empty:
                raise self._error(
                    "wrong-type",
                    f"expected type: Mapping, found: Null: nothing stands behind the {kind} {name}",
                    at,
                    scope.frame,
                    "say there what it does",
                )
            if not found.sound:
                raise Poisoned
            return found
        if found.reported:
            raise Poisoned
        shown = name if found.name == name else f"{found.name} (which {name} stands for)"
        if found.orb is not None:
            raise self._error(
                "unknown-orb",
                f"Cannot find a definition for {_article(kind)}{kind} named {shown}:"
                f" no orb is declared as {found.orb!r}",
                at,
                scope.frame,
                found.hint
                or f"declare it below `orbs:`, as `{found.orb}: namespace/{found.orb}@1`",
            )
        raise self._error(
            f"unknown-{kind}",
            f"Cannot find a definition for {_article(kind)}{kind} named {shown}",
            at,
            scope.frame,
            found.hint or (did_you_mean(name, _STEP_NAMES) if kind == "command" else None),
        )

    # Steps --------------------------------------------------------------------------------------

    def steps(self, node: Node, scope: Scope, into: list[ExpandedStep]) -> None:
        """Expand a list of steps; what cannot be expanded is reported and left out.

        Raises:
            Poisoned: the list is none, or something in it has a mistake.
        """
        if type(node) is Scalar:
            node, scope = self._handed_over_steps(node, scope)
        if type(node) is not Sequence:
            raise self._error(
                "wrong-type",
                f"expected type: Sequence, found: {yaml_type(node)}",
                node,
                scope.frame,
                "steps are a list, even if it is only one",
            )
        self.compilation.count(node.mark, scope.frame, len(node.items))
        failed: Poisoned | None = None
        for item in node.items:
            try:
                self._step(item, scope, into)
            except Poisoned as error:
                failed = error
        if failed:
            raise failed

    def _handed_over_steps(self, node: Scalar, scope: Scope) -> tuple[Node, Scope]:
        value = self.compilation.resolve(node, scope)
        if isinstance(value, StepsArgument):
            return value.node, value.scope
        if isinstance(value, ExecutorArgument):
            return value.node, scope
        return value, scope

    def _step(self, item: Node, scope: Scope, into: list[ExpandedStep]) -> None:
        if type(item) is Mapping and len(item.entries) == 1:
            for name, body in item.entries.items():
                self._named_step(name, body, item, scope, into)
            return
        if type(item) is Scalar and isinstance(item.value, str):
            if item.dynamic:
                resolved = self.compilation.resolve_node(item, scope)
                assert type(resolved) is Scalar
                item = resolved
            if isinstance(item.value, str):
                self._named_step(item.value, None, item, scope, into)
                return
        if not item.dynamic:
            raise Poisoned  # Reported where the list was checked.
        raise self._error(
            "step-shape", "a step is a name or a mapping with one key", item, scope.frame
        )

    def _named_step(
        self, name: str, body: Node | None, item: Node, scope: Scope, into: list[ExpandedStep]
    ) -> None:
        namespace = scope.namespace
        if ("command", name) not in namespace.elements:
            if (own := step_name(name)) in STEPS:
                self._built_in(own, name, body, item, scope, into)
                return
            if name == "steps" and body is not None:
                self._count_step(item.mark)
                self.steps(body, scope, into)
                return
            if name in ("when", "unless"):
                self._count_step(item.mark)
                self._conditional(name, body, item, scope, into)
                return
        self._command(name, body, item, scope, into)

    def _conditional(
        self, name: str, body: Node | None, item: Node, scope: Scope, into: list[ExpandedStep]
    ) -> None:
        if type(body) is not Mapping or not {"condition", "steps"} <= body.entries.keys():
            check_conditional(
                name,
                item if body is None else body,
                scope.namespace,
                Checker(self.compilation.report, frame=scope.frame),
            )
            raise Poisoned
        holds = condition_holds(body.entries["condition"], scope, self.compilation)
        steps = body.entries["steps"]
        if holds is (name == "when") and not is_null(steps):
            self.steps(steps, scope, into)

    def _command(
        self, name: str, body: Node | None, item: Node, scope: Scope, into: list[ExpandedStep]
    ) -> None:
        mark = item.keys[name] if type(item) is Mapping else item.mark
        if not scope.namespace.has_tags:
            raise self._error(
                "unknown-command",
                f"Cannot find a definition for command named {name}",
                mark,
                scope.frame,
                did_you_mean(name, STEPS) or "commands need version 2.1",
            )
        if self.compilation.future_steps and self._may_come(name, scope):
            resolved = None if body is None else self.compilation.resolve_node(body, scope)
            options = resolved if type(resolved) is Mapping else None
            self._add(ExpandedStep(name, options, mark, scope.frame), into)
            return
        command = self.find("command", name, scope, mark)
        self._count_step(mark)
        frame = Frame("command", name, mark, scope.frame)
        if command in scope.active or len(scope.active) > _DEEPEST_CALLS:
            chain = " > ".join(e.name for e in (*scope.active[-8:], command) if e.kind == "command")
            raise self._error(
                "recursion", f"the command {name} calls itself: {chain}", mark, frame.parent
            )
        given = self._given(body, command, frame)
        arguments = self.bind(command, given, scope, frame, mark)
        inner = Scope(command.namespace, arguments, frame, None, (*scope.active, command))
        steps = command.node.get("steps")
        if steps is None:
            raise Poisoned  # Reported with the definition.
        self.steps(steps, inner, into)

    def _may_come(self, name: str, scope: Scope) -> bool:
        """Return whether a name may be that of a step to come: one that is no slip of the pen."""
        found = scope.namespace.find("command", name)
        if isinstance(found, Element) or found.orb is not None or "/" in name:
            return False
        return found.hint is None and did_you_mean(name, _STEP_NAMES) is None

    def _given(self, body: Node | None, element: Element, frame: Frame) -> dict[str, Node]:
        if body is None or is_null(body):
            return {}
        if type(body) is Mapping:
            return body.entries
        raise self._error(
            "wrong-type",
            f"expected type: Mapping, found: {yaml_type(body)}: the arguments of"
            f" {element.kind} {element.name!r} have names",
            body,
            frame,
            f"it takes {', '.join(element.declarations)}" if element.declarations else None,
        )

    def _built_in(
        self,
        name: str,
        written: str,
        body: Node | None,
        item: Node,
        scope: Scope,
        into: list[ExpandedStep],
    ) -> None:
        mark = item.keys[written] if type(item) is Mapping else item.mark
        checker = Checker(
            self.compilation.report, frame=scope.frame, lenient=scope.namespace.is_imported
        )
        if body is None or is_null(body):
            if not check_bare(name, item, checker):
                raise Poisoned
            self._add(ExpandedStep(name, None, mark, scope.frame), into)
            return
        resolved = self.compilation.resolve_node(body, scope) if body.dynamic else body
        if resolved is not body or not scope.namespace.has_tags:
            holder = item if type(item) is Mapping else Mapping({}, {}, mark)
            if not check_built_in(name, resolved, holder, checker):
                raise Poisoned
        if name in ("run", "deploy") and type(resolved) is Scalar:
            place = resolved.mark
            resolved = Mapping({"command": resolved}, {"command": place}, place, size=2, depth=1)
        elif type(resolved) is Mapping:
            resolved = normalised(resolved)
        self._add(ExpandedStep(name, resolved, mark, scope.frame), into)

    def _add(self, step: ExpandedStep, into: list[ExpandedStep]) -> None:
        self._count_step(step.mark)
        if step.body is not None:
            self.compilation.count_output(step.body, step.frame)
        into.append(step)

    def _count_step(self, mark: Mark) -> None:
        """Count a step, call or condition; all take their time, though some come to nothing."""
        self._steps_made += 1
        if self._steps_made > self.compilation.limits.steps:
            self._error(
                "too-large",
                f"the configuration expands to more than {self.compilation.limits.steps:,} steps",
                mark,
                None,
            )
            raise Exhausted

    # Executors ----------------------------------------------------------------------------------

    def executor(self, node: Node, scope: Scope) -> dict[str, Node]:
        """Return the keys of the executor that is named.

        Raises:
            Poisoned: there is none, or its arguments are wrong; reported.
        """
        home = self._home_of_name(node, scope)
        value: Value = self.compilation.resolve(node, scope)
        if isinstance(value, ExecutorArgument):
            scope = Scope(value.scope.namespace, None, scope.frame)
            value = value.node
        if isinstance(value, StepsArgument) or not check_executor_shape(
            value, Checker(self.compilation.report, frame=scope.frame)
        ):
            raise Poisoned
        given: dict[str, Node] = {}
        name_node: Node = value
        if type(value) is Mapping:
            given = {key: item for key, item in value.entries.items() if key != "name"}
            name_node = value.entries["name"]
        assert type(name_node) is Scalar
        executor = self.find("executor", str(name_node.value), home or scope, name_node)
        if not given and "fields" in executor.kept:
            kept: dict[str, Node] = executor.kept["fields"]
            return kept
        frame = Frame("executor", str(name_node.value), name_node.mark, scope.frame)
        arguments = self.bind(executor, given, scope, frame, name_node)
        inner = Scope(executor.namespace, arguments, frame)
        fields = self._fields(executor, inner)
        if not any(key in fields for key in EXECUTOR_TYPES):
            raise self._error(
                "executor-type",
                f"the executor {name_node.value} has none of docker, machine and macos",
                executor.node,
                frame,
            )
        if not given:
            executor.kept["fields"] = fields
        return fields

    def _home_of_name(self, node: Node, scope: Scope) -> Scope | None:
        """Return where the name of ``{name: << parameters.e >>, …}`` was written, if it was handed over."""
        name = node.get("name") if type(node) is Mapping else None
        value = self.compilation.resolve(name, scope) if name is not None else None
        if not isinstance(value, ExecutorArgument):
            return None
        return Scope(value.scope.namespace, None, scope.frame)

    def _fields(self, element: Element, scope: Scope) -> dict[str, Node]:
        """Return an element's own keys with their tags replaced, each checked once it is known."""
        fields: dict[str, Node] = {}
        failed: Poisoned | None = None
        checker = Checker(self.compilation.report, frame=scope.frame)
        for key, node in element.node.entries.items():
            if key in _NOT_IN_BODY or key not in JOB_FIELDS or is_null(node):
                continue
            try:
                resolved = self.compilation.resolve_node(node, scope) if node.dynamic else node
            except Poisoned as error:
                failed = error
                continue
            if resolved is not node and not JOB_FIELDS[key].check(resolved, checker):
                failed = Poisoned()
            fields[key] = _NORMALISE.get(key, _as_it_is)(resolved)
        if failed:
            raise failed
        return fields

    # Jobs ---------------------------------------------------------------------------------------

    def job(
        self,
        job: Element,
        arguments: dict[str, Any],
        frame: Frame,
        pre: tuple[Node, Scope] | None = None,
        post: tuple[Node, Scope] | None = None,
    ) -> ExpandedJob:
        """Return a job as it will run.

        Args:
            job: the element.
            arguments: the values of its parameters.
            frame: the call.
            pre: steps before its own, and the scope they are written in.
            post: steps after them.

        Raises:
            Poisoned: something in it has a mistake; reported.
        """
        scope = Scope(job.namespace, arguments, frame, None, (job,))
        failed: Poisoned | None = None
        fields: dict[str, Node] = {}
        steps: list[ExpandedStep] = []
        try:
            fields = self._job_fields(job, scope)
        except Poisoned as error:
            failed = error
        own = job.node.get("steps")
        for part in (pre, (own, scope) if own is not None else None, post):
            if part is None:
                continue
            try:
                self.steps(*part, steps)
            except Poisoned as error:
                failed = error
        if failed:
            raise failed
        for node in fields.values():
            self.compilation.count_output(node, frame)
        kind = fields.get("type")
        return ExpandedJob(
            fields, steps, job.node.mark, str(kind.value) if type(kind) is Scalar else "build"
        )

    def _job_fields(self, job: Element, scope: Scope) -> dict[str, Node]:
        fields: dict[str, Node] = {}
        executor = job.node.get("executor")
        if executor is not None:
            fields = dict(self.executor(executor, scope))
        own = self._fields(job, scope)
        if any(key in own for key in EXECUTOR_TYPES):
            for key in EXECUTOR_TYPES:
                fields.pop(key, None)
        if "environment" in fields and "environment" in own:
            own["environment"] = merged(fields["environment"], own["environment"])
        # Each by itself first: what the job's machine says wins over the executor's class.
        hoist(fields)
        hoist(own)
        fields |= own
        self._check_executor_type(job, fields, scope)
        return fields

    def _check_executor_type(self, job: Element, fields: dict[str, Node], scope: Scope) -> None:
        kind = fields.get("type")
        if type(kind) is Scalar and kind.value != "build":
            return
        if not any(key in fields for key in EXECUTOR_TYPES):
            raise self._error(
                "executor-type",
                f"the job {job.name} has no executor: none of docker, machine, macos and executor",
                job.node,
                scope.frame,
                "say where it runs, as `docker: [{image: cimg/ruby:3.2.2}]`",
            )
        docker = fields.get("docker")
        if docker is not None:
            fields["docker"] = with_plain_images(docker)


def _invocation_keys(element: Element) -> tuple[str, ...]:
    """Return the keys that may stand beside an element's arguments."""
    return INVOCATION_KEYS if element.kind == "job" else ()


def _article(kind: str) -> str:
    """CircleCI's own messages read "a definition for a executor" and "for command"."""
    return "a " if kind == "executor" else ""


def _as_it_is(node: Node) -> Node:
    return node


def _argument_value(value: Value, scope: Scope, kind: str) -> Any:
    """Return what an argument's value is to the element that is called."""
    if isinstance(value, StepsArgument | ExecutorArgument):
        return value
    if kind == "executor" and (
        type(value) is Mapping or (type(value) is Scalar and isinstance(value.value, str))
    ):
        return ExecutorArgument(value, scope)
    if kind == "steps" and type(value) is Sequence:
        return StepsArgument(value, scope)
    if type(value) is Scalar:
        # A value that the pipeline does not have, as the tag of a branch's, is an empty text.
        return "" if value.value is None and kind == "string" else value.value
    return to_data(value)


_NORMALISE: dict[str, Callable[[Node], Node]] = {"environment": environment_map}
