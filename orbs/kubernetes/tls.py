"""TLS towards the API server, with keys that never touch the disk.

``ssl`` and urllib3 take a client's private key only as a path. The key of a decrypted kubeconfig must
not become a file, so the path names memory: an anonymous file on Linux, a pipe elsewhere.
"""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from orbs.kubernetes.client_source import ClientSource, Credentials
from pipeline.errors import InvalidInput

__all__ = ["memory_path", "pipe_path", "tls_context"]


def tls_context(source: ClientSource, credentials: Credentials) -> ssl.SSLContext:
    """Return the TLS settings for a server, with the client's certificate where it has one.

    Raises:
        InvalidInput: the authority's or the client's certificate, or the key, is none.
    """
    try:
        context = ssl.create_default_context(cadata=source.ca_pem or None)
    except ssl.SSLError as error:
        raise InvalidInput(
            f"{source.origin}: the certificate-authority of context {source.context!r} "
            f"is not a PEM certificate ({error.reason or 'unreadable'})"
        ) from None
    # Python 3.13 began to ask more of a certificate than Go does; clusters' own authorities often
    # lack the key identifiers.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not source.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if credentials.certificate_pem and credentials.key_pem:
        try:
            _load_client(context, credentials.certificate_pem, credentials.key_pem.reveal())
        except ssl.SSLError as error:
            raise InvalidInput(
                f"{source.origin}: the client certificate or key of user {source.user!r} "
                f"cannot be used ({error.reason or 'not PEM'})"
            ) from None
    return context


def _load_client(context: ssl.SSLContext, certificate_pem: str, key_pem: str) -> None:
    with ExitStack() as stack:
        path = memory_path if hasattr(os, "memfd_create") else pipe_path
        certificate = stack.enter_context(path(certificate_pem.encode()))
        key = stack.enter_context(path(key_pem.encode()))
        # Without a password OpenSSL would ask the terminal for that of an encrypted key.
        context.load_cert_chain(certificate, key, password=lambda: "")


@contextmanager
def memory_path(data: bytes) -> Iterator[str]:
    """Give ``data`` a path that names memory (Linux); it is gone when the block is left."""
    number = os.memfd_create("orbyard", os.MFD_CLOEXEC)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(number, view) :]
        yield f"/proc/self/fd/{number}"
    finally:
        os.close(number)


@contextmanager
def pipe_path(data: bytes) -> Iterator[str]:
    """Give ``data`` a path that can be read once, from the beginning (any Unix)."""
    reader, writer = os.pipe()

    def feed() -> None:
        try:
            with os.fdopen(writer, "wb") as pipe:
                pipe.write(data)
        except BrokenPipeError:
            pass  # The reader had enough.

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    try:
        yield f"/dev/fd/{reader}"
    finally:
        os.close(reader)
        feeder.join()
