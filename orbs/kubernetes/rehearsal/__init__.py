"""A Kubernetes API in this process, for a machine that has no cluster.

:class:`Rehearsal` serves the API over plain HTTP on loopback, with small controllers that make
Deployments, ReplicaSets, Pods and Jobs progress as real ones do, and with faults that can be asked
for. Whatever speaks to a cluster speaks to it unchanged, through :attr:`Rehearsal.kubeconfig`.

How far it goes, and where it differs from a real cluster on purpose:

=============================  ===================================================================
subject                        here
=============================  ===================================================================
time                           runs :data:`DEFAULT_SPEED` times faster for what the cluster does
                               (pulls, probes, back-off, deadlines); time stamps are real ones
version                        says v1.27; serves the current version of each group only
``/openapi/v2``, ``/v3``       not served (404): clients skip their own schema check
unknown fields                 kept, where a real server drops or refuses them
``limit`` and ``continue``     ignored: a list is always whole
several versions of a kind     one object, shown under each ``apiVersion``, its fields not converted
StatefulSet, DaemonSet, …      stored, watched and listed, but no controller works on them
readiness without a probe      the fault ``never-ready`` keeps such a Pod unready too
Pod exec, attach, eviction     not served (404)
=============================  ===================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orbs.kubernetes.rehearsal.faults import FAULTS, Fault, parse_fault

if TYPE_CHECKING:
    from orbs.kubernetes.rehearsal.server import DEFAULT_SPEED, Rehearsal

__all__ = ["DEFAULT_SPEED", "FAULTS", "Fault", "Rehearsal", "parse_fault"]


def __getattr__(name: str) -> Any:
    # The server imports kmock and aiohttp (half a second), the faults are wanted by --help.
    if name in ("DEFAULT_SPEED", "Rehearsal"):
        from orbs.kubernetes.rehearsal import server

        return getattr(server, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
