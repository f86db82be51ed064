"""The few questions that are asked of a registry itself: which digest does a name have.

Speaks the OCI distribution specification with Bearer or Basic authentication, by the standard
library: pushing and pulling is the engine's work.
"""

from __future__ import annotations

import base64
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException
from typing import TYPE_CHECKING

from orbs.rails.credentials import DOCKER_HUB, RegistryCredentials, find_credentials
from orbs.rails.engine_answers import split_reference
from orbs.rails.settings import ImageSettings
from pipeline.errors import OrbyardError

if TYPE_CHECKING:
    from pipeline.command import Run

__all__ = ["RegistryError", "find_digest", "is_plain_http", "resolve_digest", "split_host"]

_TIMEOUT_S = 15.0
_MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_LOOPBACK = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?\Z")


class RegistryError(OrbyardError):
    """A registry's answer that is not a success; ``status`` 0 where there was none."""

    exit_code = 3

    def __init__(self, message: str, *, status: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.retryable = status in (0, 429) or status >= 500


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and headers of an answer, and its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Transport = Callable[[str, str, Mapping[str, str]], Answer]
"""The seam: method, URL and headers to an answer; raises OSError where none comes."""


def split_host(repository: str) -> tuple[str, str]:
    """Return registry and path: ``ruby`` is (``docker.io``, ``library/ruby``)."""
    first, slash, rest = repository.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return first, rest
    return DOCKER_HUB, repository if slash else f"library/{repository}"


def is_plain_http(host: str, insecure: Sequence[str] = ()) -> bool:
    """Return whether a registry is spoken to without TLS: on loopback, as Docker does, or by name."""
    return host in insecure or bool(_LOOPBACK.match(host))


def resolve_digest(run: Run, name: str) -> str | None:
    """Return the digest that an image's name has in its registry; None where that is not known."""
    repository, tag = split_reference(name)
    host, _ = split_host(repository)
    insecure = run.settings.get(ImageSettings).insecure_registries
    try:
        credentials = find_credentials(host, run.environ, masker=run.console.masker)
        return find_digest(repository, tag or "latest", credentials, insecure=insecure)
    except OrbyardError:
        return None  # The engine's own pull will say why, if it comes to one.


def find_digest(
    repository: str,
    reference: str,
    credentials: RegistryCredentials | None,
    *,
    insecure: Sequence[str] = (),
    transport: Transport | None = None,
) -> str | None:
    """Return the digest of a tag, or None where the registry has no such image.

    Raises:
        RegistryError: it does not answer, or does not let us look.
    """
    send = transport or _send
    host, path = split_host(repository)
    scheme = "http" if is_plain_http(host, insecure) else "https"
    server = "registry-1.docker.io" if host == DOCKER_HUB else host
    url = f"{scheme}://{server}/v2/{path}/manifests/{urllib.parse.quote(reference, safe=':')}"
    headers = {"Accept": _MANIFESTS}
    answer = _ask(send, "HEAD", url, headers)
    if answer.status == 401:
        allowed = _authorization(send, answer.headers.get("www-authenticate", ""), credentials)
        if allowed:
            answer = _ask(send, "HEAD", url, {**headers, "Authorization": allowed})
    if answer.status == 404:
        return None
    if answer.status != 200:
        raise RegistryError(
            f"the registry {host} answered {answer.status} when asked for {path}:{reference}",
            status=answer.status,
        )
    return answer.headers.get("docker-content-digest")


def _authorization(
    send: Transport, challenge: str, credentials: RegistryCredentials | None
) -> str | None:
    """Answer a challenge (distribution specification, "Token Authentication")."""
    kind, _, rest = challenge.partition(" ")
    basic = _basic(credentials)
    if kind.lower() == "basic":
        return basic
    fields = dict(_CHALLENGE.findall(rest))
    realm = fields.pop("realm", "")
    if kind.lower() != "bearer" or not realm.startswith(("https://", "http://")):
        return None
    query = urllib.parse.urlencode(fields)
    answer = _ask(send, "GET", f"{realm}?{query}", {"Authorization": basic} if basic else {})
    if answer.status != 200:
        raise RegistryError(
            f"the registry's token service answered {answer.status}", status=answer.status
        )
    try:
        told = json.loads(answer.body)
    except ValueError:
        return None
    token = told.get("token") or told.get("access_token")
    return f"Bearer {token}" if token else None


def _basic(credentials: RegistryCredentials | None) -> str | None:
    if credentials is None or not credentials.username:
        return None
    pair = f"{credentials.username}:{credentials.secret.reveal()}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _ask(send: Transport, method: str, url: str, headers: Mapping[str, str]) -> Answer:
    try:
        return send(method, url, headers)
    except (OSError, HTTPException) as error:
        host = urllib.parse.urlsplit(url).netloc
        raise RegistryError(f"the registry {host} does not answer: {error}") from error


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follow no redirect: our credentials are for this host alone."""


def _send(method: str, url: str, headers: Mapping[str, str]) -> Answer:
    handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
    if is_plain_http(urllib.parse.urlsplit(url).netloc):
        handlers.append(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, method=method, headers=dict(headers))  # noqa: S310  # http(s), see above
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=_TIMEOUT_S) as reply:
            return Answer(reply.status, _lower(reply.headers), reply.read(1 << 20))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, _lower(error.headers), b"")


def _lower(headers: Message) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
