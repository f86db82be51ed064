"""How often something is tried again, how long something is waited for, and how that is said.

The only module that imports ``tenacity``. Two shapes: :func:`retrying` repeats a call that failed for a
passing reason; :func:`wait_for` looks at something until it is decided.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pipeline.errors import OrbyardError

__all__ = ["Backoff", "Clock", "SystemClock", "retrying", "wait_for"]

T = TypeVar("T")


class Clock:
    """Time as an argument: ``now_s()`` is monotonic; ``sleep`` returns early when ``wake`` is set."""

    def now_s(self) -> float:
        """Return seconds since some fixed moment."""
        return time.monotonic()

    def sleep(self, seconds: float, wake: threading.Event | None = None) -> None:
        """Sleep for ``seconds``, or until ``wake`` is set (it is cleared again)."""
        if wake is None:
            time.sleep(seconds)
        elif wake.wait(seconds):
            wake.clear()


SystemClock = Clock


@dataclass(frozen=True, slots=True)
class Backoff:
    """How a call is repeated: exponential waits with jitter.

    Attributes:
        attempts: tries in all, the first included.
        first_s: seconds before the second try; doubled each time.
        longest_s: no wait is longer, in seconds.
    """

    attempts: int = 4
    first_s: float = 0.5
    longest_s: float = 10.0


def retrying(
    call: Callable[[], T],
    *,
    backoff: Backoff | None = None,
    on_retry: Callable[[int, float, OrbyardError], None] | None = None,
    clock: Clock | None = None,
) -> T:
    """Return ``call()``, repeated while it raises an :class:`OrbyardError` with ``retryable`` set.

    Args:
        call: what is tried. Anything but a retryable OrbyardError passes through at once.
        backoff: how often and how long.
        on_retry: told of the number of the try that failed (from 1), the seconds until the next
            one, and the error.
        clock: the time to sleep by.

    Raises:
        OrbyardError: that of the last try.
    """
    import tenacity

    policy, timer = backoff or Backoff(), clock or Clock()

    def tell(state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if on_retry and isinstance(error, OrbyardError):
            on_retry(state.attempt_number, state.upcoming_sleep, error)

    retryer = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(policy.attempts),
        wait=tenacity.wait_exponential(multiplier=policy.first_s, max=policy.longest_s)
        + tenacity.wait_random(0, policy.first_s / 2),
        retry=tenacity.retry_if_exception(
            lambda error: isinstance(error, OrbyardError) and error.retryable
        ),
        before_sleep=tell,
        sleep=timer.sleep,
        reraise=True,
    )
    return retryer(call)


def wait_for(
    look: Callable[[], T],
    *,
    decided: Callable[[T], bool],
    timeout_s: float,
    poll_s: float = 2.0,
    wake: threading.Event | None = None,
    clock: Clock | None = None,
) -> tuple[T, bool]:
    """Look until the answer is decided or the time is over.

    Args:
        look: observes; it also tells the user of progress, where it wants to.
        decided: whether an observation is final.
        timeout_s: seconds to wait at the most; there is always one look.
        poll_s: seconds between two looks when nothing wakes us.
        wake: set by a watch to look again at once.
        clock: the time to wait by.

    Returns:
        The last observation, and whether it was decided (False: the time was over).
    """
    import tenacity

    timer = clock or Clock()
    deadline = timer.now_s() + timeout_s

    def nap(_: float) -> None:
        timer.sleep(max(0.0, min(poll_s, deadline - timer.now_s())), wake)

    retryer = tenacity.Retrying(
        stop=lambda _: timer.now_s() >= deadline,
        wait=tenacity.wait_fixed(poll_s),
        retry=tenacity.retry_if_result(lambda seen: not decided(seen)),
        sleep=nap,
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )
    seen: T = retryer(look)
    return seen, decided(seen)
