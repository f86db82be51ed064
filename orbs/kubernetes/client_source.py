"""Where a cluster is, and who asks: what a kubeconfig says, once it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.secret import Secret

__all__ = ["ClientSource", "Credentials"]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What proves who asks; the parts that aren't used are None or "".

    Attributes:
        token: a bearer token.
        username: for basic authentication, with ``password``.
        certificate_pem: a client certificate chain; ``key_pem`` is its private key.
        expires_at: seconds since 1970 when the token has to be asked for again, or None.
    """

    token: Secret | None = None
    username: str = ""
    password: Secret | None = None
    certificate_pem: str = ""
    key_pem: Secret | None = None
    expires_at: float | None = None


def _anonymous() -> Credentials:
    return Credentials()


@dataclass(frozen=True, slots=True)
class ClientSource:
    """One context of a kubeconfig, or a Pod's own account.

    Attributes:
        server: the API server's URL.
        context: the context's name; ``in-cluster`` for a Pod's own account.
        user: the user's name in the kubeconfig, for messages.
        namespace: the context's namespace, or "".
        origin: where this comes from, as messages say it: ``KUBECONFIG (/home/me/.kube/config)``.
        ca_pem: certificates that the server's must be signed by; "" trusts the system's.
        verify: whether the server's certificate is checked at all.
        tls_server_name: the name its certificate must have, where that isn't the URL's.
        proxy_url: an HTTP or SOCKS proxy on the way to the server, or "".
        impersonate: the user to act as, or "".
        credentials: gets the credentials; called again when they run out or are refused.
    """

    server: str
    context: str
    user: str = ""
    namespace: str = ""
    origin: str = ""
    ca_pem: str = ""
    verify: bool = True
    tls_server_name: str = ""
    proxy_url: str = ""
    impersonate: str = ""
    credentials: Callable[[], Credentials] = _anonymous
