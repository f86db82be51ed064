"""Pods that the cluster refuses to create at all."""

from __future__ import annotations

import re
from collections.abc import Iterable

from orbs.kubernetes.verdict.events import events_of, lines_of, message_of
from orbs.kubernetes.verdict.fields import Json, condition, name_of, text, uid_of
from orbs.kubernetes.verdict.grace import Grace
from orbs.kubernetes.verdict.model import Cause
from orbs.kubernetes.verdict.quantity import exceeds
from orbs.kubernetes.verdict.suspicion import Suspicion
from pipeline.errors import excerpt

_ACCOUNT = re.compile(r'serviceaccounts? "([^"]+)" not found')
_QUOTA = re.compile(
    r"exceeded quota: (?P<name>[^,]+), requested: (?P<asked>.*?), used: .*?, limited: (?P<hard>.*)"
)
_POLICY = re.compile(
    r"denied the request|violates PodSecurity|security context constraint|PodSecurityPolicy"
    r"|pod security policy|is forbidden",
    re.IGNORECASE,
)
_WEBHOOK = re.compile(r"fail(?:ed|ing) (?:to )?call(?:ing)? webhook(?: \"([^\"]+)\")?")


def creation_suspicion(owner: Json, events: Iterable[Json], grace: Grace) -> Suspicion | None:
    """Return why the owner's Pods are not created, or None.

    Args:
        owner: the Deployment (which has a condition for it), or the ReplicaSet, StatefulSet,
            DaemonSet or Job (for which there are events).
        events: of any object. They are history: ask only while Pods are lacking.
        grace: how long each reason is given.
    """
    told = events_of(events, uid_of(owner), reasons=("FailedCreate",))
    failure = condition(owner, "ReplicaFailure")
    message = text(failure, "message") if text(failure, "status") == "True" else ""
    message = message or (message_of(told[-1]) if told else "")
    if not message:
        return None
    code, summary, hint, seconds = _meaning(message, grace)
    who = f"{text(owner, 'kind') or 'object'} {name_of(owner)}"
    evidence = lines_of(told) or (f"{who} says: {excerpt(message)}",)
    return Suspicion((uid_of(owner), "", "creation"), Cause(code, summary, evidence, hint), seconds)


def _meaning(message: str, grace: Grace) -> tuple[str, str, str, float]:
    account = _ACCOUNT.search(message)
    if account:
        return (
            "service-account-missing",
            f"no Pod can be created: the service account {account[1]!r} does not exist",
            "add the ServiceAccount to the manifests, or correct serviceAccountName",
            grace.account_s,
        )
    quota = _QUOTA.search(message)
    if quota:
        alone = exceeds(quota["asked"], quota["hard"])
        return (
            "quota-exceeded",
            f"no Pod can be created: the namespace's quota {quota['name']!r} is used up "
            f"(one Pod asks for {quota['asked']}, the quota is {quota['hard']})",
            "lower resources.requests, or have the ResourceQuota raised"
            + ("" if alone else "; a rolling update needs room for one Pod more (maxSurge)"),
            0.0 if alone else grace.quota_s,
        )
    webhook = _WEBHOOK.search(message)
    if webhook:
        name = f" {webhook[1]!r}" if webhook[1] else ""
        return (
            "webhook-unreachable",
            f"no Pod can be created: the cluster's admission webhook{name} does not answer",
            "tell whoever runs the cluster; the webhook's own Pods may be down",
            grace.webhook_s,
        )
    if "being terminated" in message:
        return (
            "namespace-terminating",
            "no Pod can be created: the namespace is being deleted",
            "wait until the namespace is gone, create it again, and deploy again",
            0.0,
        )
    if _POLICY.search(message):
        return (
            "pod-refused",
            f"no Pod can be created: a rule of the cluster refuses it: {excerpt(message, 200)}",
            "change the Pod so that it obeys the rule; the message above names it",
            grace.refused_s,
        )
    return (
        "pod-not-created",
        f"no Pod can be created: {excerpt(message, 200)}",
        "look at the message above",
        grace.quota_s,
    )
