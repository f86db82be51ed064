"""Processors and memory of resource classes."""

from __future__ import annotations

import pytest

from pipeline.runner.resources import MachineSize, Resources, resources_of

GIB = 1024**3
LARGE = MachineSize(64, 256 * GIB)


@pytest.mark.parametrize(
    ("name", "machine", "cpus", "memory_gib"),
    [
        ("small", False, 1, 2),
        ("medium", False, 2, 4),
        ("medium.gen2", False, 2, 4),
        ("2xlarge+", False, 20, 40),
        ("arm.large", False, 4, 16),
        ("medium", True, 2, 7.5),
        ("large", True, 4, 15),
        ("arm.2xlarge", True, 16, 64),
    ],
)
def test_classes_have_limits(name: str, machine: bool, cpus: float, memory_gib: float) -> None:
    found = resources_of(name, LARGE, machine=machine)
    assert found == Resources(cpus, int(memory_gib * GIB))


@pytest.mark.parametrize("name", [None, "", "acme/runner"])
def test_a_job_without_a_class_and_one_of_a_runner_have_none(name: str | None) -> None:
    assert resources_of(name, LARGE) == Resources()


def test_a_limit_is_never_more_than_there_is_and_that_is_said() -> None:
    found = resources_of("xlarge", MachineSize(4, 8 * GIB))
    assert (found.cpus, found.memory_bytes) == (4, 8 * GIB)
    assert found.note == "xlarge is 8 CPU with 16 GiB, and the engine has 4 CPU with 8 GiB"


def test_a_class_that_is_not_known_is_named() -> None:
    found = resources_of("gigantic", LARGE)
    assert found.cpus is None
    assert "gigantic is not known" in found.note
