"""What each request does: get, list, create, update, patch, delete, with Kubernetes' answers."""

from __future__ import annotations

import copy
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from orbs.kubernetes.rehearsal import subresources
from orbs.kubernetes.rehearsal.admission import admit
from orbs.kubernetes.rehearsal.apply import apply_configuration, record_update
from orbs.kubernetes.rehearsal.calls import (
    APPLY,
    Call,
    body_of,
    check_options,
    delete_options,
    patched,
    plain_secret,
    selected,
    shown,
)
from orbs.kubernetes.rehearsal.cluster import Cluster
from orbs.kubernetes.rehearsal.errors import (
    Cause,
    Json,
    bad_request,
    conflict,
    invalid,
    method_not_allowed,
    modified,
    no_such_resource,
    not_found,
)
from orbs.kubernetes.rehearsal.watch import watch

__all__ = ["Answer", "Api"]

_KEPT = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "namespace",
    "uid",
)
"""What a client cannot change in ``metadata``."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: an object as JSON, a plain text, or a stream of either."""

    code: int
    body: Json | str | None = None
    stream: AsyncIterator[bytes] | None = None
    content_type: str = "application/json"


class Api:
    """Answers requests for objects out of a cluster's store."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._store = cluster.store

    def answer(self, call: Call) -> Answer:
        """Do what a request asks for.

        Raises:
            ApiError: it is refused.
        """
        if call.subresource:
            return self._subresource(call)
        act = {
            ("GET", False): self._list,
            ("POST", False): self._create,
            ("DELETE", False): self._delete_all,
            ("GET", True): self._get,
            ("PUT", True): self._put,
            ("PATCH", True): self._patch,
            ("DELETE", True): self._delete,
        }.get((call.method, bool(call.name)))
        if act is None or _VERB[call.method, bool(call.name)] not in call.kind.verbs:
            raise method_not_allowed()
        return act(call)

    def _find(self, call: Call) -> Json:
        found = self._store.get(call.kind.key, call.namespace, call.name)
        if found is None:
            raise not_found(call.kind.plural, call.kind.group, call.name)
        return found

    def _get(self, call: Call) -> Answer:
        return Answer(200, shown(call, self._find(call)))

    def _list(self, call: Call) -> Answer:
        match = selected(call)
        if call.params.get("watch", "").lower() in ("1", "true"):
            return Answer(200, stream=watch(self._cluster, call, match))
        rows = self._store.list(call.kind.key, call.namespace)
        items = [
            {key: value for key, value in obj.items() if key not in ("kind", "apiVersion")}
            for obj in rows
            if match(obj)
        ]
        head: Json = {"kind": f"{call.kind.kind}List"}
        head["apiVersion"] = call.kind.api_version(call.version)
        head["metadata"] = {"resourceVersion": str(self._store.version)}
        return Answer(200, head | {"items": items})

    def _create(self, call: Call) -> Answer:
        obj = body_of(call)
        if call.kind.group == "authorization.k8s.io":
            return Answer(201, obj | {"status": {"allowed": True}})
        check_options(call, "CreateOptions")
        obj["metadata"].pop("resourceVersion", None)
        owned = self._own(call, None, obj)
        return Answer(201, shown(call, self._store_new(call, owned)))

    def _store_new(self, call: Call, obj: Json) -> Json:
        if call.kind.has_status:
            obj = obj | {"status": {}}
        obj = admit(self._cluster, call.kind, obj, None)
        if not call.dry_run:
            return self._store.create(call.kind.key, obj)
        now = {"creationTimestamp": self._cluster.clock.stamp()}
        return obj | {"metadata": obj["metadata"] | now}

    def _put(self, call: Call) -> Answer:
        check_options(call, "UpdateOptions")
        obj = body_of(call)
        old = self._find(call)
        self._check_identity(call, old, obj["metadata"])
        return Answer(200, shown(call, self._store_change(call, old, self._own(call, old, obj))))

    def _patch(self, call: Call) -> Answer:
        check_options(call, "PatchOptions")
        if call.content_type == APPLY:
            return self._apply(call)
        old = self._find(call)
        obj = patched(call, old)
        self._check_identity(call, old, obj["metadata"])
        return Answer(200, shown(call, self._store_change(call, old, self._own(call, old, obj))))

    def _apply(self, call: Call) -> Answer:
        applied = body_of(call)
        if not call.params.get("fieldManager"):
            text = "Required value: is required for apply patch"
            cause = Cause("fieldManager", text, "FieldValueRequired")
            raise invalid("PatchOptions", "meta.k8s.io", "", [cause])
        if applied["metadata"].get("managedFields"):
            raise bad_request("metadata.managedFields must be nil")
        old = self._store.get(call.kind.key, call.namespace, call.name)
        if old is not None:
            self._check_identity(call, old, applied["metadata"])
        merged = apply_configuration(
            old,
            plain_secret(applied),
            manager=call.params["fieldManager"],
            force=call.params.get("force", "").lower() in ("1", "true"),
            time=self._cluster.clock.stamp(),
            has_status=call.kind.has_status,
        )
        if old is None:
            return Answer(201, shown(call, self._store_new(call, merged)))
        return Answer(200, shown(call, self._store_change(call, old, merged)))

    def _own(self, call: Call, old: Json | None, obj: Json) -> Json:
        time = self._cluster.clock.stamp()
        has_status = call.kind.has_status
        return record_update(old, obj, manager=call.manager, time=time, has_status=has_status)

    def _store_change(self, call: Call, old: Json, new: Json) -> Json:
        meta = dict(new["metadata"])
        for name in _KEPT:
            meta.pop(name, None)
            if name in old["metadata"]:
                meta[name] = old["metadata"][name]
        meta["resourceVersion"] = old["metadata"]["resourceVersion"]
        obj = new | {"metadata": meta}
        if call.kind.has_status:
            obj.pop("status", None)
            if "status" in old:
                obj["status"] = copy.deepcopy(old["status"])
        obj = admit(self._cluster, call.kind, obj, old)
        return self.keep(call, obj)

    def keep(self, call: Call, obj: Json) -> Json:
        """Store a changed object, unless it is a dry run; one that only lingered goes away."""
        if call.dry_run:
            return obj
        stored = self._store.replace(call.kind.key, obj)
        meta = stored["metadata"]
        waits = call.kind.key in ("pods", "namespaces")
        if meta.get("deletionTimestamp") and not meta.get("finalizers") and not waits:
            self._store.remove(call.kind.key, call.namespace, meta["name"])
        return stored

    def _check_identity(self, call: Call, old: Json, meta: Json) -> None:
        plural, group, name = call.kind.plural, call.kind.group, call.name
        uid, now = meta.get("uid"), old["metadata"]["uid"]
        if uid and uid != now:
            why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {now}"
            raise conflict(plural, group, name, why)
        version = meta.get("resourceVersion")
        if version and version != old["metadata"]["resourceVersion"]:
            raise modified(plural, group, name)

    def _delete(self, call: Call) -> Answer:
        obj = self._find(call)
        options = delete_options(call)
        self._check_preconditions(call, obj, options.get("preconditions") or {})
        rest = None if call.dry_run else self._delete_one(call, obj, options)
        if rest is not None:
            return Answer(200, shown(call, rest))
        details: Json = {"name": call.name}
        details |= {"group": call.kind.group} if call.kind.group else {}
        details |= {"kind": call.kind.plural, "uid": obj["metadata"]["uid"]}
        head: Json = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
        return Answer(200, head | {"details": details})

    def _delete_one(self, call: Call, obj: Json, options: Json) -> Json | None:
        # For back compatibility batch/v1 leaves a Job's Pods behind unless it is told otherwise.
        default = "Orphan" if call.kind.key == "jobs.batch" else "Background"
        policy = options.get("propagationPolicy") or default
        grace = options.get("gracePeriodSeconds")
        return self._cluster.delete(call.kind.key, obj, policy=policy, grace_s=grace)

    def _check_preconditions(self, call: Call, obj: Json, wanted: Json) -> None:
        kind, meta = call.kind, obj["metadata"]
        for field_, word in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
            value, now = wanted.get(field_), meta[field_]
            if value and value != now:
                why = (
                    f"the {word} in the precondition ({value}) does not match the {word} in "
                    f"record ({now}). The object might have been deleted and then recreated"
                )
                raise conflict(kind.kind, kind.group, call.name, why)

    def _delete_all(self, call: Call) -> Answer:
        match, options = selected(call), delete_options(call)
        listed = self._list(call)
        for obj in self._store.list(call.kind.key, call.namespace):
            if match(obj) and not call.dry_run:
                self._delete_one(call, obj, options)
        return listed

    def _subresource(self, call: Call) -> Answer:
        if not call.name or call.subresource not in call.kind.subresources:
            raise no_such_resource()
        obj = self._find(call)
        if call.subresource == "log":
            stream = subresources.pod_log(self._cluster, obj, call.params)
            return Answer(200, stream=stream, content_type="text/plain")
        if call.subresource == "scale":
            return self._scale(call, obj)
        if call.method == "GET":
            return Answer(200, shown(call, obj))
        new = body_of(call) if call.method == "PUT" else patched(call, obj)
        self._check_identity(call, obj, new["metadata"])
        obj = {name: value for name, value in obj.items() if name != "status"}
        status = {"status": new["status"]} if "status" in new else {}
        return Answer(200, shown(call, self.keep(call, obj | status)))

    def _scale(self, call: Call, obj: Json) -> Answer:
        if call.method == "GET":
            return Answer(200, subresources.scale_of(obj))
        scale = subresources.scale_of(obj)
        new = json.loads(call.body) if call.method == "PUT" else patched(call, scale)
        spec = obj["spec"] | {"replicas": int(new["spec"].get("replicas", 0))}
        owned = self._own(call, obj, obj | {"spec": spec})
        return Answer(200, subresources.scale_of(self._store_change(call, obj, owned)))


_VERB: Mapping[tuple[str, bool], str] = {
    ("GET", False): "list",
    ("POST", False): "create",
    ("DELETE", False): "deletecollection",
    ("GET", True): "get",
    ("PUT", True): "update",
    ("PATCH", True): "patch",
    ("DELETE", True): "delete",
}
