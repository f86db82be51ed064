from __future__ import annotations

import http.client
import json
import threading

import pytest

from orbs.kubernetes.rehearsal import parse_fault
from tests.unit.orbs.kubernetes.rehearsal.conftest import Http, Start
from tests.unit.orbs.kubernetes.rehearsal.manifests import (
    DEPLOYMENTS,
    MAPS,
    MERGE,
    PODS,
    config_map,
    deployment,
    is_complete,
)


def test_a_watch_without_a_version_begins_with_what_is_there(api: Http) -> None:
    api.post(MAPS, config_map("a"))
    [event] = api.watch(MAPS)
    assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "a")
    assert event["object"]["kind"] == "ConfigMap"


def test_a_watch_from_a_version_tells_what_came_after(api: Http) -> None:
    api.post(MAPS, config_map("a"))
    version = api.get(MAPS)["metadata"]["resourceVersion"]
    api.post(MAPS, config_map("b"))
    api.ask("PATCH", f"{MAPS}/b", {"data": {"c": "d"}}, MERGE)
    api.ask("DELETE", f"{MAPS}/a")
    seen = api.watch(f"{MAPS}?resourceVersion={version}")
    told = [(event["type"], event["object"]["metadata"]["name"]) for event in seen]
    assert told == [("ADDED", "b"), ("MODIFIED", "b"), ("DELETED", "a")]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in seen]
    assert versions == sorted(versions)


def test_events_come_as_they_happen(api: Http) -> None:
    with api.open("GET", f"{MAPS}?watch=true&timeoutSeconds=5") as stream:
        threading.Timer(0.05, lambda: api.post(MAPS, config_map("late"))).start()
        event = json.loads(stream.readline())
    assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "late")


def test_an_object_that_leaves_the_selection_is_told_as_deleted(api: Http) -> None:
    version = api.get(MAPS)["metadata"]["resourceVersion"]
    body = config_map("a")
    body["metadata"]["labels"] = {"app": "web"}
    api.post(MAPS, body)
    api.ask("PATCH", f"{MAPS}/a", {"metadata": {"labels": {"app": "db"}}}, MERGE)
    seen = api.watch(f"{MAPS}?labelSelector=app%3Dweb&resourceVersion={version}")
    assert [event["type"] for event in seen] == ["ADDED", "DELETED"]


def test_a_bookmark_ends_the_watch_of_who_asks_for_it(api: Http) -> None:
    *_, last = api.watch(f"{MAPS}?allowWatchBookmarks=true")
    assert (last["type"], list(last["object"]["metadata"])) == (
        "BOOKMARK",
        ["resourceVersion", "creationTimestamp"],
    )


def test_a_version_that_is_forgotten_is_expired(start: Start) -> None:
    api = start(history=10)
    version = api.get(MAPS)["metadata"]["resourceVersion"]
    for name in "abcdefghijkl":
        api.post(MAPS, config_map(name))
    [event] = api.watch(f"{MAPS}?resourceVersion={version}")
    assert event["type"] == "ERROR"
    assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")


def test_no_watcher_hears_of_changes_out_of_order(api: Http) -> None:
    version = api.get(PODS)["metadata"]["resourceVersion"]
    api.post(DEPLOYMENTS, deployment(replicas=3))
    api.until(f"{DEPLOYMENTS}/web", is_complete)
    api.ask("DELETE", f"{DEPLOYMENTS}/web")
    api.until(PODS, lambda pods: not pods["items"])
    versions = [
        int(event["object"]["metadata"]["resourceVersion"])
        for event in api.watch(f"{PODS}?resourceVersion={version}")
    ]
    assert versions == sorted(versions)


def test_dropped_watches_are_cut_off_refused_and_closed_in_turn(start: Start) -> None:
    api = start(parse_fault("watch-drops"))
    for name in "abc":
        api.post(MAPS, config_map(name))
    with pytest.raises(http.client.IncompleteRead) as caught:
        api.watch(MAPS, 5)
    assert len(caught.value.partial.splitlines()) == 2
    [refused] = api.watch(MAPS, 5)
    assert refused["object"]["code"] == 410
    assert len(api.watch(MAPS, 5)) == 2
