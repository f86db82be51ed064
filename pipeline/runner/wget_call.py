"""``wget`` as a job calls it (GNU's and busybox's): its options, and what it prints of an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.runner.agent_messages import Answer, bytes_of
from pipeline.runner.web_call import BodyPart, CallFailed, HttpAnswer, WebCall

__all__ = ["WgetCall", "answer_wget", "read_wget"]

_SHORT = {"O": "output-document", "P": "directory-prefix", "S": "server-response", "q": "quiet"}
_SHORT_WITH_VALUE = frozenset("AaBDeIiloOPQRTtUwXY")
_NO_VERBOSE = "no-verbose"
_OPTIONS_WITH_VALUE = """
append-output body-data body-file bind-address ca-certificate ca-directory certificate connect-timeout
dns-timeout execute header http-password http-user limit-rate method output-document output-file
directory-prefix password post-data post-file prefer-family private-key progress proxy-password
proxy-user read-timeout referer retry-on-http-error secure-protocol timeout tries user user-agent
wait waitretry
"""
_WITH_VALUE = frozenset(_OPTIONS_WITH_VALUE.split())
_SERVER_ERROR = 8
"""The exit code where the server answers with an error."""


@dataclass(slots=True)
class WgetCall:
    """The options of a call: flags, the last value of each option, the addresses."""

    flags: set[str] = field(default_factory=set)
    values: dict[str, str] = field(default_factory=dict)
    urls: list[str] = field(default_factory=list)

    def web_call(self) -> WebCall:
        """Return what is called.

        Raises:
            CallFailed: there is no address, or several.
        """
        if len(self.urls) != 1:
            words = "missing URL" if not self.urls else "Orbyard answers calls with one URL"
            raise CallFailed(words, 1)
        body = None
        for option in ("post-data", "body-data", "post-file", "body-file"):
            if option in self.values:
                value = self.values[option]
                body = BodyPart(file=value) if option.endswith("file") else BodyPart(value)
        posts = "POST" if "post-data" in self.values or "post-file" in self.values else "GET"
        method = self.values.get("method", posts).upper()
        return WebCall(self.urls[0], method, (body,) if body else ())


def read_wget(words: Sequence[str]) -> WgetCall:
    """Read the words after ``wget``.

    Raises:
        CallFailed: an option lacks its value.
    """
    call = WgetCall()
    pending = list(words)
    while pending:
        word = pending.pop(0)
        if word == "--":
            call.urls += pending
            break
        if word.startswith("--"):
            name, sign, value = word[2:].partition("=")
            if name in _WITH_VALUE:
                call.values[name] = value if sign else _value(word, pending)
            else:
                call.flags.add(name)
        elif word.startswith("-") and word != "-":
            _read_short(call, word[1:], pending)
        else:
            call.urls.append(word)
    return call


def _read_short(call: WgetCall, letters: str, pending: list[str]) -> None:
    if letters == "nv":
        call.flags.add(_NO_VERBOSE)
        return
    for position, letter in enumerate(letters):
        name = _SHORT.get(letter, letter)
        if letter in _SHORT_WITH_VALUE:
            call.values[name] = letters[position + 1 :] or _value(f"-{letter}", pending)
            return
        call.flags.add(name)


def _value(option: str, pending: list[str]) -> str:
    if not pending:
        raise CallFailed(f"option requires an argument: {option}", 2)
    return pending.pop(0)


def answer_wget(call: WgetCall, came: HttpAnswer) -> Answer:
    """Return what ``wget`` prints and writes of an answer, and how it ends."""
    fails = came.status >= 400
    lines = []
    if "quiet" not in call.flags and _NO_VERBOSE not in call.flags:
        lines.append(f"HTTP request sent, awaiting response... {came.status} {came.reason}")
    if "server-response" in call.flags:
        lines += [f"  {line}" for line in came.head.split("\r\n")[:-2]]
    if fails and "quiet" not in call.flags:
        lines.append(f"ERROR {came.status}: {came.reason}.")
    target = call.values.get("output-document", "continue")
    shown = not fails or "content-on-error" in call.flags
    return Answer(
        stderr=bytes_of("".join(f"{line}\n" for line in lines)),
        exit_code=_SERVER_ERROR if fails else 0,
        calls=(("save", "body", target, "3"),) if shown else (),
        files={"body": bytes_of(came.body)},
    )
