"""What matters of an object's status and of Events, with names, times and addresses taken out."""

from __future__ import annotations

import re
from typing import Any

Json = dict[str, Any]

POD_CONDITIONS = ("Initialized", "Ready", "ContainersReady", "PodScheduled")


def pod_essence(pod: Json) -> Json:
    status = pod["status"]
    rows = status.get("containerStatuses") or []
    return {
        "phase": status["phase"],
        "conditions": conditions(status, POD_CONDITIONS),
        "qosClass": status["qosClass"],
        "has address": bool(status.get("podIP")),
        "has started": "startTime" in status,
        "is on a node": "nodeName" in pod["spec"],
        "containers": [container_essence(row, pod) for row in rows],
    }


def container_essence(row: Json, pod: Json) -> Json:
    return {
        "name": row["name"],
        "ready": row["ready"],
        "started": row["started"],
        "has restarted": row["restartCount"] > 0,
        "has container id": row.get("containerID", "").startswith("containerd://"),
        "has image id": "@sha256:" in row["imageID"],
        "state": state_essence(row["state"], pod),
        "last state": state_essence(row["lastState"], pod),
    }


def state_essence(state: Json, pod: Json) -> Json:
    return {
        kind: {
            key: plain(value, pod) if isinstance(value, str) else value
            for key, value in detail.items()
            if key in ("reason", "message", "exitCode")
        }
        for kind, detail in state.items()
    }


def deployment_essence(deployment: Json) -> Json:
    status = deployment["status"]
    numbers = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    return {
        "conditions": conditions(status, ("Available", "Progressing")),
        "numbers": {key: status.get(key) for key in (*numbers, "unavailableReplicas")},
        "observed": status.get("observedGeneration") == deployment["metadata"]["generation"],
        "revision": deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"],
    }


def job_essence(job: Json) -> Json:
    status = job["status"]
    return {
        "conditions": conditions(status, ("Complete", "Failed")),
        "numbers": {key: status.get(key) for key in ("active", "succeeded", "failed")},
        "has started": "startTime" in status,
        "has completed": "completionTime" in status,
    }


def conditions(status: Json, kinds: tuple[str, ...]) -> Json:
    rows = {row["type"]: row for row in status.get("conditions") or ()}
    return {
        kind: tuple(plain(rows[kind].get(key)) for key in ("status", "reason", "message"))
        for kind in kinds
        if kind in rows
    }


def event_essence(event: Json) -> tuple[str, ...]:
    about = event["involvedObject"]
    # Only warnings are read for their words; "Pulled in 4.3s" and the like never agree.
    wordy = event["type"] == "Warning" or event["reason"] == "BackOff"
    words = plain(event["message"]) if wordy else ""
    source = event["source"].get("component") or event.get("reportingComponent")
    return (
        about["kind"],
        about.get("fieldPath", ""),
        event["type"],
        event["reason"],
        words,
        source,
    )


def plain(text: str | None, pod: Json | None = None) -> str:
    """Take out of a message what differs from one cluster, and from one Pod, to the next."""
    if text is None:
        return ""
    if pod is not None:
        text = text.replace(pod["metadata"]["name"], "POD").replace(pod["metadata"]["uid"], "UID")
    text = re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "UID", text)
    text = re.sub(r'"([a-z-]+)-[a-z0-9]{8,10}(-?)"', r'"\1-HASH\2"', text)
    text = re.sub(r"\b\d+(m\d+)?s restarting", "TIME restarting", text)
    # What a probe found is the app's business; that it failed is the cluster's.
    text = re.sub(r"(Readiness probe failed: ).*", r"\1WHY", text, flags=re.DOTALL)
    # Newer kubelets and schedulers say more after the same beginning.
    text = re.sub(r"(Back-off restarting failed container).*", r"\1", text)
    return re.sub(r"(nodes are available: [^.]*\.).*", r"\1", text)
