"""Gets orbs from CircleCI, and only when it is asked to: over its GraphQL API, or from an orb's URL.

The token, if there is one, goes to the host of the API and nowhere else; redirects of the API are not
followed, those of URL orbs only to https.
"""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, Any
from urllib.parse import urlsplit

from pipeline.config.orb_references import OrbReference
from pipeline.errors import InvalidInput, Unavailable, excerpt
from pipeline.retry import Backoff, Clock, retrying
from pipeline.secret import Secret

__all__ = ["DEFAULT_HOST", "TOKEN_VARIABLES", "FetchedOrb", "OrbApi", "fetch_orb"]

DEFAULT_HOST = "https://circleci.com"

TOKEN_VARIABLES = ("CIRCLECI_CLI_TOKEN", "CIRCLE_TOKEN")
"""Environment variables that may hold a personal API token; the first that is set is taken."""

_QUERY = """query($orbVersionRef: String!) {
  orbVersion(orbVersionRef: $orbVersionRef) { version source orb { name } }
}"""
_LARGEST_ORB = 20_000_000
"""Bytes; published orbs have up to some hundred thousand."""
_TIMEOUT_S = 30.0
"""Seconds without an answer, and so without a byte of one."""
_LONGEST_S = 120.0
"""Seconds for one answer altogether."""
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class FetchedOrb:
    """An orb's text, and its exact version ("" for a URL)."""

    text: str
    version: str


@dataclass(frozen=True, slots=True)
class OrbApi:
    """Where orbs are asked for.

    Attributes:
        host: the address of CircleCI, or of one's own CircleCI server, with its scheme.
        token: a personal API token; private orbs need one.
        backoff: how often a failed request is repeated.
        clock: the time to wait by.
    """

    host: str = DEFAULT_HOST
    token: Secret | None = None
    backoff: Backoff = field(default_factory=Backoff)
    clock: Clock = field(default_factory=Clock)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], host: str = "") -> OrbApi:
        """Return it by ``CIRCLECI_CLI_HOST`` and :data:`TOKEN_VARIABLES`; ``host`` goes before.

        Raises:
            InvalidInput: the token cannot be one.
        """
        token = next((environ[name] for name in TOKEN_VARIABLES if environ.get(name)), "").strip()
        if not (token.isascii() and token.isprintable()):
            raise InvalidInput(f"{' or '.join(TOKEN_VARIABLES)} holds what no token can hold")
        chosen = host or environ.get("CIRCLECI_CLI_HOST") or DEFAULT_HOST
        return cls(chosen.rstrip("/"), Secret(token) if token else None)


def fetch_orb(reference: OrbReference, api: OrbApi | None = None) -> FetchedOrb:
    """Return an orb from the network.

    Raises:
        InvalidInput: there is no such orb or version, or the address is not one that is asked.
        Unavailable: it could not be had: no connection, not allowed, an answer that makes no sense.
    """
    api = api or OrbApi()
    if reference.is_url:
        text = retrying(lambda: _get(reference.name), backoff=api.backoff, clock=api.clock)
        return FetchedOrb(text, "")
    return retrying(lambda: _ask(reference, api), backoff=api.backoff, clock=api.clock)


class _Retryable(Unavailable):
    retryable = True


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to https, and from loopback to loopback; none at all unless ``allowed``."""

    def __init__(self, allowed: bool) -> None:
        self._allowed = allowed

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Any,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Return the next request; raises Unavailable."""
        if not self._allowed:
            fp.close()
            raise Unavailable(
                f"{_shown(req.full_url)} answered with a redirect to {_shown(newurl)}",
                hint="give the address of CircleCI itself by --host or CIRCLECI_CLI_HOST",
            )
        if not _is_safe(newurl) or (_is_loopback(newurl) and not _is_loopback(req.full_url)):
            fp.close()
            raise Unavailable(
                f"{_shown(req.full_url)} redirects to {_shown(newurl)}, which is not https"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname)
    except ValueError:
        return False
    return named and (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(url)))


def _is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in _LOOPBACK


