"""What the Kubernetes API said no to, or that it said nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pipeline.errors import OrbyardError, excerpt

__all__ = ["NO_ANSWER", "ApiError", "error_of_status"]

NO_ANSWER = 0
"""The status of an error without an HTTP answer: refused, reset, timed out."""

_NOT_AUTHORIZED = frozenset({401, 403})
_PASSING = frozenset({NO_ANSWER, 429, 500, 502, 503, 504})
_PASSING_CONFLICT = "the object has been modified"
"""Words of the API server's optimistic lock (k8s.io/apiserver registry/generic/registry/store.go), also
met when two requests count against the same ResourceQuota. It has no reason of its own."""
_SCHEMA_WORDS = ("typed patch object", "unable to convert", "cannot be handled as a")
"""Words of server-side apply (k8s.io/apimachinery managedfields, k8s.io/apiserver patch.go) for an
object that does not fit the schema. They come with status 500, though asking again never helps."""


class ApiError(OrbyardError):
    """An answer of the API server that is not a success, or no answer.

    Args:
        message: what was tried, on what, and what came back.
        status: the HTTP status; :data:`NO_ANSWER` where there was none.
        reason: the API's word for it: ``NotFound``, ``Conflict``, ``Invalid`` …
        causes: field and message of each thing that is wrong, where the API lists them.
        cause_reasons: the API's word for each of ``causes``.
        server_message: the API's own text, uncut; it may hold values of the object that was sent.
        retry_after_s: seconds that the server asks to wait, or None.
        hint: what the user can do now.

    ``exit_code`` is 3 where the cluster or a permission is missing, else 1. ``retryable`` says that
    the same request may succeed in a moment.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = NO_ANSWER,
        reason: str = "",
        causes: Sequence[tuple[str, str]] = (),
        cause_reasons: Sequence[str] = (),
        server_message: str = "",
        retry_after_s: float | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.reason = reason
        self.causes = tuple(causes)
        self.cause_reasons = tuple(cause_reasons)
        self.server_message = server_message
        self.retry_after_s = retry_after_s
        self.exit_code = 3 if status == NO_ANSWER or status in _NOT_AUTHORIZED else 1
        self.retryable = not self.against_schema and (
            status in _PASSING
            or (status == 409 and not causes and _PASSING_CONFLICT in server_message)
        )

    @property
    def against_schema(self) -> bool:
        """Whether the server found a field that doesn't exist or has the wrong type."""
        return self.status in {400, 422, 500} and any(
            words in self.server_message for words in _SCHEMA_WORDS
        )


def error_of_status(
    tried: str, status: int, body: bytes, *, retry_after: str | None = None
) -> ApiError:
    """Return the error for an answer.

    Args:
        tried: what was asked, as the user would say it: ``get Deployment/hoge-app``.
        status: the HTTP status.
        body: a ``Status`` object as JSON, or whatever a proxy in between has sent.
        retry_after: the header of that name.
    """
    told = _status_object(body)
    text = str(told.get("message") or body.decode("utf-8", "replace"))
    raw_causes = (told.get("details") or {}).get("causes") or ()
    causes = [item for item in raw_causes if isinstance(item, dict)]
    reason = str(told.get("reason") or "")
    said = excerpt(text) or "without a word"
    return ApiError(
        f"{tried}: the API server answered {status} {reason}".rstrip() + f": {said}",
        status=status,
        reason=reason,
        causes=[(str(item.get("field", "")), str(item.get("message", ""))) for item in causes],
        cause_reasons=[str(item.get("reason", "")) for item in causes],
        server_message=text,
        retry_after_s=float(retry_after) if retry_after and retry_after.isdigit() else None,
    )


def _status_object(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) and told.get("kind") == "Status" else {}
