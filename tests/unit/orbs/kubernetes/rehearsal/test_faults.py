from __future__ import annotations

import subprocess
import sys

import pytest

from orbs.kubernetes.rehearsal import FAULTS, parse_fault
from orbs.kubernetes.rehearsal.faults import is_hit
from pipeline.errors import InvalidInput


def test_every_fault_is_found_by_its_name_and_explained() -> None:
    for name, fault in FAULTS.items():
        assert parse_fault(name) == fault
        assert len(fault.summary) > 20


def test_a_mistyped_fault_is_met_with_the_one_that_was_meant() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_fault("crashloop")
    assert caught.value.hint == "did you mean 'crash-loop'?"


def test_an_unknown_fault_is_met_with_the_list() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_fault("earthquake")
    assert "image-pull, crash-loop" in str(caught.value.hint)


def test_a_fault_of_pods_can_be_aimed_at_one_kind_of_workload() -> None:
    fault = parse_fault("image-pull:deployment")
    assert is_hit([fault], "image-pull", "Deployment")
    assert not is_hit([fault], "image-pull", "Job")


@pytest.mark.parametrize("name", ["image-pull:pod", "api-500:job", "migration-fails:deployment"])
def test_a_fault_cannot_be_aimed_where_it_makes_no_sense(name: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be aimed"):
        parse_fault(name)


def test_without_an_aim_a_fault_of_pods_hits_all_of_them() -> None:
    assert is_hit([parse_fault("unschedulable")], "unschedulable", "Job")


def test_naming_the_faults_does_not_load_the_server() -> None:
    code = "import orbs.kubernetes.rehearsal, sys; print('kmock' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
