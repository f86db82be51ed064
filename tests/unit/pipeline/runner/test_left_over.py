"""What is removed at the start of a run, and what is never touched."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipeline.docker_endpoint import Endpoint
from pipeline.run_executors import clear_left_over, make_scratch
from pipeline.runner.engine import ContainerEngine
from pipeline.runner.owner import OWNER_LABEL, RUN_LABEL, this_process

GONE = replace(this_process(), started="1")


@dataclass
class Client:
    """An engine's client with containers and volumes."""

    containers_: dict[str, dict[str, str]]
    volumes_: dict[str, dict[str, str]]
    removed: list[str] = field(default_factory=list)

    def containers(self, *, all: bool, filters: dict[str, str]) -> list[dict[str, Any]]:  # noqa: A002
        assert all
        return self._chosen(self.containers_, "Id", filters)

    def volumes(self, *, filters: dict[str, str]) -> dict[str, Any]:
        return {"Volumes": self._chosen(self.volumes_, "Name", filters) or None}

    def _chosen(
        self, items: dict[str, dict[str, str]], key: str, filters: dict[str, str]
    ) -> list[dict[str, Any]]:
        return [
            {key: name, "Labels": labels}
            for name, labels in items.items()
            if filters["label"] in labels
        ]

    def remove_container(self, name: str, *, force: bool, v: bool) -> None:
        assert force
        assert v
        self.removed.append(name)

    def remove_volume(self, name: str) -> None:
        self.removed.append(name)


def labels(owner: object) -> dict[str, str]:
    return {RUN_LABEL: "20260101-000000-abc", OWNER_LABEL: str(owner)}


def test_what_a_process_that_ended_made_is_removed_and_nothing_else_is() -> None:
    things = {
        "left": labels(GONE),
        "of-a-run-that-goes-on": labels(this_process()),
        "of-another-machine": labels(replace(GONE, machine="0" * 16)),
        "without-an-owner": {RUN_LABEL: "x"},
        "with-an-odd-owner": labels("12"),
        "orbyard-abc-build-foreign": {"orbyard": "x"},
    }
    client = Client(things, {f"{name}-volume": value for name, value in things.items()})
    engine = ContainerEngine(client, Endpoint("unix:///nowhere", "a test"))
    assert engine.remove_left_over() == 2
    assert client.removed == ["left", "left-volume"]


def test_files_that_a_killed_run_shared_with_its_jobs_are_removed(tmp_path: Path) -> None:
    runs = tmp_path / ".orbyard" / "runs"
    left, live = make_scratch(runs / "left"), make_scratch(runs / "live")
    (left / "owner").write_text(str(GONE))
    (left / "snapshot").write_text("files")
    clear_left_over(tmp_path)
    assert not left.exists()
    assert live.exists()
    assert (runs / "left").exists()
