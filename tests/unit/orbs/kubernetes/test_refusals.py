"""What the API server's no means, and where the cause is written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orbs.kubernetes.api_error import ApiError, error_of_status
from orbs.kubernetes.fieldpath import find_field
from orbs.kubernetes.refusals import conflicting_managers, explain_refusal
from pipeline.errors import InvalidInput, Unavailable, WorkFailed
from pipeline.yamlfile import KeyPath
from tests.unit.orbs.kubernetes.projects import DEPLOYMENT, SECRET, manifest


def answer(code: int, message: str, reason: str = "", causes: Any = ()) -> ApiError:
    status = {
        "kind": "Status",
        "message": message,
        "reason": reason,
        "details": {
            "causes": [{"field": f, "message": m, "reason": r} for f, m, r in causes],
        },
    }
    return error_of_status("apply it", code, json.dumps(status).encode())


PODSPEC = {
    "spec": {
        "containers": [
            {"name": "side", "ports": [{"containerPort": 80}]},
            {"name": 'a "b"', "ports": [{"containerPort": 80}, {"containerPort": 81}]},
        ]
    },
    "data": {"a.b": "x"},
}


@pytest.mark.parametrize(
    ("text", "expected", "whole"),
    [
        ("spec.containers[1].ports[0]", ("spec", "containers", 1, "ports", 0), True),
        ('.spec.containers[name="side"].image', ("spec", "containers", 0, "image"), True),
        (
            r'.spec.containers[name="a \"b\""].ports[containerPort=81,protocol="TCP"].x',
            ("spec", "containers", 1, "ports", 1, "x"),
            True,
        ),
        ('.spec.containers[name="gone"].image', ("spec", "containers"), False),
        ("data[a.b]", ("data", "a.b"), True),
        ("", (), True),
    ],
)
def test_a_field_of_a_message_is_found_again(text: str, expected: KeyPath, whole: bool) -> None:
    assert find_field(text, PODSPEC) == (expected, whole)


def test_each_fault_is_told_with_its_place() -> None:
    error = answer(
        422,
        "it is invalid",
        "Invalid",
        [
            ("spec.template.spec.containers[0].image", "Required value", "FieldValueRequired"),
            ("spec.replicas", "Invalid value: -1: must not be negative", "FieldValueInvalid"),
        ],
    )
    told = explain_refusal(error, manifest(DEPLOYMENT))
    assert isinstance(told, InvalidInput)
    assert [str(problem) for problem in told.problems] == [
        "deploy/x.yml:12:9 (spec.template.spec.containers[0].image): Required value",
        "deploy/x.yml:5:3 (spec.replicas): Invalid value: -1: must not be negative",
    ]


@pytest.mark.parametrize(
    "message",
    [
        "failed to create typed patch object: .spec.replica: field not declared in schema",
        "failed to create typed patch object (x/app; apps/v1, Kind=Deployment): "
        ".spec.replica: field not declared in schema",
        "failed to create typed patch object: errors:\n  .spec.replica: field not declared in schema",
    ],
)
def test_an_unknown_field_is_found_in_the_servers_words_and_not_tried_again(message: str) -> None:
    error = answer(500, message)
    assert not error.retryable
    (problem,) = explain_refusal(error, manifest(DEPLOYMENT)).problems
    assert problem.message == "there is no such field"
    assert problem.where is not None
    assert problem.where.key == "spec.replica"


def test_a_real_server_error_is_tried_again_and_stays_what_it_is() -> None:
    error = answer(500, "etcdserver: leader changed", "InternalError")
    assert error.retryable
    assert explain_refusal(error, manifest(DEPLOYMENT)) is error


def test_a_conflict_names_the_other_manager_the_field_and_the_flag() -> None:
    error = answer(
        409,
        "Apply failed with 1 conflict",
        "Conflict",
        [(".spec.replicas", 'conflict with "kubectl-edit" using apps/v1', "FieldManagerConflict")],
    )
    assert conflicting_managers(error) == {"kubectl-edit"}
    told = explain_refusal(error, manifest(DEPLOYMENT))
    assert isinstance(told, InvalidInput)
    assert "'kubectl-edit'" in told.problems[0].message
    assert str(told.problems[0].where) == "deploy/x.yml:5:3 (spec.replicas)"
    assert told.hint is not None
    assert "--force-conflicts" in told.hint


def test_a_lost_race_is_no_conflict_of_managers_and_is_tried_again() -> None:
    error = answer(409, "Operation cannot be fulfilled: the object has been modified", "Conflict")
    assert error.retryable
    assert conflicting_managers(error) == frozenset()


def test_a_field_that_stays_gets_advice() -> None:
    error = answer(
        422,
        "Deployment.apps is invalid",
        "Invalid",
        [("spec.selector", "Invalid value: v1.X{}: field is immutable", "FieldValueInvalid")],
    )
    (problem,) = explain_refusal(error, manifest(DEPLOYMENT)).problems
    assert problem.message == "this cannot be changed in an object that is there"
    assert problem.hint is not None
    assert "another name" in problem.hint


@pytest.mark.parametrize(
    "error",
    [
        answer(
            500,
            "failed to create typed patch object: .stringData.PASSWORD: expected string, "
            "got &value.valueUnstructured{Value:correct-horse}",
        ),
        answer(
            422,
            "correct-horse is wrong",
            "Invalid",
            [("data[PASSWORD]", 'Invalid value: "correct-horse": too long', "FieldValueInvalid")],
        ),
        answer(400, "illegal: correct-horse", "BadRequest"),
        answer(503, "webhook saw correct-horse", "ServiceUnavailable"),
        answer(403, "denied: correct-horse", "Forbidden"),
    ],
)
def test_of_a_secret_the_servers_words_are_not_repeated(error: ApiError) -> None:
    told = explain_refusal(error, manifest(SECRET, encrypted=True))
    assert "correct-horse" not in str(told)
    assert "correct-horse" not in "".join(map(str, told.details))


def test_a_rule_of_the_cluster_is_told_apart_from_a_missing_permission() -> None:
    rule = explain_refusal(answer(403, "exceeded quota: pods", "Forbidden"), manifest(DEPLOYMENT))
    assert isinstance(rule, WorkFailed)
    assert "exceeded quota" in rule.message
    words = 'User "ann" cannot patch resource "deployments" in API group "apps"'
    right = explain_refusal(answer(403, words, "Forbidden"), manifest(DEPLOYMENT))
    assert right.exit_code == 3


def test_a_missing_namespace_is_told() -> None:
    error = answer(404, 'namespaces "x" not found', "NotFound")
    assert isinstance(explain_refusal(error, manifest(DEPLOYMENT)), Unavailable)
