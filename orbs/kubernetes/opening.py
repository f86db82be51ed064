"""Opening the cluster of an environment: the right one, reachable, with its namespace."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from orbs.kubernetes.api_error import ApiError
from orbs.kubernetes.client_source import ClientSource
from orbs.kubernetes.cluster import NAMESPACE, Cluster, open_cluster
from orbs.kubernetes.kubeconfig import (
    find_config_files,
    in_cluster_source,
    read_config,
    select_source,
)
from orbs.kubernetes.layout import encrypted_kubeconfig
from orbs.kubernetes.manifest import RenderedManifest
from orbs.kubernetes.places import settings_place
from orbs.kubernetes.settings import DeploySettings, EnvironmentSettings, EnvironmentsSettings
from pipeline.errors import InvalidInput, Unavailable
from pipeline.process import ProcessRunner, run_process
from pipeline.retry import Clock

if TYPE_CHECKING:
    from pipeline.command import Run

__all__ = ["check_guard", "environment_settings", "find_source", "namespace_exists", "open_for"]

_PORTS = {"https": 443, "http": 80}


def environment_settings(run: Run, environment: str) -> EnvironmentSettings:
    """Return an environment's settings; one that isn't named has the defaults."""
    named: Mapping[str, EnvironmentSettings] = run.settings.get(EnvironmentsSettings).by_name
    return named.get(environment) or EnvironmentSettings()


@contextmanager
def open_for(
    run: Run,
    environment: str,
    *,
    manifests: Iterable[RenderedManifest] = (),
    source: ClientSource | None = None,
    clock: Clock | None = None,
) -> Iterator[Cluster]:
    """Open the cluster of an environment.

    Args:
        run: settings, environment variables and console.
        environment: its name.
        manifests: what will be applied; a Namespace among them need not be there yet.
        source: another way in than the environment's, for rehearsals; the guard is not asked then.
        clock: the time that retries wait by.

    Raises:
        InvalidInput: the kubeconfig or context is wrong, or not the one the environment must have.
        Unavailable: the server doesn't answer, doesn't know us, or has no such namespace.
    """
    own = environment_settings(run, environment)
    found = source or find_source(run, environment)
    if source is None:
        check_guard(found, environment, own, run.root)
    if not found.verify:
        run.console.warning(
            f"the certificate of {found.server} is not checked (insecure-skip-tls-verify)"
        )
    with open_cluster(found, own.namespace, clock=clock) as cluster:
        _check_answers(cluster)
        created = {item.name for item in manifests if item.kind == "Namespace"}
        if not own.create_namespace and cluster.namespace not in created:
            _check_namespace(cluster, environment, run.root)
        yield cluster


def find_source(
    run: Run, environment: str, *, process: ProcessRunner = run_process
) -> ClientSource:
    """Return where the environment's cluster is and who asks.

    Raises:
        InvalidInput: a kubeconfig is there but can't be used.
        Unavailable: there is none.
    """
    own = environment_settings(run, environment)
    encrypted = encrypted_kubeconfig(run.root, environment, run.settings.get(DeploySettings), own)
    asked_at = settings_place(run.root, ("environments", environment, "context"))
    select: Callable[..., ClientSource] = select_source
    if encrypted is not None:
        shown = _relative(encrypted, run.root)
        text = run.capability("decrypt")(run, encrypted).reveal()
        config = read_config(text, origin=shown, file=shown, folder=encrypted.parent)
    else:
        files = find_config_files(run.environ)
        if files is None:
            return _own_account(run, environment)
        config = files
    return select(
        config,
        own.context,
        environ=run.environ,
        masker=run.console.masker,
        process=process,
        asked_at=asked_at if own.context else None,
    )


def _own_account(run: Run, environment: str) -> ClientSource:
    found = in_cluster_source(run.environ)
    if found is None:
        raise Unavailable(
            f"no kubeconfig for the environment {environment!r}",
            hint=f"add an encrypted deploy/kubeconfig/{environment}.kubeconfig.enc, or set KUBECONFIG",
        )
    return found


def check_guard(
    source: ClientSource, environment: str, own: EnvironmentSettings, root: Path
) -> None:
    """Refuse a cluster that isn't the one the environment must have.

    Raises:
        InvalidInput: server or context differ from what the settings expect.
    """
    if own.expect_context and own.expect_context != source.context:
        raise InvalidInput(
            f"the environment {environment!r} must use the context {own.expect_context!r}, but "
            f"{source.origin} gives {source.context!r}",
            where=settings_place(root, ("environments", environment, "expect_context")),
            hint="nothing was changed; switch the context, or set `context` for the environment",
        )
    if own.expect_server and _normal_url(own.expect_server) != _normal_url(source.server):
        raise InvalidInput(
            f"the environment {environment!r} must be on {own.expect_server}, but the context "
            f"{source.context!r} of {source.origin} leads to {source.server}",
            where=settings_place(root, ("environments", environment, "expect_server")),
            hint="nothing was changed; this is not the cluster you meant",
        )


def _normal_url(url: str) -> tuple[str, str, int | None, str]:
    parts = urlsplit(url if "://" in url else f"https://{url}")
    port = parts.port or _PORTS.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), port, parts.path.rstrip("/")


def _check_answers(cluster: Cluster) -> None:
    try:
        cluster.server_version()
    except ApiError as error:
        if error.status == 403:
            return  # It knows us, and keeps its version to itself.
        raise Unavailable(error.message, hint=error.hint) from error


def namespace_exists(cluster: Cluster, name: str) -> bool:
    """Return whether a namespace is there; True as well where we may not know.

    Raises:
        Unavailable: the server doesn't know who asks.
    """
    try:
        return cluster.get(NAMESPACE, name) is not None
    except ApiError as error:
        if error.status == 403 and "system:anonymous" not in error.server_message:
            return True  # Rights in one namespace only are usual, and enough.
        raise Unavailable(error.message, hint=error.hint) from error


def _check_namespace(cluster: Cluster, environment: str, root: Path) -> None:
    if namespace_exists(cluster, cluster.namespace):
        return
    where = settings_place(root, ("environments", environment, "namespace"))
    raise Unavailable(
        f"the namespace {cluster.namespace!r} is not in the cluster {cluster.server} "
        f"(context {cluster.context!r})",
        hint=f"create it, or set environments.{environment}.create_namespace: true",
        where=where if where.line else None,
    )


def _relative(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
