"""The protocol of ssh agents, as far as signing with keys goes (IETF draft-miller-ssh-agent)."""

from __future__ import annotations

import base64
import hashlib
import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

__all__ = [
    "FAILURE",
    "AgentKey",
    "ask_for_keys",
    "identities_answer",
    "plain_fingerprint",
    "receive",
    "requested_blob",
    "send",
]

REQUEST_IDENTITIES, IDENTITIES_ANSWER, SIGN_REQUEST = 11, 12, 13
FAILURE = b"\x05"
_LIMIT = 256 * 1024


@dataclass(frozen=True, slots=True)
class AgentKey:
    """A public key, and what its owner calls it."""

    blob: bytes
    comment: bytes

    @property
    def fingerprints(self) -> frozenset[str]:
        """Both forms in which CircleCI writes a fingerprint."""
        digest = base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")
        md5 = hashlib.md5(self.blob, usedforsecurity=False).hexdigest()
        pairs = ":".join(md5[i : i + 2] for i in range(0, 32, 2))
        return frozenset({f"SHA256:{digest}", pairs})


def plain_fingerprint(text: str) -> str:
    """Return a written fingerprint in the form of :attr:`AgentKey.fingerprints`."""
    text = text.strip()
    if text.startswith("SHA256:"):
        return text.rstrip("=")
    return text.removeprefix("MD5:").lower()


def receive(link: socket.socket) -> bytes | None:
    """Return the next message, or None at the end, or for what is none."""
    head = _exactly(link, 4)
    if head is None:
        return None
    (size,) = struct.unpack(">I", head)
    return _exactly(link, size) if 0 < size <= _LIMIT else None


def _exactly(link: socket.socket, size: int) -> bytes | None:
    data = b""
    while len(data) < size:
        piece = link.recv(size - len(data))
        if not piece:
            return None
        data += piece
    return data


def send(link: socket.socket, message: bytes) -> None:
    """Send a message."""
    link.sendall(struct.pack(">I", len(message)) + message)


def _strings(data: bytes) -> Iterator[bytes]:
    while len(data) >= 4:
        (size,) = struct.unpack(">I", data[:4])
        yield data[4 : 4 + size]
        data = data[4 + size :]


def ask_for_keys(path: str, connect: Callable[[str], socket.socket]) -> list[AgentKey]:
    """Return the keys that an agent has.

    Raises:
        OSError: it does not answer.
    """
    with connect(path) as link:
        send(link, bytes([REQUEST_IDENTITIES]))
        answer = receive(link)
    if not answer or answer[0] != IDENTITIES_ANSWER:
        return []
    words = list(_strings(answer[5:]))
    return [AgentKey(blob, comment) for blob, comment in zip(words[::2], words[1::2], strict=False)]


def identities_answer(keys: Sequence[AgentKey]) -> bytes:
    """Return the message that lists keys."""
    message = bytes([IDENTITIES_ANSWER]) + struct.pack(">I", len(keys))
    for key in keys:
        for word in (key.blob, key.comment):
            message += struct.pack(">I", len(word)) + word
    return message


def requested_blob(message: bytes) -> bytes | None:
    """Return the key that a message wants a signature of, or None for other messages."""
    return next(_strings(message[1:]), b"") if message[0] == SIGN_REQUEST else None
