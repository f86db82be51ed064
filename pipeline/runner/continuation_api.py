"""The API by which a job of a setup workflow continues its pipeline, as the runner answers it.

Messages are CircleCI's where they are known: "Pipeline continued", "Pipeline is not in setup state",
"Conflicting pipeline parameters.", "Unexpected argument(s)". That a configuration is compiled before the
call is answered, and its steps are looked at, is not CircleCI's way, which takes it and shows the mistakes
later; here the step that made the configuration fails with them.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.config.findings import ConfigError
from pipeline.config.model import CompiledConfig
from pipeline.errors import InvalidInput
from pipeline.runner.web_call import HttpAnswer

__all__ = ["Continuation", "ContinuationApi"]

_MOST_PARAMETERS = 100
_LONGEST_NAME = 128
_LONGEST_VALUE = 512
_MOST_FINDINGS = 5
"""Mistakes of a configuration that an answer has; the run shows all of them in the end."""


@dataclass(frozen=True, slots=True)
class Continuation:
    """What a job handed over: a configuration's text with parameters, and what it compiles to.

    ``compiled`` is None where it does not compile or has steps that cannot be run; ``error`` then says why.
    """

    job: str
    configuration: str
    parameters: Mapping[str, Any]
    compiled: CompiledConfig | None = None
    error: InvalidInput | None = None


Compile = Callable[[Continuation], CompiledConfig]
"""Compiles what was handed over; raises InvalidInput."""


class _Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class ContinuationApi:
    """Takes the continuation of one pipeline; thread-safe.

    Args:
        compile_: compiles what was handed over.
        key: what callers have to know, the job's ``CIRCLE_CONTINUATION_KEY``.
    """

    def __init__(self, compile_: Compile, *, key: str = "") -> None:
        self.key = key or secrets.token_urlsafe(32)
        self._compile = compile_
        self._lock = threading.Lock()
        self._accepted: Continuation | None = None
        self._rejected: Continuation | None = None

    @property
    def continuation(self) -> Continuation | None:
        """The accepted one; else the last one that does not compile; else None."""
        return self._accepted or self._rejected

    def answer(self, method: str, body: bytes, job: str) -> HttpAnswer:
        """Answer a call of a job."""
        if method != "POST":
            return _json(405, f"{method} is not allowed here: a pipeline is continued with POST")
        try:
            with self._lock:
                self._take(_read(body, self.key), job)
        except _Refused as refused:
            return _json(refused.status, refused.message)
        return _json(200, "Pipeline continued")

    def _take(self, given: Mapping[str, Any], job: str) -> None:
        if self._accepted:
            raise _Refused(409, "Pipeline is not in setup state")
        asked = Continuation(job, given["configuration"], given.get("parameters") or {})
        try:
            compiled = self._compile(asked)
        except InvalidInput as error:
            self._rejected = Continuation(job, asked.configuration, asked.parameters, error=error)
            raise _Refused(400, _message(error)) from None
        self._accepted = Continuation(job, asked.configuration, asked.parameters, compiled)


def _json(status: int, message: str) -> HttpAnswer:
    return HttpAnswer(status, json.dumps({"message": message}, ensure_ascii=False))


def _read(body: bytes, key: str) -> dict[str, Any]:
    try:
        given = json.loads(body)
    except ValueError as error:
        raise _Refused(400, f"The body is not JSON: {error}") from None
    if not isinstance(given, dict):
        raise _Refused(400, "The body is not a JSON object")
    found = given.get("continuation-key")
    if not isinstance(found, str) or not found:
        raise _Refused(400, 'The body has no "continuation-key" (CIRCLE_CONTINUATION_KEY)')
    if not secrets.compare_digest(found.encode(errors="replace"), key.encode()):
        raise _Refused(403, "The continuation key is not that of this pipeline")
    if not isinstance(given.get("configuration"), str) or not given["configuration"].strip():
        raise _Refused(400, 'The body has no text "configuration"')
    _check_parameters(given.get("parameters"))
    return given


def _check_parameters(parameters: Any) -> None:
    if parameters is None:
        return
    if not isinstance(parameters, dict):
        raise _Refused(400, '"parameters" is not an object of names and values')
    if len(parameters) > _MOST_PARAMETERS:
        raise _Refused(400, f"There are more than {_MOST_PARAMETERS} parameters")
    for name, value in parameters.items():
        if not isinstance(value, str | bool | int):
            raise _Refused(400, f"Parameter {name!r} is not a string, boolean or integer")
        if len(name) > _LONGEST_NAME or (isinstance(value, str) and len(value) > _LONGEST_VALUE):
            raise _Refused(
                400,
                f"Parameter {name[:_LONGEST_NAME]!r} is too long: {_LONGEST_NAME} characters for its name,"
                f" {_LONGEST_VALUE} for its value",
            )


def _message(error: InvalidInput) -> str:
    if isinstance(error, ConfigError):
        errors = [finding for finding in error.findings if finding.severity == "error"]
        mistakes = [f"{finding.where}: {finding.message}" for finding in errors]
    else:
        mistakes = [f"{problem.where}: {problem.message}" for problem in error.problems]
    if len(mistakes) > _MOST_FINDINGS:
        mistakes[_MOST_FINDINGS:] = [f"and {len(mistakes) - _MOST_FINDINGS} more"]
    return "\n".join(mistakes) or error.message
