"""What a rule says about a manifest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.errors import Location, Problem

__all__ = ["Finding", "Severity"]

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rule has to say.

    Attributes:
        rule: the rule's name, by which it is turned off.
        severity: ``error`` stops the deploy before anything is changed; ``warning`` is printed.
        message: what is wrong, with the object's name; never a value of a Secret.
        where: file, line, column and field.
        hint: what to write instead.
    """

    rule: str
    severity: Severity
    message: str
    where: Location
    hint: str | None = None

    def to_problem(self) -> Problem:
        """Return it as one of the mistakes of an error."""
        return Problem(f"{self.message} [{self.rule}]", self.where, self.hint)
