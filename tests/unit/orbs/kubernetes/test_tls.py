"""Keys that never become files."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from orbs.kubernetes.client_source import ClientSource, Credentials
from orbs.kubernetes.tls import memory_path, pipe_path, tls_context
from pipeline.errors import InvalidInput
from pipeline.secret import Secret

WAYS = [pipe_path, *([memory_path] if hasattr(os, "memfd_create") else [])]
SOURCE = ClientSource(server="https://x", context="lab", user="ann", origin="config.enc")


@pytest.mark.parametrize("way", WAYS)
def test_data_is_read_whole_by_a_path_and_gone_afterwards(
    way: Callable[[bytes], AbstractContextManager[str]],
) -> None:
    data = os.urandom(300_000)  # More than a pipe holds.
    with way(data) as path:
        assert Path(path).read_bytes() == data
    assert not Path(path).exists()


@pytest.mark.parametrize("way", WAYS)
def test_a_reader_that_goes_away_early_does_no_harm(
    way: Callable[[bytes], AbstractContextManager[str]],
) -> None:
    with way(bytes(300_000)) as path:
        assert path


def test_an_authority_that_is_no_certificate_is_told() -> None:
    source = ClientSource(server="https://x", context="lab", origin="config.enc", ca_pem="nonsense")
    with pytest.raises(InvalidInput, match="certificate-authority of context 'lab'"):
        tls_context(source, Credentials())


def test_a_client_key_that_is_none_is_told_without_it() -> None:
    wrong = Credentials(certificate_pem="nonsense", key_pem=Secret("sekrit-nonsense"))
    with pytest.raises(InvalidInput, match="client certificate or key of user 'ann'") as caught:
        tls_context(SOURCE, wrong)
    assert "sekrit" not in str(caught.value)
