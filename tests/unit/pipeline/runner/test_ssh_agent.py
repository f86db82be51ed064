"""A job's ssh keys: which it sees, and what it may do with them."""

from __future__ import annotations

import hashlib
import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.errors import InvalidInput
from pipeline.runner.ssh_agent import SshKeys
from pipeline.runner.ssh_wire import (
    FAILURE,
    AgentKey,
    identities_answer,
    plain_fingerprint,
    receive,
    send,
)

ONE, TWO = AgentKey(b"public one", b"me@laptop"), AgentKey(b"public two", b"deploy")


def word(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


@contextmanager
def caller_agent(path: Path) -> Iterator[str]:
    """An agent that signs with two keys, and would remove them if it were asked to."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(os.fspath(path))
    server.listen()

    def converse(link: socket.socket) -> None:
        with link:
            while (message := receive(link)) is not None:
                if message[0] == 11:
                    send(link, identities_answer([ONE, TWO]))
                elif message[0] == 13:
                    send(link, b"\x0e" + word(b"signed"))
                else:
                    send(link, b"\x06")

    def serve() -> None:
        while True:
            try:
                link, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=converse, args=(link,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield os.fspath(path)
    server.shutdown(socket.SHUT_RDWR)
    server.close()


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[SshKeys]:
    deep = tmp_path / ("deep" * 20)
    deep.mkdir()
    with caller_agent(tmp_path / "caller") as agent:
        found = SshKeys(deep / "agent", agent)
        found.open()
        yield found
        found.close()


def ask(keys: SshKeys, message: bytes) -> bytes:
    folder = os.open(keys.path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(10)
        link.connect(f"/proc/self/fd/{folder}/agent")
        send(link, message)
        answer = receive(link)
    os.close(folder)
    assert answer is not None
    return answer


def sha256(key: AgentKey) -> str:
    return next(text for text in key.fingerprints if text.startswith("SHA256:"))


def md5(key: AgentKey) -> str:
    digits = hashlib.md5(key.blob).hexdigest()
    return ":".join(digits[i : i + 2] for i in range(0, 32, 2))


def test_without_a_step_the_job_sees_no_key(keys: SshKeys) -> None:
    assert ask(keys, b"\x0b") == identities_answer([])
    assert ask(keys, b"\x0d" + word(ONE.blob) + word(b"data")) == FAILURE


@pytest.mark.parametrize("fingerprint", [sha256(TWO), md5(TWO), f"MD5:{md5(TWO).upper()}"])
def test_the_key_that_is_named_signs_and_no_other_does(keys: SshKeys, fingerprint: str) -> None:
    assert keys.allow([fingerprint]) == [f"{sha256(TWO)} deploy"]
    assert ask(keys, b"\x0b") == identities_answer([TWO])
    assert ask(keys, b"\x0d" + word(TWO.blob) + word(b"data")) == b"\x0e" + word(b"signed")
    assert ask(keys, b"\x0d" + word(ONE.blob) + word(b"data")) == FAILURE


@pytest.mark.parametrize("message", [b"\x13", b"\x12" + word(TWO.blob), b"\x16", b"\x11x"])
def test_nothing_but_lists_and_signatures_reaches_the_agent(keys: SshKeys, message: bytes) -> None:
    keys.allow([])
    assert ask(keys, message) == FAILURE


def test_without_fingerprints_all_keys_are_added(keys: SshKeys) -> None:
    assert len(keys.allow([])) == 2
    assert ask(keys, b"\x0b") == identities_answer([ONE, TWO])


def test_a_fingerprint_that_no_key_has_is_named(keys: SshKeys) -> None:
    with pytest.raises(InvalidInput, match="SHA256:nobody") as error:
        keys.allow(["SHA256:nobody"])
    assert "ci.ssh_keys" in (error.value.hint or "")


@pytest.mark.parametrize("message", [b"\x0d", b"\x0d\xff\xff\xff\xff"])
def test_a_message_that_is_none_is_refused(keys: SshKeys, message: bytes) -> None:
    keys.allow([])
    assert ask(keys, message) == FAILURE


def test_fingerprints_are_read_as_they_may_be_written() -> None:
    assert plain_fingerprint(" SHA256:abc= ") == "SHA256:abc"
    assert plain_fingerprint("MD5:AA:bb") == plain_fingerprint("aa:BB") == "aa:bb"
