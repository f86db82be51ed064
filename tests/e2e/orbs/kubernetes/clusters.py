"""Opening the real cluster the way a deploy does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from orbs.kubernetes.client_source import ClientSource
from orbs.kubernetes.cluster import Cluster, ResourceKind, open_cluster
from orbs.kubernetes.kubeconfig import read_config, select_source

Json = dict[str, Any]

SERVICE_ACCOUNT = ResourceKind("", "v1", "ServiceAccount", "serviceaccounts")
ROLE = ResourceKind("rbac.authorization.k8s.io", "v1", "Role", "roles")
ROLE_BINDING = ResourceKind("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings")


def source_of(kubeconfig: Mapping[str, Any]) -> ClientSource:
    """Return the current context of a kubeconfig."""
    config = read_config(
        json.dumps(kubeconfig), origin="KUBECONFIG", file="kubeconfig", folder=Path("/")
    )
    return select_source(config, environ={})


def opened(kubeconfig: Mapping[str, Any], namespace: str) -> AbstractContextManager[Cluster]:
    """Open the cluster with a namespace."""
    return open_cluster(source_of(kubeconfig), namespace)


def with_token(kubeconfig: Mapping[str, Any], name: str, token: str) -> Json:
    """Return the kubeconfig with another user: one who has just a token."""
    changed: Json = json.loads(json.dumps(kubeconfig))
    changed["users"] = [{"name": name, "user": {"token": token}}]
    for context in changed["contexts"]:
        context["context"]["user"] = name
    return changed


def make_account(cluster: Cluster, name: str, rules: list[Json]) -> str:
    """Make a service account that may do just this in the namespace, and return a token of it."""
    cluster.create(SERVICE_ACCOUNT, {"metadata": {"name": name}})
    cluster.create(ROLE, {"metadata": {"name": name}, "rules": rules})
    cluster.create(
        ROLE_BINDING,
        {
            "metadata": {"name": name},
            "roleRef": {"apiGroup": ROLE.group, "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name}],
        },
    )
    token_request = ResourceKind("", "v1", "TokenRequest", f"serviceaccounts/{name}/token")
    asked = cluster.create(token_request, {"metadata": {"name": name}, "spec": {}})
    return str(asked["status"]["token"])
