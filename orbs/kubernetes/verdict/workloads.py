"""Which judge is for which kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from orbs.kubernetes.verdict.daemonset import judge_daemonset
from orbs.kubernetes.verdict.deployment import judge_deployment
from orbs.kubernetes.verdict.grace import Grace
from orbs.kubernetes.verdict.job import judge_job
from orbs.kubernetes.verdict.model import Memory, Observation, Verdict
from orbs.kubernetes.verdict.statefulset import judge_statefulset

Judge = Callable[[Observation, Memory | None, Grace | None], tuple[Verdict, Memory]]

JUDGES: Mapping[str, Judge] = MappingProxyType(
    {
        "Deployment": judge_deployment,
        "StatefulSet": judge_statefulset,
        "DaemonSet": judge_daemonset,
        "Job": judge_job,
    }
)
"""The kinds that can be waited for."""


def judge(
    kind: str, observation: Observation, memory: Memory | None = None, grace: Grace | None = None
) -> tuple[Verdict, Memory]:
    """Return what an observation of a workload of this kind means."""
    return JUDGES[kind](observation, memory, grace)
