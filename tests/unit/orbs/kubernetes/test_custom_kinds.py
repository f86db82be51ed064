"""Objects of a kind that the same deploy defines."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orbs.kubernetes.apply import make_applier
from orbs.kubernetes.cluster import open_cluster
from tests.unit.orbs.kubernetes.projects import manifest
from tests.unit.orbs.kubernetes.test_connection import (
    OBJECT,
    NoTime,
    Server,
    says,
    serving,
    source,
    status,
)

DEFINITION = """\
    apiVersion: apiextensions.k8s.io/v1
    kind: CustomResourceDefinition
    metadata: {name: widgets.example.com}
    spec:
      group: example.com
      names: {kind: Widget, plural: widgets}
      versions: [{name: v1}]
"""
WIDGET = """\
    apiVersion: example.com/v1
    kind: Widget
    metadata: {name: one}
"""


@pytest.fixture
def server() -> Iterator[Server]:
    yield from serving()


def test_a_custom_kind_of_the_same_set_is_not_checked_and_then_waited_for(server: Server) -> None:
    definition, widget = manifest(DEFINITION), manifest(WIDGET)
    listed = {"resources": [{"name": "widgets", "kind": "Widget", "namespaced": True}]}
    server.replies = [
        status(404),  # before the definition is applied
        status(404),  # and for a moment after
        says(200, listed),
        status(404),
        says(201, OBJECT),
    ]
    with open_cluster(source(server), "apps", clock=NoTime()) as cluster:
        applier = make_applier(cluster, [definition, widget])
        assert applier.unchecked(widget)
        assert applier.apply(widget).action == "created"
    assert [path for _, path, _ in server.seen] == [
        "/apis/example.com/v1",
        "/apis/example.com/v1",
        "/apis/example.com/v1",
        "/apis/example.com/v1/namespaces/apps/widgets/one",
        "/apis/example.com/v1/namespaces/apps/widgets/one?fieldManager=orbyard",
    ]
