"""What the observed objects of a workload mean: it goes on, it has succeeded, or it failed and why.

Pure functions over the objects as the API server writes them. They are given everything that they
know, what they saw before (:class:`Memory`) included, and they never raise for a field that is
missing or odd.
"""

from __future__ import annotations

from orbs.kubernetes.verdict.daemonset import judge_daemonset
from orbs.kubernetes.verdict.deployment import judge_deployment
from orbs.kubernetes.verdict.grace import Grace
from orbs.kubernetes.verdict.job import has_ever_started, judge_job
from orbs.kubernetes.verdict.model import (
    Cause,
    Failed,
    Memory,
    Observation,
    Progressing,
    Succeeded,
    Verdict,
)
from orbs.kubernetes.verdict.pods import pod_suspicions
from orbs.kubernetes.verdict.statefulset import judge_statefulset
from orbs.kubernetes.verdict.workloads import JUDGES, Judge, judge

__all__ = [
    "JUDGES",
    "Cause",
    "Failed",
    "Grace",
    "Judge",
    "Memory",
    "Observation",
    "Progressing",
    "Succeeded",
    "Verdict",
    "has_ever_started",
    "judge",
    "judge_daemonset",
    "judge_deployment",
    "judge_job",
    "judge_statefulset",
    "pod_suspicions",
]
