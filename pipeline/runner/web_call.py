"""A call of the web that a job makes with ``curl`` or ``wget``, and what is answered to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote_plus, urlsplit

from pipeline.runner.agent_messages import Needed, Request, stdin_of, text_of

__all__ = ["BodyPart", "CallFailed", "HttpAnswer", "WebCall", "asks_to_continue", "body_of"]

_REASONS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
}


class CallFailed(Exception):
    """The program ends without having called: what it prints, and its exit code."""

    def __init__(self, words: str, exit_code: int) -> None:
        super().__init__(words)
        self.words = words
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class BodyPart:
    """A piece of what is sent.

    Attributes:
        text: it, or what stands before a file's content.
        file: a file of the job that has it, ``-`` for the program's input; or None.
        joins_lines: whether line ends of the file are left out, as ``curl --data`` does.
        is_encoded: whether it is sent as a form's value.
        separator: what stands between the part before and this one.
    """

    text: str = ""
    file: str | None = None
    joins_lines: bool = False
    is_encoded: bool = False
    separator: str = "&"


@dataclass(frozen=True, slots=True)
class WebCall:
    """What is called: an address, a method, and what is sent."""

    url: str
    method: str
    body: tuple[BodyPart, ...] = ()

    @property
    def has_no_host(self) -> bool:
        """Whether the address is one as ``https:///api/…``."""
        return not urlsplit(self.url if "://" in self.url else f"https://{self.url}").hostname


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What comes back: a status and a JSON text."""

    status: int
    body: str

    @property
    def head(self) -> str:
        """The status line and the headers, with the empty line after them."""
        return (
            f"{self.status_line}\r\n"
            f"content-type: {self.content_type}\r\n"
            f"content-length: {len(self.body.encode())}\r\n\r\n"
        )

    @property
    def status_line(self) -> str:
        """As ``HTTP/1.1 200 OK``."""
        return f"HTTP/1.1 {self.status} {self.reason}"

    @property
    def reason(self) -> str:
        """The status in a word."""
        return _REASONS.get(self.status, "Error")

    @property
    def content_type(self) -> str:
        """Of the body."""
        return "application/json;charset=utf-8"


def asks_to_continue(url: str) -> bool:
    """Return whether an address is that of the API which continues a pipeline, on whatever host.

    An address without a host counts: it is what scripts come to where ``CIRCLECI_DOMAIN`` is not set.
    """
    try:
        path = urlsplit(url if "://" in url else f"https://{url}").path
    except ValueError:
        return False
    return path.rstrip("/") == "/api/v2/pipeline/continue"


def body_of(request: Request, parts: Sequence[BodyPart]) -> bytes:
    """Return what is sent, or ask for the files that have it.

    Raises:
        Needed: something was not handed over yet.
        CallFailed: a file cannot be read.
    """
    missing: list[tuple[str, ...]] = []
    for number, part in enumerate(parts):
        if part.file == "-" and "stdin" not in request.inputs:
            missing.append(("take_stdin",))
        elif part.file not in (None, "-") and not _is_there(request, f"body.{number}"):
            missing.append(("take_file", f"body.{number}", str(part.file)))
    if missing:
        raise Needed(*dict.fromkeys(missing))
    body = ""
    for number, part in enumerate(parts):
        body += (part.separator if number else "") + _content(request, part, f"body.{number}")
    return body.encode("utf-8", "surrogateescape")


def _is_there(request: Request, name: str) -> bool:
    return name in request.inputs or f"{name}.missing" in request.inputs


def _content(request: Request, part: BodyPart, name: str) -> str:
    if part.file is None:
        return part.text
    if f"{name}.missing" in request.inputs:
        raise CallFailed(f"Failed to open {part.file}", 26)
    data = text_of(stdin_of(request, "the body") if part.file == "-" else request.inputs[name])
    if part.joins_lines:
        data = data.translate({0: None, 10: None, 13: None})
    if part.is_encoded:
        data = quote_plus(data, errors="surrogateescape")
    return part.text + data
