from __future__ import annotations

from typing import Any

import pytest

from orbs.kubernetes.rehearsal.apply import apply_configuration, record_update
from orbs.kubernetes.rehearsal.errors import ApiError
from orbs.kubernetes.rehearsal.fieldpaths import (
    field_set,
    from_fields_v1,
    lookup,
    show,
    to_fields_v1,
)

Json = dict[str, Any]

HEAD: Json = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}


def web(*containers: Json, **spec: Any) -> Json:
    return HEAD | {"spec": {**spec, "template": {"spec": {"containers": list(containers)}}}}


def apply(live: Json | None, applied: Json, manager: str = "me", *, force: bool = False) -> Json:
    return apply_configuration(
        live, applied, manager=manager, force=force, time="2026-01-01T00:00:00Z", has_status=True
    )


def containers(obj: Json) -> list[Json]:
    return list(obj["spec"]["template"]["spec"]["containers"])


def owners(obj: Json) -> dict[str, set[str]]:
    return {
        entry["manager"]: {show(path) for path in from_fields_v1(entry["fieldsV1"])}
        for entry in obj["metadata"]["managedFields"]
    }


def test_what_is_applied_is_owned_field_by_field() -> None:
    made = apply(None, web({"name": "app", "image": "a"}, replicas=2))
    assert owners(made)["me"] == {
        ".spec.replicas",
        '.spec.template.spec.containers[name="app"]',
        '.spec.template.spec.containers[name="app"].name',
        '.spec.template.spec.containers[name="app"].image',
    }


def test_a_field_that_is_left_out_later_goes_away() -> None:
    made = apply(None, web({"name": "app", "image": "a", "tty": True}, replicas=2))
    made = apply(made, web({"name": "app", "image": "a"}))
    assert "replicas" not in made["spec"]
    assert containers(made) == [{"name": "app", "image": "a"}]


def test_a_container_that_is_left_out_later_goes_away() -> None:
    one, two = {"name": "one", "image": "a"}, {"name": "two", "image": "b"}
    made = apply(apply(None, web(one, two)), web(one))
    assert containers(made) == [one]


def test_what_another_manager_also_applies_stays() -> None:
    made = apply(None, web(replicas=2), "one")
    made = apply(made, web(replicas=2), "two")
    made = apply(made, web(), "one")
    assert made["spec"]["replicas"] == 2
    assert "one" not in owners(made) or ".spec.replicas" not in owners(made)["one"]


def test_fields_that_nobody_applied_are_left_alone() -> None:
    live = apply(None, web({"name": "app", "image": "a"}))
    live["spec"]["paused"] = True
    containers(live)[0]["resources"] = {}
    made = apply(live, web({"name": "app", "image": "b"}))
    assert made["spec"]["paused"] is True
    assert containers(made) == [{"name": "app", "image": "b", "resources": {}}]


def test_the_same_value_can_be_owned_by_two() -> None:
    made = apply(apply(None, web(replicas=2), "one"), web(replicas=2), "two")
    assert {".spec.replicas"} < owners(made)["one"] & owners(made)["two"] | {".spec"}


def test_another_ones_field_is_a_conflict_that_names_it() -> None:
    made = apply(None, web(replicas=2), "one")
    with pytest.raises(ApiError) as caught:
        apply(made, web(replicas=3), "two")
    assert caught.value.code == 409
    assert (
        caught.value.message == 'Apply failed with 1 conflict: conflict with "one": .spec.replicas'
    )


def test_several_conflicts_are_listed_below_their_owner() -> None:
    made = apply(None, web({"name": "app", "image": "a"}, replicas=2), "one")
    with pytest.raises(ApiError) as caught:
        apply(made, web({"name": "app", "image": "b"}, replicas=3), "two")
    assert caught.value.message.splitlines() == [
        'Apply failed with 2 conflicts: conflicts with "one":',
        "- .spec.replicas",
        '- .spec.template.spec.containers[name="app"].image',
    ]


def test_force_takes_the_field_over() -> None:
    made = apply(None, web(replicas=2), "one")
    made = apply(made, web(replicas=3), "two", force=True)
    assert made["spec"]["replicas"] == 3
    assert ".spec.replicas" not in owners(made).get("one", set())


def test_an_update_owns_what_it_changes_and_conflicts_with_its_version() -> None:
    live = apply(None, web(replicas=2), "me")
    changed = live | {"spec": live["spec"] | {"replicas": 5}}
    live = record_update(live, changed, manager="kubectl", time="t", has_status=True)
    with pytest.raises(ApiError, match=r'with "kubectl" using apps/v1: \.spec\.replicas'):
        apply(live, web(replicas=2), "me")


def test_lists_without_keys_are_replaced_as_a_whole() -> None:
    made = apply(None, web({"name": "app", "args": ["a", "b"]}))
    made = apply(made, web({"name": "app", "args": ["c"]}))
    assert containers(made)[0]["args"] == ["c"]


def test_ports_are_told_apart_by_number_and_protocol() -> None:
    ports = [{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}]
    live = apply(None, web({"name": "app", "ports": ports}))
    containers(live)[0]["ports"][0]["protocol"] = "TCP"
    made = apply(live, web({"name": "app", "ports": [{"containerPort": 80, "name": "http"}]}))
    assert containers(made)[0]["ports"] == [
        {"containerPort": 80, "protocol": "TCP", "name": "http"}
    ]


def test_applying_the_same_twice_changes_nothing_at_all() -> None:
    once = apply(None, web({"name": "app", "image": "a"}, replicas=2))
    again = apply_configuration(
        once,
        web({"name": "app", "image": "a"}, replicas=2),
        manager="me",
        force=False,
        time="2027-01-01T00:00:00Z",
        has_status=True,
    )
    assert again == once


def test_field_sets_survive_being_written_down() -> None:
    paths = field_set(web({"name": "app", "env": [{"name": "A", "value": "1"}]}, replicas=1))
    assert from_fields_v1(to_fields_v1(paths)) == paths


def test_every_path_of_an_object_leads_somewhere() -> None:
    obj = web({"name": "app", "ports": [{"containerPort": 80}], "args": []}, replicas=1)
    for path in field_set(obj):
        assert lookup(obj, path) is not lookup(obj, ("f:nowhere",)), path
