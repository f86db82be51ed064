"""A job's matrix: its parameters' values, and which combinations of them are left out."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.config.findings import Frame, Poisoned
from pipeline.config.namespace import Namespace
from pipeline.config.nodes import Mapping, Mark, Node, Scalar, Sequence, to_data
from pipeline.config.options import check_written_steps, option_text
from pipeline.config.parameters import ExecutorArgument, StepsArgument
from pipeline.config.scope import Compilation, Scope
from pipeline.config.values import yaml_type
from pipeline.errors import did_you_mean

__all__ = ["Matrix", "MatrixReader", "plain_argument"]


@dataclass(frozen=True, slots=True)
class Matrix:
    """A matrix as it is written.

    Attributes:
        alias: the name by which all its members are required.
        names: its parameters, sorted.
        values: the values of each, and where they stand.
        excluded: combinations that are left out.
    """

    alias: str
    names: list[str]
    values: list[list[tuple[Any, Mark]]]
    excluded: set[Hashable]

    def combinations(self) -> Iterator[tuple[dict[str, Any], dict[str, Mark]]]:
        """Yield the value of each parameter, and its place; those that are excluded as empty ones."""
        for combination in itertools.product(*self.values):
            pairs = list(zip(self.names, combination, strict=True))
            chosen = {name: value for name, (value, _) in pairs}
            if self.excluded and self._is_excluded(chosen):
                yield {}, {}
            else:
                yield chosen, {name: mark for name, (_, mark) in pairs}

    def _is_excluded(self, chosen: dict[str, Any]) -> bool:
        return _identity({n: plain_argument(v) for n, v in chosen.items()}) in self.excluded


@dataclass(slots=True, eq=False)
class MatrixReader:
    """Reads matrices."""

    namespace: Namespace
    compilation: Compilation

    def read(self, job: str, matrix: Node, frame: Frame) -> Matrix:
        """Return the matrix that is written at an invocation of a job.

        Raises:
            Poisoned: it has a mistake; reported.
        """
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
        alias = job
        if alias_node is not None:
            alias = option_text(alias_node, scope, "alias", self.compilation)
        return Matrix(alias, names, values, self._excluded(matrix, names, scope))

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
            check_written_steps(item, scope, self.compilation)
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


def plain_argument(value: Any) -> Any:
    """Return what names and comparisons see of a matrix' value."""
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
