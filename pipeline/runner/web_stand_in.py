"""``curl`` and ``wget`` in jobs of a setup workflow: calls that continue the pipeline go to the runner.

A container's network may not reach this machine, and nobody but CircleCI can answer for circleci.com over
TLS. So these jobs find scripts of those names first on their PATH. They hand the call to the runner, as
``circleci`` does, where it is to ``/api/v2/pipeline/continue``; all others go to the real program.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pipeline.runner.agent_messages import Answer, JobFacts, Needed, Request, bytes_of
from pipeline.runner.continuation_api import ContinuationApi
from pipeline.runner.curl_call import answer_curl, read_curl, write_out_form
from pipeline.runner.stand_in import answer
from pipeline.runner.web_call import (
    CallFailed,
    HttpAnswer,
    WebCall,
    asks_to_continue,
    body_of,
)
from pipeline.runner.wget_call import answer_wget, read_wget

__all__ = ["WEB_PROGRAMS", "setup_responder", "web_script"]

WEB_PROGRAMS = ("curl", "wget")
_WORD = "web-call"
"""The first word of what the scripts send; no subcommand of ``circleci``."""
_NOT_OURS = 113
"""The exit code by which the script knows that the real program has to make the call."""


def web_script() -> bytes:
    """Return the script that setup jobs have as ``curl`` and ``wget``."""
    return Path(__file__).with_suffix(".sh").read_bytes()


def setup_responder(api: ContinuationApi, job: str) -> Callable[[Request, JobFacts | None], Answer]:
    """Return what answers the requests of a setup job: those of ``circleci``, and calls of the web."""

    def respond(request: Request, facts: JobFacts | None = None) -> Answer:
        if request.arguments[:1] != (_WORD,):
            return answer(request, facts)
        return _answer_call(request, api, job)

    return respond


def _answer_call(request: Request, api: ContinuationApi, job: str) -> Answer:
    program, is_installed, *words = request.arguments[1:]
    try:
        given = _program(program, request, words, api, job)
    except Needed as missing:
        return Answer(exit_code=None, calls=missing.calls)
    except CallFailed as failed:
        given = Answer(
            stderr=bytes_of(f"{program}: ({failed.exit_code}) {failed.words}\n"),
            exit_code=failed.exit_code,
        )
    if given.exit_code != _NOT_OURS and is_installed != "yes":
        note = (
            f"{program}: this image has no {program}, so on CircleCI this call would fail;"
            " here Orbyard answers it\n"
        )
        given = replace(given, stderr=bytes_of(note) + given.stderr)
    return given


def _program(
    program: str, request: Request, words: list[str], api: ContinuationApi, job: str
) -> Answer:
    if program == "curl":
        curl = read_curl(words)
        if not any(map(asks_to_continue, curl.urls)):
            return Answer(exit_code=_NOT_OURS)
        form = write_out_form(request, curl)  # before the call, which is not to be made twice
        return answer_curl(curl, _called(request, curl.web_call(), api, job), form)
    wget = read_wget(words)
    if not any(map(asks_to_continue, wget.urls)):
        return Answer(exit_code=_NOT_OURS)
    return answer_wget(wget, _called(request, wget.web_call(), api, job))


def _called(request: Request, call: WebCall, api: ContinuationApi, job: str) -> HttpAnswer:
    if call.has_no_host:
        raise CallFailed(f"the URL has no host: {call.url} (is CIRCLECI_DOMAIN set?)", 3)
    return api.answer(call.method, body_of(request, call.body), job)
