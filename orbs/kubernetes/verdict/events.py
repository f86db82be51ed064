"""The events of an object: what the cluster's parts said about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from orbs.kubernetes.verdict.fields import Json, number, text

_BENIGN = frozenset({"MissingClusterDNS", "DNSConfigForming"})
"""Warnings about the node's set-up that each Pod on it gets."""

_COMBINED = "(combined from similar events): "
_REPEAT = re.compile(r"\s+")


def events_of(
    events: Iterable[Json], uid: str, *, reasons: Sequence[str] = (), container: str = ""
) -> list[Json]:
    """Return the events of the object with this UID, the latest last.

    UIDs, not names: an object of the same name may have lived before.

    Args:
        events: from any object of the namespace.
        uid: whose events are wanted; the empty one has none.
        reasons: only these; empty for all.
        container: only those about this container of a Pod.
    """
    found = [
        event
        for event in events
        if uid
        and text(event, "involvedObject", "uid") == uid
        and (not reasons or text(event, "reason") in reasons)
        and text(event, "reason") not in _BENIGN
        and (not container or f"{{{container}}}" in text(event, "involvedObject", "fieldPath"))
    ]
    return sorted(found, key=_moment)


def last_message(
    events: Iterable[Json],
    uid: str,
    *,
    reasons: Sequence[str] = (),
    container: str = "",
    containing: str = "",
) -> str:
    """Return the message of the latest such event, or an empty string."""
    for event in reversed(events_of(events, uid, reasons=reasons, container=container)):
        message = message_of(event)
        if containing in message:
            return message
    return ""


def message_of(event: Json) -> str:
    """Return an event's message in one line."""
    return _REPEAT.sub(" ", text(event, "message")).strip().removeprefix(_COMBINED)


def lines_of(events: Sequence[Json], limit: int = 4) -> tuple[str, ...]:
    """Return the last different events as lines of evidence, with how often each was seen."""
    lines: dict[str, int] = {}
    for event in events:
        line = f"{text(event, 'reason')}: {message_of(event)}"
        times = number(event, "series", "count") or number(event, "count") or 1
        lines[line] = lines.pop(line, 0) + times
    return tuple(
        f"event {line}" + (f" ({times} times)" if times > 1 else "")
        for line, times in list(lines.items())[-limit:]
    )


def _moment(event: Json) -> tuple[str, str]:
    stamp = (
        text(event, "series", "lastObservedTime")
        or text(event, "lastTimestamp")
        or text(event, "eventTime")
        or text(event, "metadata", "creationTimestamp")
    )
    return stamp, text(event, "metadata", "name")
