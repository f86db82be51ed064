"""What a plan shows of a change."""

from __future__ import annotations

from typing import Any

from orbs.kubernetes.diff import diff_lines, masked_value


def secret(**data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "app"}, "data": dict(data)}


def deployment(replicas: int, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "app", **metadata},
        "spec": {"replicas": replicas},
    }


def test_a_changed_field_is_shown_with_what_stands_around_it() -> None:
    lines = diff_lines(deployment(2), deployment(3))
    assert "-  replicas: 2" in lines
    assert "+  replicas: 3" in lines
    assert " kind: Deployment" not in [line for line in lines if line[0] in "+-"]


def test_what_the_server_writes_is_no_change() -> None:
    live = deployment(
        2,
        uid="1",
        resourceVersion="7",
        managedFields=[],
        annotations={"orbyard.dev/deployed-at": "then", "deployment.kubernetes.io/revision": "4"},
    ) | {"status": {"replicas": 2}}
    after = deployment(2, annotations={"orbyard.dev/deployed-at": "now"})
    assert diff_lines(live, after) == []


def test_a_secret_tells_which_keys_change_and_no_value() -> None:
    lines = diff_lines(
        secret(SAME="c2FtZQ==", OLD="b2xk", CHANGED="b25l"), secret(SAME="c2FtZQ==", CHANGED="dHdv")
    )
    text = "\n".join(lines)
    assert "-  CHANGED: '(hidden: before)'" in lines
    assert "+  CHANGED: '(hidden: changed)'" in lines
    assert any(line.startswith("-  OLD:") for line in lines)
    assert not any(line.startswith(("+  SAME", "-  SAME")) for line in lines)
    assert not {"c2FtZQ", "b2xk", "b25l", "dHdv"} & set(text.replace("=", " ").split())


def test_a_secret_shown_alone_hides_every_value() -> None:
    assert masked_value(secret(KEY="dmFsdWU="))["data"] == {"KEY": "(hidden)"}
    assert masked_value(deployment(1)) == deployment(1)


def test_a_new_object_is_shown_whole() -> None:
    lines = diff_lines(None, deployment(1))
    assert all(line.startswith(("+", "@@")) for line in lines)
