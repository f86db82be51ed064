"""Credential plugins, run for real."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from orbs.kubernetes.credentials import CredentialReader
from pipeline.errors import InvalidInput, Location, Unavailable
from pipeline.process import run_process
from pipeline.secret import Masker

PLUGIN = """\
import json, os, sys
told = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
server = told["spec"].get("cluster", {}).get("server", "none")
print(json.dumps({"apiVersion": told["apiVersion"], "kind": "ExecCredential", "status": {
    "token": f"{sys.argv[1]}-{os.environ['EXTRA']}-{server}",
    "expirationTimestamp": "2030-01-01T00:00:00Z"}}))
"""


def reader(folder: Path, plugin: dict[str, Any], masker: Masker | None = None) -> CredentialReader:
    return CredentialReader(
        {"exec": {"apiVersion": "client.authentication.k8s.io/v1", **plugin}},
        "ann",
        folder,
        Location("config.enc", 9),
        {"PATH": "/usr/bin:/bin"},
        masker,
        run_process,
        {"server": "https://lab", "certificate-authority-data": "Q0E="},
    )


def script(folder: Path, text: str) -> dict[str, Any]:
    (folder / "plugin.py").write_text(text)
    return {"command": sys.executable, "args": [str(folder / "plugin.py"), "arg"]}


def test_a_plugin_gets_arguments_variables_and_the_cluster_and_its_token_is_masked(
    tmp_path: Path,
) -> None:
    masker = Masker()
    plugin = script(tmp_path, PLUGIN) | {
        "env": [{"name": "EXTRA", "value": "extra"}],
        "provideClusterInfo": True,
    }
    found = reader(tmp_path, plugin, masker).read()
    assert found.token is not None
    assert found.token.reveal() == "arg-extra-https://lab"
    assert found.expires_at == 1893456000
    assert masker.mask("arg-extra-https://lab") == "****"


def test_a_plugin_may_stand_beside_the_kubeconfig(tmp_path: Path) -> None:
    answer = json.dumps({"status": {"clientCertificateData": "CERT", "clientKeyData": "KEY"}})
    path = tmp_path / "login"
    path.write_text(f"#!/bin/sh\necho '{answer}'\n")
    path.chmod(0o755)
    found = reader(tmp_path, {"command": "./login"}).read()
    assert found.certificate_pem == "CERT"
    assert found.key_pem is not None
    assert found.key_pem.reveal() == "KEY"


def test_a_plugin_that_fails_says_why(tmp_path: Path) -> None:
    plugin = script(tmp_path, "import sys\nsys.exit('session expired')\n")
    with pytest.raises(Unavailable) as caught:
        reader(tmp_path, plugin).read()
    assert "'ann' failed with exit code 1" in caught.value.message
    assert caught.value.details == ("session expired",)


def test_a_plugin_that_is_not_there_gives_its_own_advice(tmp_path: Path) -> None:
    plugin = {"command": "orbyard-no-such-plugin", "installHint": "brew install it"}
    with pytest.raises(Unavailable) as caught:
        reader(tmp_path, plugin).read()
    assert caught.value.hint == "brew install it"


@pytest.mark.parametrize("answer", ["not json", "[]", "{}", '{"status": null}'])
def test_an_answer_that_is_no_credential_is_told_without_it(tmp_path: Path, answer: str) -> None:
    with pytest.raises(Unavailable, match="ExecCredential") as caught:
        reader(tmp_path, script(tmp_path, f"print({answer!r})")).read()
    assert "not json" not in str(caught.value)


def test_a_plugin_that_wants_a_terminal_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="terminal"):
        reader(tmp_path, {"command": "x", "interactiveMode": "Always"}).read()
