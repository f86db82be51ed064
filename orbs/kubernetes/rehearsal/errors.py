"""The API's refusals, each a ``Status`` object worded as Kubernetes words it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cause:
    """One field that is wrong: ``reason`` is a ``FieldValue…`` word."""

    field: str
    message: str
    reason: str = "FieldValueInvalid"

    def as_json(self) -> Json:
        """Return the form it has in ``Status.details.causes``."""
        return {"reason": self.reason, "message": self.message, "field": self.field}


class ApiError(Exception):
    """A request that is answered with a failure ``Status``."""

    def __init__(self, code: int, reason: str, message: str, details: Json | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details

    def status(self) -> Json:
        """Return the ``Status`` object."""
        body: Json = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        body["message"] = self.message
        if self.reason:
            body["reason"] = self.reason
        if self.details is not None:
            body["details"] = self.details
        body["code"] = self.code
        return body


def qualified(plural: str, group: str) -> str:
    """Return ``deployments.apps``, or the plain plural for the core group."""
    return f"{plural}.{group}" if group else plural


def _details(name: str, group: str, kind: str) -> Json:
    return {"name": name} | ({"group": group} if group else {}) | {"kind": kind}


def no_such_resource() -> ApiError:
    """Nothing is served under this path."""
    message = "the server could not find the requested resource"
    return ApiError(404, "NotFound", message, {})


def not_found(plural: str, group: str, name: str) -> ApiError:
    """There is no such object."""
    message = f'{qualified(plural, group)} "{name}" not found'
    return ApiError(404, "NotFound", message, _details(name, group, plural))


def already_exists(plural: str, group: str, name: str) -> ApiError:
    """The name of a new object is taken."""
    message = f'{qualified(plural, group)} "{name}" already exists'
    return ApiError(409, "AlreadyExists", message, _details(name, group, plural))


def conflict(plural: str, group: str, name: str, why: str) -> ApiError:
    """The object is not the one, or not in the state, that the request was made for."""
    message = f'Operation cannot be fulfilled on {qualified(plural, group)} "{name}": {why}'
    return ApiError(409, "Conflict", message, _details(name, group, plural))


def modified(plural: str, group: str, name: str) -> ApiError:
    """The request carries an outdated ``resourceVersion``."""
    why = "the object has been modified; please apply your changes to the latest version and try again"
    return conflict(plural, group, name, why)


def bad_request(message: str) -> ApiError:
    """The request makes no sense."""
    return ApiError(400, "BadRequest", message)


def forbidden(plural: str, group: str, name: str, why: str) -> ApiError:
    """Admission refuses the request."""
    message = f'{qualified(plural, group)} "{name}" is forbidden: {why}'
    return ApiError(403, "Forbidden", message, _details(name, group, plural))


def method_not_allowed() -> ApiError:
    """The path is served, but not for this method."""
    message = "the server does not allow this method on the requested resource"
    return ApiError(405, "MethodNotAllowed", message, {})


def unsupported_media_type() -> ApiError:
    """The patch is of a kind that is not known."""
    return ApiError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})


def invalid(kind: str, group: str, name: str, causes: Sequence[Cause]) -> ApiError:
    """The object breaks rules; ``causes`` says which."""
    lines = [f"{cause.field}: {cause.message}" for cause in causes]
    text = lines[0] if len(lines) == 1 else f"[{', '.join(lines)}]"
    details: Json = {"name": name} if name else {}
    details |= {"group": group} if group else {}
    details |= {"kind": kind, "causes": [cause.as_json() for cause in causes]}
    message = f'{qualified(kind, group)} "{name}" is invalid: {text}'
    return ApiError(422, "Invalid", message, details)


def expired(asked: int, oldest: int) -> ApiError:
    """A watch asks for changes that are no longer kept."""
    return ApiError(410, "Expired", f"too old resource version: {asked} ({oldest})")
