"""Requests to the API server: time limits, credentials, retries, and errors in our words."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from orbs.kubernetes.api_error import ApiError, error_of_status
from orbs.kubernetes.client_source import ClientSource
from orbs.kubernetes.tls import tls_context
from pipeline.retry import Backoff, Clock, retrying

if TYPE_CHECKING:
    import urllib3

__all__ = ["CONNECT_TIMEOUT_S", "READ_TIMEOUT_S", "Connection", "OnOpen", "PoolMaker"]

CONNECT_TIMEOUT_S = 5.0
"""Seconds to reach the server: it answers in milliseconds, or something stands in between."""
READ_TIMEOUT_S = 60.0
"""Seconds of silence in an answer: as long as an API server takes a request (its own default)."""

_REFRESH_PAUSE_S = 60.0
_FIRST_CONTACT = Backoff(attempts=2)
"""A server that has never answered is more likely to be the wrong one than to be starting."""
_LATER = Backoff(attempts=7, first_s=0.5, longest_s=8.0)
"""Some 25 s in all, which a restart of the API server takes."""
_CHUNK_BYTES = 65536

OnOpen = Callable[[Callable[[], None]], None]
"""Takes a function that ends a stream which another thread is reading."""
PoolMaker = Callable[[ClientSource, ssl.SSLContext | None], "urllib3.PoolManager"]


class Connection:
    """An open way to one API server; thread-safe.

    Args:
        source: where it is and who asks.
        make_pool: makes the pool of HTTP connections.
        user_agent: how requests name the program.
        clock: the time that retries wait by.
    """

    def __init__(
        self,
        source: ClientSource,
        make_pool: PoolMaker,
        *,
        user_agent: str,
        clock: Clock | None = None,
    ) -> None:
        self.source = source
        self._make_pool = make_pool
        self._user_agent = user_agent
        self._clock = clock or Clock()
        self._lock = threading.Lock()
        self._streams: set[urllib3.BaseHTTPResponse] = set()
        self._reached = self._closed = False
        self._refreshed_at = self._clock.now_s()
        self._login()

    def close(self) -> None:
        """Close every connection; streams that are being read end."""
        with self._lock:
            self._closed = True
            streams, self._streams = self._streams, set()
        for response in streams:
            _hang_up(response)
        self._pool.clear()

    def call(
        self,
        method: str,
        path: str,
        *,
        tried: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        repeat: bool = True,
    ) -> bytes:
        """Return the body of a successful answer.

        Args:
            method: the HTTP method.
            path: below the server's URL, already quoted.
            tried: what is asked, for messages.
            query: parameters; empty values are left out.
            body: sent as JSON.
            content_type: of ``body``.
            repeat: whether the request may be sent again when it fails for a passing reason: for
                reads, and for writes that say the same thing twice.

        Raises:
            ApiError: any other answer, or none in time.
        """

        def once() -> bytes:
            response = self._send(method, path, tried, query, body, content_type)
            try:
                return bytes(response.read())
            except _foreign_errors() as error:
                raise self._no_answer(tried, error) from error
            finally:
                response.release_conn()

        if not repeat:
            return once()
        return retrying(
            once, backoff=_LATER if self._reached else _FIRST_CONTACT, clock=self._clock
        )

    def lines(
        self,
        path: str,
        *,
        tried: str,
        query: Mapping[str, str] | None = None,
        idle_timeout_s: float = READ_TIMEOUT_S,
        on_open: OnOpen | None = None,
    ) -> Iterator[bytes]:
        """Yield the lines of an answer that goes on, as they come, without their ends.

        Args:
            path: below the server's URL, already quoted.
            tried: what is asked, for messages.
            query: parameters; empty values are left out.
            idle_timeout_s: seconds of silence that are taken for a dead connection.
            on_open: is given a function with which another thread can end the answer.

        Raises:
            ApiError: the request was refused, the connection broke, or nothing came for
                ``idle_timeout_s`` seconds (status 0).
        """
        response = self._send("GET", path, tried, query, None, "", idle_timeout_s)
        with self._lock:
            self._streams.add(response)
            if self._closed:
                _hang_up(response)
        if on_open:
            on_open(lambda: _hang_up(response))
        rest = b""
        try:
            for chunk in response.stream(_CHUNK_BYTES, decode_content=True):
                *whole, rest = (rest + chunk).split(b"\n")
                yield from whole
            if rest:
                yield rest
        except _foreign_errors() as error:
            raise self._no_answer(tried, error) from error
        finally:
            with self._lock:
                self._streams.discard(response)
            response.close()

    def _send(
        self,
        method: str,
        path: str,
        tried: str,
        query: Mapping[str, str] | None,
        body: Any,
        content_type: str,
        read_timeout_s: float = READ_TIMEOUT_S,
    ) -> urllib3.BaseHTTPResponse:
        words = {name: value for name, value in (query or {}).items() if value}
        url = self.source.server.rstrip("/") + path + (f"?{urlencode(words)}" if words else "")
        data = None if body is None else json.dumps(body).encode()
        for refresh in (True, False):
            response = self._once(method, url, tried, data, content_type, read_timeout_s)
            if response.status == 401 and refresh and self._login_again():
                response.drain_conn()
                continue
            break
        if 200 <= response.status < 300:
            return response
        try:
            told = response.read()
        except _foreign_errors() as error:
            raise self._no_answer(tried, error) from error
        finally:
            response.release_conn()
        raise self._refused(tried, response, told)

    def _once(
        self,
        method: str,
        url: str,
        tried: str,
        data: bytes | None,
        content_type: str,
        read_timeout_s: float,
    ) -> urllib3.BaseHTTPResponse:
        import urllib3

        headers = {"User-Agent": self._user_agent, "Accept": "application/json, */*"}
        headers |= self._authorization()
        if data is not None:
            headers["Content-Type"] = content_type
        try:
            response = self._pool.request(
                method,
                url,
                body=data,
                headers=headers,
                timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=read_timeout_s),
                retries=False,
                preload_content=False,
            )
        except _foreign_errors() as error:
            raise self._no_answer(tried, error) from error
        self._reached = True
        return response

    def _login(self) -> None:
        self._credentials = self.source.credentials()
        secure = self.source.server.startswith("https:")
        context = tls_context(self.source, self._credentials) if secure else None
        self._pool = self._make_pool(self.source, context)

    def _login_again(self) -> bool:
        """Ask for credentials anew, at most once a minute; whether they differ."""
        with self._lock:
            if self._clock.now_s() - self._refreshed_at < _REFRESH_PAUSE_S:
                return False
            before = self._credentials
            self._refreshed_at = self._clock.now_s()
            self._login()
            return self._credentials != before

    def _authorization(self) -> dict[str, str]:
        expires_at = self._credentials.expires_at
        if expires_at is not None and time.time() > expires_at - 10:
            self._login_again()
        found, headers = self._credentials, {}
        if found.token is not None:
            headers["Authorization"] = f"Bearer {found.token.reveal()}"
        elif found.password is not None:
            pair = f"{found.username}:{found.password.reveal()}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        if self.source.impersonate:
            headers["Impersonate-User"] = self.source.impersonate
        return headers

    def _refused(self, tried: str, response: urllib3.BaseHTTPResponse, told: bytes) -> ApiError:
        error = error_of_status(
            tried, response.status, told, retry_after=response.headers.get("Retry-After")
        )
        if response.status == 401 or (
            response.status == 403 and "system:anonymous" in error.server_message
        ):
            error.hint = (
                f"the server does not know the user {self.source.user!r} of context "
                f"{self.source.context!r} ({self.source.origin}); have the credentials run out?"
            )
        elif response.status == 403:
            error.hint = (
                f"the user {self.source.user!r} of context {self.source.context!r} may not do this"
            )
        return error

    def _no_answer(self, tried: str, error: Exception) -> ApiError:
        why, origin = _why(error), self.source.origin or "the kubeconfig"
        hint = f"the cluster comes from {origin}; "
        if isinstance(_root(error), ssl.SSLError):
            hint += "are its certificate-authority and server those of one cluster?"
        else:
            hint += "is it up, and can this machine reach it?"
        return ApiError(
            f"{tried}: the API server {self.source.server} (context {self.source.context!r}) {why}",
            reason=type(error).__name__,
            hint=hint,
        )


def _foreign_errors() -> tuple[type[Exception], ...]:
    import urllib3

    return (urllib3.exceptions.HTTPError, ssl.SSLError, OSError)


def _cause(error: Exception) -> BaseException:
    cause = getattr(error, "reason", None)
    return cause if isinstance(cause, BaseException) else error


def _root(error: Exception) -> BaseException:
    cause = _cause(error)
    inner = next((each for each in cause.args if isinstance(each, OSError)), None)
    return inner or cause.__cause__ or cause


def _why(error: Exception) -> str:
    """Say in a few words why there was no answer; urllib3 nests the cause."""
    import urllib3.exceptions as kinds

    cause, root = _cause(error), _root(error)
    if isinstance(cause, kinds.ConnectTimeoutError) and not isinstance(
        cause, kinds.NewConnectionError
    ):
        return f"did not answer within {CONNECT_TIMEOUT_S:g} s"
    if isinstance(cause, kinds.ReadTimeoutError):
        return "took the request, and then fell silent"
    if isinstance(cause, kinds.NameResolutionError):
        return "has a name that is not known here (DNS)"
    if isinstance(root, ssl.SSLCertVerificationError):
        return f"showed a certificate that cannot be trusted: {root.verify_message}"
    if isinstance(root, ssl.SSLError):
        return f"does not speak TLS with us: {root.reason or root}"
    if isinstance(root, ConnectionRefusedError):
        return "refused the connection"
    if isinstance(root, OSError) and root.strerror:
        return f"cannot be reached: {root.strerror}"
    return f"broke the connection ({type(root).__name__})"


def _hang_up(response: urllib3.BaseHTTPResponse) -> None:
    """End a response that another thread is reading: closing alone would leave it waiting."""
    held = getattr(getattr(response, "connection", None), "sock", None)
    with contextlib.suppress(OSError, ValueError):
        if hasattr(response, "shutdown"):  # urllib3 2.3 and later
            response.shutdown()
        elif held is not None:
            held.shutdown(socket.SHUT_RDWR)
