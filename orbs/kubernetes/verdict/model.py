"""What is observed, what it means, and what is remembered between two looks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from orbs.kubernetes.verdict.fields import Json

Key = tuple[str, ...]
"""What a suspicion is about: Pod template hash, container, code of the cause. Three Pods of one
template that fail one after another are one cause that lasts."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something fails, in words for people who do not know Kubernetes by heart.

    Attributes:
        code: its name for machines: ``image-not-found``, ``crash-loop`` …
        summary: one sentence without a full stop, which names the thing.
        evidence: what was seen: container states, events.
        hint: what to do now.
        container: the container it is about, empty where it is about none.
        pod: the Pod it was seen in, empty where it is about none.
    """

    code: str
    summary: str
    evidence: tuple[str, ...] = ()
    hint: str = ""
    container: str = ""
    pod: str = ""


@dataclass(frozen=True, slots=True)
class Progressing:
    """Not decided yet.

    Attributes:
        message: where it stands: ``1 of 3 new Pods ready``.
        suspects: what will be called a failure if it lasts, the gravest first.
    """

    message: str
    suspects: tuple[Cause, ...] = ()


@dataclass(frozen=True, slots=True)
class Succeeded:
    """Done; ``message`` says what runs now."""

    message: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Failed; ``others`` are further causes that were seen at the same time."""

    cause: Cause
    others: tuple[Cause, ...] = ()


Verdict = Progressing | Succeeded | Failed


@dataclass(frozen=True, slots=True)
class Observation:
    """A workload and everything around it, as seen in one look.

    Attributes:
        workload: the Deployment, StatefulSet, DaemonSet or Job; None when it is gone.
        replicasets: those in its namespace that its selector finds, whoever owns them.
        pods: likewise.
        events: warnings of the namespace.
        taken_at_s: seconds on the waiting side's monotonic clock.
        uid: of the object as it was applied; a different one is somebody else's. Empty: any.
        generation: of the object as it was applied. A later read could be a later change's.
        run: the run that applied it; empty: nobody's in particular.
    """

    workload: Json | None
    replicasets: tuple[Json, ...] = ()
    pods: tuple[Json, ...] = ()
    events: tuple[Json, ...] = ()
    taken_at_s: float = 0.0
    uid: str = ""
    generation: int = 0
    run: str = ""


@dataclass(frozen=True, slots=True)
class Memory:
    """Since when something was seen, and when last; a new value after each look, never changed.

    Seconds are those of :attr:`Observation.taken_at_s`.
    """

    seen: Mapping[Key, tuple[float, float]] = field(default_factory=lambda: MappingProxyType({}))

    def noted(self, keys: Iterable[Key], now_s: float, *, gap_s: float) -> Memory:
        """Return the memory with ``keys`` seen now.

        What was not seen for more than ``gap_s`` seconds is forgotten. The gap bridges states that
        flip, such as a container that runs for some seconds between two crashes.
        """
        kept = {key: span for key, span in self.seen.items() if now_s - span[1] <= gap_s}
        for key in keys:
            kept[key] = (kept[key][0] if key in kept else now_s, now_s)
        return Memory(MappingProxyType(kept))

    def without(self, key: Key) -> Memory:
        """Return the memory with ``key`` forgotten."""
        return Memory(MappingProxyType({k: v for k, v in self.seen.items() if k != key}))

    def lasted_s(self, key: Key) -> float:
        """Return for how many seconds ``key`` has been seen; 0 where it is new or unknown."""
        first_s, last_s = self.seen.get(key, (0.0, 0.0))
        return last_s - first_s
