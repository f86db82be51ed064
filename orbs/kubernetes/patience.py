"""Bearing with a silent API server for a while, and with a person who hears nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from orbs.kubernetes.api_error import ApiError
from pipeline.errors import Unavailable
from pipeline.output import Console, format_duration
from pipeline.retry import Clock

__all__ = ["HEARTBEAT_S", "OUTAGE_BUDGET_S", "Heartbeat", "Outage", "StateUnknown"]

T = TypeVar("T")

HEARTBEAT_S = 60.0
"""Seconds without a word before one is said: CircleCI ends a step after ten silent minutes, and a
person wonders after one."""
OUTAGE_BUDGET_S = 180.0
"""Seconds without an answer that are borne: longer than an upgrade of a control plane takes away
one API server."""


class StateUnknown(Unavailable):
    """The API server fell silent while we waited: nobody knows how it ended. Exit code 3."""


class Outage:
    """How long the API server has not answered.

    Args:
        what: what is waited for, for messages.
        console: told when the silence begins and when it ends.
        clock: the time it is measured by.
        budget_s: seconds that are borne.
        hint: what to do when it lasts longer.
    """

    def __init__(
        self,
        what: str,
        console: Console,
        clock: Clock,
        *,
        budget_s: float = OUTAGE_BUDGET_S,
        hint: str = "look at it with `orbyard status` when the cluster answers again",
    ) -> None:
        self._what, self._console, self._clock = what, console, clock
        self._budget_s, self._hint = budget_s, hint
        self._since_s: float | None = None

    def read(self, look: Callable[[], T]) -> T | None:
        """Return ``look()``, or None while the server doesn't answer.

        Raises:
            StateUnknown: it has not for longer than the budget.
            ApiError: it answered with something final.
        """
        try:
            seen = look()
        except ApiError as error:
            if not error.retryable:
                raise
            self._silent(error)
            return None
        if self._since_s is not None:
            lasted = format_duration(self._clock.now_s() - self._since_s)
            self._console.info(f"the API server answers again, after {lasted}")
            self._since_s = None
        return seen

    def _silent(self, error: ApiError) -> None:
        now_s = self._clock.now_s()
        if self._since_s is None:
            self._since_s = now_s
            allowed = format_duration(self._budget_s)
            self._console.warning(f"{error.message}; asking again for {allowed}")
        elif now_s - self._since_s >= self._budget_s:
            raise StateUnknown(
                f"the API server has not answered for {format_duration(now_s - self._since_s)}: "
                f"how {self._what} ends is not known",
                details=(error.message,),
                hint=self._hint,
            ) from error


class Heartbeat:
    """Says something when nothing has been said for a while.

    Args:
        console: where it is said.
        clock: the time it is measured by.
        every_s: seconds of silence.
    """

    def __init__(self, console: Console, clock: Clock, every_s: float = HEARTBEAT_S) -> None:
        self._console, self._clock, self._every_s = console, clock, every_s
        self._started_s = self._spoken_s = clock.now_s()

    @property
    def elapsed(self) -> str:
        """How long it has been waited, in words."""
        return format_duration(self._clock.now_s() - self._started_s)

    def spoke(self) -> None:
        """Note that something else was said."""
        self._spoken_s = self._clock.now_s()

    def beat(self, text: Callable[[], str]) -> None:
        """Say ``text()`` if it has been silent for long enough."""
        if self._clock.now_s() - self._spoken_s >= self._every_s:
            self._console.info(text())
            self.spoke()
