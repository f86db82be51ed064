"""Credentials as the docker program keeps them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from orbs.rails.credentials import find_credentials
from pipeline.errors import InvalidInput, Unavailable
from pipeline.secret import Masker

HOST = "registry.example.com"


def configured(folder: Path, **config: Any) -> dict[str, str]:
    (folder / "config.json").write_text(json.dumps(config))
    return {"DOCKER_CONFIG": str(folder), "PATH": f"{folder}:/usr/bin:/bin"}


def helper(folder: Path, name: str, script: str) -> None:
    path = folder / f"docker-credential-{name}"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def encoded(pair: str) -> str:
    return base64.b64encode(pair.encode()).decode()


def test_without_a_configuration_there_are_none(tmp_path: Path) -> None:
    assert find_credentials(HOST, {"DOCKER_CONFIG": str(tmp_path)}, masker=Masker()) is None


def test_a_stored_login_is_found_and_masked(tmp_path: Path) -> None:
    masker = Masker()
    environ = configured(tmp_path, auths={HOST: {"auth": encoded("me:hunter22:x")}})
    found = find_credentials(HOST, environ, masker=masker)
    assert found is not None
    assert found.for_engine() == {"username": "me", "password": "hunter22:x"}
    assert "hunter22" not in repr(found) + masker.mask("log: hunter22:x")


def test_the_hub_goes_by_its_old_name(tmp_path: Path) -> None:
    auths = {"https://index.docker.io/v1/": {"auth": encoded("me:hunter22")}}
    found = find_credentials("docker.io", configured(tmp_path, auths=auths), masker=Masker())
    assert found is not None
    assert found.username == "me"


def test_a_helper_is_asked_by_standard_input_and_wins_over_a_stored_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper(
        tmp_path,
        "ours",
        'read host; [ "$1" = get ] && printf \'{"Username":"%s","Secret":"from-helper"}\' "$host"',
    )
    environ = configured(
        tmp_path, credHelpers={HOST: "ours"}, auths={HOST: {"auth": encoded("me:stored22")}}
    )
    monkeypatch.setenv("PATH", environ["PATH"])
    found = find_credentials(HOST, environ, masker=Masker())
    assert found is not None
    assert found.for_engine() == {"username": HOST, "password": "from-helper"}


def test_an_identity_token_is_handed_on_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper(tmp_path, "ours", 'printf \'{"Username":"<token>","Secret":"identity"}\'')
    environ = configured(tmp_path, credsStore="ours")
    monkeypatch.setenv("PATH", environ["PATH"])
    found = find_credentials(HOST, environ, masker=Masker())
    assert found is not None
    assert found.for_engine() == {"identitytoken": "identity"}


def test_a_helper_that_knows_nothing_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper(tmp_path, "ours", 'echo "credentials not found in native keychain"; exit 1')
    environ = configured(tmp_path, credsStore="ours")
    monkeypatch.setenv("PATH", environ["PATH"])
    assert find_credentials(HOST, environ, masker=Masker()) is None


def test_a_helper_that_is_missing_or_fails_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = configured(tmp_path, credHelpers={HOST: "gone"})
    monkeypatch.setenv("PATH", environ["PATH"])
    with pytest.raises(Unavailable, match="docker-credential-gone"):
        find_credentials(HOST, environ, masker=Masker())
    helper(tmp_path, "gone", 'echo "token expired" >&2; exit 1')
    with pytest.raises(Unavailable, match="token expired"):
        find_credentials(HOST, environ, masker=Masker())


def test_a_damaged_configuration_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(InvalidInput):
        find_credentials(HOST, {"DOCKER_CONFIG": str(tmp_path)}, masker=Masker())
    environ = configured(tmp_path, auths={HOST: {"auth": "no"}})
    with pytest.raises(InvalidInput, match="damaged"):
        find_credentials(HOST, environ, masker=Masker())
