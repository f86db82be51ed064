"""How long something must last before it is called a failure."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

__all__ = ["Grace"]


@dataclass(frozen=True, slots=True)
class Grace:
    """Seconds that a cause is given to go away by itself, by the kind of cause.

    Times count from when we first saw it, in any Pod of the same template, without an interruption of
    more than :attr:`gap_s`. What is certain has no time of grace.
    """

    config_s: float = 15.0
    """A ConfigMap, Secret or key is missing. Orbyard applies them before; a controller that makes
    them (External Secrets) may be some seconds behind."""

    account_s: float = 30.0
    """A service account is missing, or a volume's Secret or ConfigMap: retried by the kubelet in
    growing intervals."""

    refused_s: float = 20.0
    """A policy refuses the Pods; policies are synced to admission controllers with a delay."""

    webhook_s: float = 120.0
    """An admission webhook does not answer; its own Pods may be restarting."""

    quota_s: float = 60.0
    """The quota is used up; Pods of the old version free it when they end."""

    access_s: float = 60.0
    """The registry refuses the node: tokens are refreshed, certificates rolled out."""

    network_s: float = 180.0
    """The registry is not reached or answers 5xx: two pulls later with the kubelet's back-off."""

    rate_limit_s: float = 300.0
    """The registry limits pulls: its windows are minutes."""

    cannot_start_s: float = 5.0
    """The container's command is not in the image or may not be executed."""

    crash_s: float = 20.0
    """A container ends again and again, and has ended three times: about half a minute after the
    first start. A database that comes up at the same time is there by then."""

    lone_crash_s: float = 300.0
    """The same where most Pods of the new version are well: it may be that one's node."""

    out_of_memory_s: float = 10.0
    """A container is killed for its memory, and was twice."""

    wrong_answer_s: float = 60.0
    """A probe is answered with 4xx: the app runs, and the path is not there or not allowed."""

    not_ready_s: float = 180.0
    """A probe is not answered, or with 5xx. Apps that compile or warm caches at boot take minutes;
    nothing but this clock can tell these from an app that will never be ready."""

    resources_s: float = 300.0
    """No node has room: an autoscaler needs some minutes to add one."""

    placement_s: float = 120.0
    """No node is allowed (selectors, affinity, taints, volumes)."""

    volume_s: float = 360.0
    """A volume cannot be attached: a cloud disk may take six minutes to leave another node."""

    network_setup_s: float = 240.0
    """The Pod's network cannot be set up: addresses come back when other Pods are gone."""

    controller_s: float = 60.0
    """The cluster's controllers have not even noticed the change."""

    deadline_s: float = 5.0
    """The Deployment says that its progress deadline has passed. The word of an earlier rollout may
    be read for a moment after a new one began."""

    settle_s: float = 10.0
    """How long Pods without a readiness probe must stay up before they count as running: to
    Kubernetes they are ready the moment they start, and again at each restart of a crash loop."""

    gap_s: float = 30.0
    """How long a cause may be out of sight and still be the same one."""

    def scaled(self, factor: float) -> Grace:
        """Return the same with every time multiplied, for a cluster whose time runs faster.

        The gap stays: it has to be longer than the time between two looks.
        """
        scaled = Grace(*(value * factor for value in dataclasses.astuple(self)))
        return dataclasses.replace(scaled, gap_s=self.gap_s)
