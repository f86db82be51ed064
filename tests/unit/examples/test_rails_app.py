"""The example app is laid out as the documentation says, and gives no secret away."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

APP = Path(__file__).resolve().parents[3] / "examples" / "rails-app"
ENVIRONMENTS = ("staging", "production")
ENCRYPTED = [
    f"deploy/{kind.format(env)}"
    for kind in ("secrets/{}.secret.yml.enc", "kubeconfig/{}.kubeconfig.enc")
    for env in ENVIRONMENTS
]
WORKLOADS = {"deploy/deploy.yml": "Deployment", "deploy/dbmigration.job.yml": "Job"}


def load(path: str) -> Any:
    return yaml.safe_load((APP / path).read_text())


def container_of(path: str) -> dict[str, Any]:
    (container,) = load(path)["spec"]["template"]["spec"]["containers"]
    return dict(container)


def scalars(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from scalars(item)
    elif isinstance(value, list):
        for item in value:
            yield from scalars(item)
    else:
        yield str(value)


@cache
def decrypted(path: str) -> dict[str, Any]:
    """What the published test key opens, through the sops program."""
    sops = shutil.which("sops", path=f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}")
    assert sops, "sops comes with this project's dependencies"
    types = ["--input-type", "yaml", "--output-type", "json"]
    done = subprocess.run(
        [sops, "decrypt", *types, str(APP / path)],
        env={"SOPS_AGE_KEY_FILE": str(APP / "test-only.agekey"), "HOME": "/nonexistent"},
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr.decode()
    return dict(json.loads(done.stdout))


def git(*arguments: str) -> str:
    if not shutil.which("git") or not (APP.parents[1] / ".git").exists():
        pytest.skip("not a git checkout")
    done = subprocess.run(
        ["git", *arguments], cwd=APP, capture_output=True, text=True, check=False, timeout=30
    )
    return done.stdout


def test_the_deploy_folder_holds_what_the_documentation_lists() -> None:
    expected = {
        "deploy.yml",
        "dbmigration.job.yml",
        "service.yml",
        "Dockerfile",
        "Dockerfile.builder",
        *(f"configmaps/{env}.configmap.yml" for env in ENVIRONMENTS),
        *(path.removeprefix("deploy/") for path in ENCRYPTED),
    }
    found = git("ls-files", "--cached", "--others", "--exclude-standard", "deploy").split()
    assert {path.removeprefix("deploy/") for path in found} == expected


@pytest.mark.parametrize(("path", "kind"), WORKLOADS.items())
def test_both_workloads_carry_the_image_anchor_and_take_settings_from_outside(
    path: str, kind: str
) -> None:
    container = container_of(path)
    assert load(path)["kind"] == kind
    assert container["image"] == "HOGE_APP_IMAGE_NAME"
    assert "env" not in container
    assert container["envFrom"] == [
        {"configMapRef": {"name": "hoge-app"}},
        {"secretRef": {"name": "hoge-app"}},
    ]


def test_the_deployment_is_probed_where_the_app_answers() -> None:
    container = container_of("deploy/deploy.yml")
    routes = (APP / "config/routes.rb").read_text()
    for probe, path in (("readinessProbe", "/ready"), ("livenessProbe", "/live")):
        assert container[probe]["httpGet"]["path"] == path
        assert f'get "{path}"' in routes
    assert container["resources"]["requests"]
    assert container["resources"]["limits"]


def test_the_service_finds_the_deployments_pods_and_their_port() -> None:
    service, deployment = load("deploy/service.yml"), load("deploy/deploy.yml")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    ports = [port["name"] for port in container_of("deploy/deploy.yml")["ports"]]
    assert [port["targetPort"] for port in service["spec"]["ports"]] == ports


def test_the_services_selector_leaves_the_migrations_pods_alone() -> None:
    job = load("deploy/dbmigration.job.yml")["spec"]["template"]["metadata"]["labels"]
    assert not load("deploy/service.yml")["spec"]["selector"].items() <= job.items()


def test_a_failed_migration_is_not_tried_again() -> None:
    job = load("deploy/dbmigration.job.yml")
    assert job["metadata"]["name"] == "hoge-app-dbmigration"
    assert container_of("deploy/dbmigration.job.yml")["command"] == ["bin/rails", "db:migrate"]
    assert job["spec"]["backoffLimit"] == 0
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"


def test_the_builder_image_is_made_of_manifests_and_lockfiles_alone() -> None:
    text = (APP / "deploy/Dockerfile.builder").read_text()
    assert re.findall(r"^(?:ADD|COPY) (.*)$", text, re.MULTILINE) == [
        "Gemfile Gemfile.lock package.json yarn.lock ./"
    ]


def test_the_app_image_adds_what_was_installed_and_downloads_nothing() -> None:
    text = (APP / "deploy/Dockerfile").read_text()
    instructions = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    assert "ADD vendor/bundle vendor/bundle" in instructions
    assert "ADD node_modules node_modules" in instructions
    assert not re.search(r"apt-get|curl|wget|bundle install|yarn", instructions)
    assert re.search(r"^USER [1-9]\d*", instructions, re.MULTILINE)


def test_everything_that_the_app_image_adds_reaches_the_build() -> None:
    text = (APP / "deploy/Dockerfile").read_text()
    added = {
        word for line in re.findall(r"^ADD (.*) \S+$", text, re.MULTILINE) for word in line.split()
    }
    ignored = set((APP / ".dockerignore").read_text().splitlines())
    assert not added & ignored
    assert {path for path in added if not (APP / path).exists()} <= {
        "vendor/bundle",
        "node_modules",
    }


def test_the_locks_name_public_registries_only() -> None:
    gems = re.findall(r"^  remote: (.*)$", (APP / "Gemfile.lock").read_text(), re.MULTILINE)
    packages = re.findall(r"https?://[^/]+/", (APP / "yarn.lock").read_text())
    assert set(gems) == {"https://rubygems.org/"}
    assert set(packages) <= {"https://registry.npmjs.org/", "https://registry.yarnpkg.com/"}


def test_every_gem_and_package_that_is_asked_for_is_locked() -> None:
    gems = set(re.findall(r'^gem "([^"]+)"', (APP / "Gemfile").read_text(), re.MULTILINE))
    locked = re.findall(r"^    (\S+) \(", (APP / "Gemfile.lock").read_text(), re.MULTILINE)
    assert {"rails", "puma", "pg", "sqlite3"} <= gems <= set(locked)
    lock = (APP / "yarn.lock").read_text()
    packages = json.loads((APP / "package.json").read_text())["dependencies"]
    assert all(f"{name}@{wanted}" in lock for name, wanted in packages.items())


def test_the_schema_is_that_of_the_newest_migration() -> None:
    newest = max(path.name.split("_")[0] for path in (APP / "db/migrate").glob("*.rb"))
    version = re.search(r"version: ([\d_]+)", (APP / "db/schema.rb").read_text())
    assert version
    assert version[1].replace("_", "") == newest


@pytest.mark.parametrize("path", ENCRYPTED)
def test_files_with_the_suffix_enc_are_encrypted_for_the_recipient_of_sops_yaml(path: str) -> None:
    rules = load(".sops.yaml")["creation_rules"]
    rule = next(rule for rule in rules if re.search(rule["path_regex"], path))
    document = load(path)
    assert [key["recipient"] for key in document.pop("sops")["age"]] == [rule["age"]]
    covered = document["stringData"] if "secrets/" in path else document
    assert all(value.startswith("ENC[") for value in scalars(covered))


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_the_published_key_opens_a_secret_of_the_apps_name(env: str) -> None:
    secret = decrypted(f"deploy/secrets/{env}.secret.yml.enc")
    assert (secret["kind"], secret["metadata"]["name"]) == ("Secret", "hoge-app")
    assert set(secret["stringData"]) == {"DATABASE_URL", "SECRET_KEY_BASE"}
    assert all(isinstance(value, str) for value in secret["stringData"].values())


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_the_published_key_opens_a_kubeconfig_of_that_environment(env: str) -> None:
    kubeconfig = decrypted(f"deploy/kubeconfig/{env}.kubeconfig.enc")
    assert kubeconfig["current-context"] == env
    assert kubeconfig["contexts"][0]["name"] == env


def test_no_secret_value_stands_in_any_file_of_the_repository() -> None:
    secrets = [value for path in ENCRYPTED[:2] for value in scalars(decrypted(path)["stringData"])]
    tokens = [decrypted(path)["users"][0]["user"]["token"] for path in ENCRYPTED[2:]]
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", ":/").split("\0")
    texts = {name: (APP / name).read_bytes() for name in listed if name and (APP / name).is_file()}
    assert "deploy/deploy.yml" in texts
    for value in [*secrets, *tokens]:
        assert [name for name, text in texts.items() if value.encode() in text] == []


@pytest.mark.parametrize("path", ENCRYPTED)
def test_git_ignores_the_plain_text_and_keeps_the_encrypted_file(path: str) -> None:
    plain = path.removesuffix(".enc")
    assert git("check-ignore", "--no-index", plain, path).split() == [plain]


def test_the_test_key_says_that_it_is_worthless_and_fits_the_recipient() -> None:
    text = (APP / "test-only.agekey").read_text()
    assert text.startswith("# WORTHLESS ON PURPOSE.")
    recipients = {rule["age"] for rule in load(".sops.yaml")["creation_rules"]}
    assert recipients == set(re.findall(r"public key: (age1\w+)", text))