def _shown(url: str) -> str:
    """Return a URL without what could be a password in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _get(url: str) -> str:
    _check_address(url)
    request = urllib.request.Request(url, headers={"User-Agent": "orbyard"})  # noqa: S310  # checked above
    return _send(request, redirects=True)


def _ask(reference: OrbReference, api: OrbApi) -> FetchedOrb:
    _check_address(api.host)
    body = {"query": _QUERY, "variables": {"orbVersionRef": str(reference)}}
    request = urllib.request.Request(  # noqa: S310  # checked above
        f"{api.host}/graphql-unstable",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "User-Agent": "orbyard"},
    )
    if api.token is not None:
        request.add_unredirected_header("Authorization", api.token.reveal())
    answer = _send(request, redirects=False)
    try:
        content = json.loads(answer)
        found, errors = (content.get("data") or {}).get("orbVersion"), content.get("errors")
    except (ValueError, AttributeError):
        raise Unavailable(
            f"{_shown(api.host)} did not answer with JSON, but: {excerpt(answer)}",
            hint="is it the address of CircleCI?",
        ) from None
    if found is None:
        raise _refusal(reference, api, errors)
    if not isinstance(found, dict) or not isinstance(found.get("source"), str):
        raise Unavailable(f"{_shown(api.host)} gave no source for the orb {reference}")
    return FetchedOrb(found["source"], str(found.get("version") or reference.version))


def _refusal(reference: OrbReference, api: OrbApi, errors: Any) -> InvalidInput | Unavailable:
    said = [str(e.get("message")) for e in errors or () if isinstance(e, dict) and e.get("message")]
    if said:
        return Unavailable(
            f"{_shown(api.host)} refused to give the orb {reference}: {excerpt('; '.join(said))}"
        )
    hint = "look at its name and version in the orb registry"
    if api.token is None:
        hint += "; a private orb needs a token in CIRCLECI_CLI_TOKEN"
    return InvalidInput(f"there is no orb {reference} at {_shown(api.host)}", hint=hint)


def _check_address(url: str) -> None:
    if not _is_safe(url) or not url.isprintable() or " " in url:
        raise InvalidInput(
            f"{url!r} is not an address that is asked for orbs: only https is",
            hint="write it as https://host/path",
        )


def _send(request: urllib.request.Request, *, redirects: bool) -> str:
    url = request.full_url
    handlers: list[urllib.request.BaseHandler] = [_Redirects(redirects)]
    if _is_loopback(url):
        handlers.append(urllib.request.ProxyHandler({}))
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=_TIMEOUT_S) as response:
            raw = _read(response, url)
    except urllib.error.HTTPError as error:
        with error:
            raise _http_error(error, url) from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise _Retryable(
            f"{_shown(url)} cannot be reached: {excerpt(str(reason))}",
            hint="without a network, `orbyard orb.vendor` takes an orb from a file",
        ) from error
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Unavailable(f"{_shown(url)} did not answer with a text in UTF-8") from None


def _read(response: Any, url: str) -> bytes:
    clock = Clock()
    deadline = clock.now_s() + _LONGEST_S
    raw = bytearray()
    while chunk := response.read(65536):
        raw += chunk
        if len(raw) > _LARGEST_ORB:
            raise Unavailable(f"{_shown(url)} answers with more than {_LARGEST_ORB:,} bytes")
        if clock.now_s() > deadline:
            raise _Retryable(f"{_shown(url)} took more than {_LONGEST_S:.0f} seconds to answer")
    if (
        response.length
    ):  # what http.client still waits for: it says nothing of an answer that is cut off
        raise _Retryable(f"the answer of {_shown(url)} broke off after {len(raw):,} bytes")
    return bytes(raw)


def _http_error(error: urllib.error.HTTPError, url: str) -> Unavailable | InvalidInput:
    said = f"{_shown(url)} answered with status {error.code}"
    if error.code in (401, 403):
        return Unavailable(
            f"{said}: this may not be read",
            hint="set CIRCLECI_CLI_TOKEN to a token of someone who may read it",
        )
    if error.code in (404, 410):
        return InvalidInput(f"{said}: there is nothing", hint="look at the address")
    if error.code in (408, 425, 429) or error.code >= 500:
        return _Retryable(said, hint="try again later")
    return Unavailable(f"{said}: {excerpt(error.read(2000).decode('utf-8', 'replace'))}")
