"""Finding and reading kubeconfigs, and choosing a context.

Order: the environment's encrypted file, ``KUBECONFIG`` (several files merged as kubectl does: the
first to name a thing wins), ``~/.kube/config``, the Pod's own account. An encrypted file is read in
memory only.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orbs.kubernetes.client_source import ClientSource
from orbs.kubernetes.credentials import CredentialReader, decode_pem
from pipeline.errors import InvalidInput, Location, Unavailable, did_you_mean
from pipeline.process import ProcessRunner, run_process
from pipeline.secret import Masker
from pipeline.yamlfile import Document, parse_documents

__all__ = [
    "Entry",
    "KubeConfig",
    "find_config_files",
    "in_cluster_source",
    "merge_configs",
    "read_config",
    "select_source",
]

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a Pod finds its own account (documented by Kubernetes)."""

_SECTIONS = {"clusters": "cluster", "contexts": "context", "users": "user"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A named cluster, context or user, and the folder that its relative paths start from."""

    name: str
    value: Mapping[str, Any]
    folder: Path
    where: Location


@dataclass(frozen=True, slots=True)
class KubeConfig:
    """What one or several kubeconfig files say.

    Attributes:
        origin: how messages name it.
        current: the current context, or "".
    """

    origin: str
    current: str
    clusters: Mapping[str, Entry]
    contexts: Mapping[str, Entry]
    users: Mapping[str, Entry]


def read_config(text: str, *, origin: str, file: str, folder: Path) -> KubeConfig:
    """Read one kubeconfig; its values never appear in a message.

    Args:
        text: YAML or JSON.
        origin: how messages name where it comes from.
        file: how they name the file.
        folder: where its relative paths start from.

    Raises:
        InvalidInput: it is none.
    """
    documents = parse_documents(text, file)
    if not documents:
        return KubeConfig(origin, "", {}, {}, {})
    document = documents[0]
    if not isinstance(document.value, dict):
        raise InvalidInput("this is not a kubeconfig: no mapping", where=document.where())
    found = {
        section: _entries(document, section, key, folder) for section, key in _SECTIONS.items()
    }
    current = document.value.get("current-context") or ""
    return KubeConfig(origin, str(current), **found)


def _entries(document: Document, section: str, key: str, folder: Path) -> dict[str, Entry]:
    items = document.value.get(section)
    if items is None:
        return {}
    if not isinstance(items, list):
        raise InvalidInput("expected a list", where=document.where((section,)))
    found: dict[str, Entry] = {}
    for index, item in enumerate(items):
        where = document.where((section, index))
        if not isinstance(item, dict) or not item.get("name"):
            raise InvalidInput("expected a mapping with a name", where=where)
        value = item.get(key) or {}
        if not isinstance(value, dict):
            raise InvalidInput(f"expected a mapping as {key!r}", where=where)
        found.setdefault(str(item["name"]), Entry(str(item["name"]), value, folder, where))
    return found


def merge_configs(configs: Sequence[KubeConfig], *, origin: str) -> KubeConfig:
    """Merge several files as kubectl does: of each name, and of the current context, the first."""

    def merged(section: str) -> dict[str, Entry]:
        result: dict[str, Entry] = {}
        for config in configs:
            for name, entry in getattr(config, section).items():
                result.setdefault(name, entry)
        return result

    return KubeConfig(
        origin,
        next((config.current for config in configs if config.current), ""),
        **{section: merged(section) for section in _SECTIONS},
    )


def find_config_files(environ: Mapping[str, str]) -> KubeConfig | None:
    """Return what ``KUBECONFIG``, else ``~/.kube/config``, says; None where there is neither.

    Raises:
        InvalidInput: ``KUBECONFIG`` names no file that is there, or a file is no kubeconfig.
    """
    listed = environ.get("KUBECONFIG", "")
    if listed:
        paths = [Path(part).expanduser() for part in listed.split(os.pathsep) if part]
        there = [path for path in paths if path.is_file()]
        if not there:
            raise InvalidInput(f"KUBECONFIG names no file that is there: {listed}")
        origin = f"KUBECONFIG ({', '.join(map(str, there))})"
        return merge_configs([_read_file(path, origin) for path in there], origin=origin)
    home = environ.get("HOME")
    path = (Path(home) if home else Path.home()) / ".kube" / "config"
    return _read_file(path, str(path)) if path.is_file() else None


def _read_file(path: Path, origin: str) -> KubeConfig:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"the kubeconfig cannot be read: {error}", where=Location(str(path))
        ) from error
    return read_config(text, origin=origin, file=str(path), folder=path.resolve().parent)


def select_source(
    config: KubeConfig,
    context: str = "",
    *,
    environ: Mapping[str, str],
    masker: Masker | None = None,
    process: ProcessRunner = run_process,
    asked_at: Location | None = None,
) -> ClientSource:
    """Return the cluster and user of a context.

    Args:
        config: what was read.
        context: its name; "" takes the current one.
        environ: passed on to credential plugins.
        masker: learns tokens and passwords.
        process: runs credential plugins.
        asked_at: where the context's name is written, for messages.

    Raises:
        InvalidInput: the context, its cluster or its user is not there, or cannot be understood.
    """
    name = context or config.current
    if not name:
        raise InvalidInput(
            f"{config.origin} has no current context",
            hint=f"name one as `context` of the environment; there are: {_names(config.contexts)}",
        )
    found = _lookup(config.contexts, name, "context", config.origin, asked_at)
    cluster_name, user_name = (str(found.value.get(key) or "") for key in ("cluster", "user"))
    owner = f"context {name!r} of {config.origin}"
    cluster = _lookup(config.clusters, cluster_name, "cluster", owner, found.where)
    user = (
        _lookup(config.users, user_name, "user", owner, found.where)
        if user_name
        else Entry("", {}, cluster.folder, found.where)
    )
    if not cluster.value.get("server"):
        raise InvalidInput(f"the cluster {cluster_name!r} has no server", where=cluster.where)
    reader = CredentialReader(
        user.value, user.name, user.folder, user.where, environ, masker, process, cluster.value
    )
    return ClientSource(
        server=str(cluster.value["server"]).rstrip("/"),
        context=name,
        user=user_name,
        namespace=str(found.value.get("namespace") or ""),
        origin=config.origin,
        ca_pem=_authority(cluster),
        verify=not cluster.value.get("insecure-skip-tls-verify"),
        tls_server_name=str(cluster.value.get("tls-server-name") or ""),
        proxy_url=str(cluster.value.get("proxy-url") or ""),
        impersonate=reader.impersonated(),
        credentials=reader.read,
    )


def _lookup(
    entries: Mapping[str, Entry], name: str, what: str, owner: str, where: Location | None
) -> Entry:
    if name in entries:
        return entries[name]
    hint = did_you_mean(name, entries)
    raise InvalidInput(
        f"the {what} {name!r} of {owner} is not there"
        if what != "context"
        else f"the context {name!r} is not in {owner}",
        where=where,
        hint=f"{hint + ' ' if hint else ''}There are: {_names(entries)}",
    )


def _names(entries: Mapping[str, Entry], limit: int = 10) -> str:
    names = sorted(entries)
    shown = ", ".join(names[:limit]) or "none"
    return f"{shown} and {len(names) - limit} more" if len(names) > limit else shown


def _authority(cluster: Entry) -> str:
    data = cluster.value.get("certificate-authority-data")
    path = cluster.value.get("certificate-authority")
    if data:
        return decode_pem(str(data), "certificate-authority-data", cluster.where)
    if not path:
        return ""
    try:
        return (cluster.folder / str(path)).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"the certificate-authority cannot be read: {error}", where=cluster.where
        ) from error


def in_cluster_source(
    environ: Mapping[str, str], account: Path = SERVICE_ACCOUNT
) -> ClientSource | None:
    """Return the account that the Pod we run in has, or None where we run in none.

    Raises:
        Unavailable: there is an API server in the environment, but no account.
    """
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        return None
    if not (account / "token").is_file():
        raise Unavailable(
            "this Pod has no service account",
            hint="give it one (automountServiceAccountToken), or set KUBECONFIG",
        )
    user = {"tokenFile": str(account / "token")}
    where = Location(str(account))
    reader = CredentialReader(
        user, "service account", account, where, environ, None, run_process, {}
    )
    namespace, authority = account / "namespace", account / "ca.crt"
    return ClientSource(
        server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        context="in-cluster",
        user="service account",
        namespace=namespace.read_text().strip() if namespace.is_file() else "",
        origin="the Pod's own account",
        ca_pem=authority.read_text() if authority.is_file() else "",
        credentials=reader.read,
    )
