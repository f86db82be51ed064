"""The logs of the app's Pods, side by side."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from orbs.kubernetes.api_error import NO_ANSWER, ApiError
from orbs.kubernetes.cluster import Cluster
from orbs.kubernetes.kinds import POD
from orbs.kubernetes.manifest import RenderedManifest
from orbs.kubernetes.workload import last_job, pods_of, workload_kind
from pipeline.errors import InvalidInput
from pipeline.output import Console

__all__ = ["stream_logs"]


def stream_logs(
    cluster: Cluster,
    manifests: Sequence[RenderedManifest],
    *,
    console: Console,
    follow: bool = False,
    previous: bool = False,
    tail_lines: int = 100,
    container: str = "",
    migration: bool = False,
) -> None:
    """Print the logs of the manifests' workloads, each line with its Pod, until they end.

    Args:
        cluster: where.
        manifests: whose workloads (or, with ``migration``, whose last Job) are meant.
        console: results go to its standard output, masked.
        follow: go on until every Pod has ended, or the user interrupts.
        previous: the logs of the containers' previous runs.
        tail_lines: how many lines of each container to begin with.
        container: only containers of that name.
        migration: the last migration Job's logs instead.

    Raises:
        InvalidInput: there is nothing to print the logs of.
    """
    sources = _sources(cluster, manifests, container, migration)
    if not sources:
        raise InvalidInput(
            "there is no container to show the logs of",
            hint="`orbyard status` shows what runs; is the container's name right?",
        )
    workers = [
        threading.Thread(
            target=_print_log,
            args=(cluster, source, console, follow, previous, tail_lines, len(sources) > 1),
            daemon=True,
        )
        for source in sources
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        while worker.is_alive():
            worker.join(0.2)  # A join without a limit would not let Ctrl-C through.


def _sources(
    cluster: Cluster, manifests: Sequence[RenderedManifest], container: str, migration: bool
) -> list[tuple[str, str, str]]:
    """Return namespace, Pod and container of each log."""
    pods: list[dict[str, Any]] = []
    if migration:
        job = last_job(cluster, manifests)
        if job:
            name = job["metadata"]["name"]
            pods += cluster.list(
                POD, namespace=job["metadata"].get("namespace"), labels=f"job-name={name}"
            )[0]
    else:
        for manifest in manifests:
            kind = workload_kind(manifest)
            live = cluster.get(kind, manifest.name, manifest.namespace) if kind else None
            pods += pods_of(cluster, live) if live else []
    return [
        (pod["metadata"]["namespace"], pod["metadata"]["name"], one["name"])
        for pod in pods
        for one in pod["spec"].get("containers") or ()
        if container in ("", one["name"])
    ]


def _print_log(
    cluster: Cluster,
    source: tuple[str, str, str],
    console: Console,
    follow: bool,
    previous: bool,
    tail_lines: int,
    prefixed: bool,
) -> None:
    namespace, pod, container = source
    head = console.style(f"{pod} {container} |", "cyan") + " " if prefixed else ""
    since: str | None = None
    while True:
        try:
            for line in cluster.logs(
                pod,
                container=container,
                namespace=namespace,
                follow=follow,
                previous=previous,
                tail_lines=None if since else tail_lines,
                since_time=since,
                timestamps=True,
            ):
                stamp, _, text = line.partition(" ")
                if since is None or stamp > since:
                    since = stamp
                    console.result(head + text)
            return
        except ApiError as error:
            if follow and error.status == NO_ANSWER and since:
                continue  # Silent for a while, or cut off: go on where it stopped.
            console.warning(f"no log of {pod} {container}: {error.message}")
            return
