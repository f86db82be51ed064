"""Projects for the tests with the real sops program."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import KmsStandIn
from tests.integration.sops.support import (
    EXAMPLE_KEY_FILE,
    RECIPIENT,
    Project,
    base_environ,
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project that encrypts for the example's age key, which is at hand."""
    root = tmp_path / "app"
    rules = (
        "creation_rules:\n"
        "  - path_regex: ^deploy/secrets/.*\\.secret\\.yml(\\.enc)?$\n"
        "    encrypted_regex: ^(data|stringData)$\n"
        f"    age: {RECIPIENT}\n"
        "  - path_regex: ^deploy/kubeconfig/\n"
        f"    age: {RECIPIENT}\n"
    )
    environ = base_environ(tmp_path / "home") | {"SOPS_AGE_KEY_FILE": str(EXAMPLE_KEY_FILE)}
    made = Project(root, environ)
    made.write(".sops.yaml", rules)
    made.write("deploy/deploy.yml", "kind: Deployment\n")
    return made


@pytest.fixture
def kms_project(tmp_path: Path, kms: KmsStandIn) -> Project:
    """A project that encrypts for a key of AWS KMS, bound to app and environment."""
    root = tmp_path / "app"
    rules = "creation_rules:\n" + "".join(
        f"  - path_regex: ^deploy/secrets/{env}\\.\n"
        "    encrypted_regex: ^(data|stringData)$\n"
        "    key_groups:\n"
        "      - kms:\n"
        f"          - arn: {kms.key_arn}\n"
        f"            context: {{app: hoge, env: {env}}}\n"
        for env in ("staging", "production")
    )
    made = Project(root, base_environ(tmp_path / "home") | kms.environ())
    made.write(".sops.yaml", rules)
    made.write("deploy/deploy.yml", "kind: Deployment\n")
    return made
