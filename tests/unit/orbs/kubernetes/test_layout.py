"""Which files a deploy is made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from orbs.kubernetes.layout import (
    check_environment,
    encrypted_kubeconfig,
    find_environments,
    find_files,
)
from orbs.kubernetes.settings import DeploySettings, EnvironmentSettings
from pipeline.errors import InvalidInput

LAYOUT = (
    "deploy/deploy.yml",
    "deploy/dbmigration.job.yml",
    "deploy/service.yaml",
    "deploy/Dockerfile",
    "deploy/.hidden.yml",
    "deploy/notes.txt",
    "deploy/staging/ingress.yml",
    "deploy/production/ingress.yml",
    "deploy/configmaps/staging.configmap.yml",
    "deploy/configmaps/production.configmap.yml",
    "deploy/secrets/staging.secret.yml.enc",
    "deploy/secrets/production.secret.yml.enc",
    "deploy/kubeconfig/staging.kubeconfig.enc",
)


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def found(root: Path, environment: str = "staging", **settings: object) -> list[str]:
    deploy = DeploySettings(**settings)  # type: ignore[arg-type]  # as a test says them
    return [file.name for file in find_files(root, environment, deploy)]


def test_an_environment_gets_what_is_for_all_and_its_own_and_nothing_of_the_others(
    tmp_path: Path,
) -> None:
    assert found(touch(tmp_path, *LAYOUT)) == [
        "deploy/configmaps/staging.configmap.yml",
        "deploy/dbmigration.job.yml",
        "deploy/deploy.yml",
        "deploy/secrets/staging.secret.yml.enc",
        "deploy/service.yaml",
        "deploy/staging/ingress.yml",
    ]


def test_an_encrypted_file_is_known_by_its_suffix(tmp_path: Path) -> None:
    files = find_files(touch(tmp_path, *LAYOUT), "staging", DeploySettings())
    assert [file.name for file in files if file.encrypted] == [
        "deploy/secrets/staging.secret.yml.enc"
    ]


def test_globs_replace_the_layout_and_know_the_environment(tmp_path: Path) -> None:
    touch(tmp_path, "k8s/base/a.yml", "k8s/staging/deep/b.yaml", "k8s/production/c.yml", *LAYOUT)
    globs = ("k8s/base/*.yml", "k8s/{env}/**/*")
    assert found(tmp_path, manifests=globs) == ["k8s/base/a.yml", "k8s/staging/deep/b.yaml"]


def test_a_glob_that_finds_nothing_is_an_error_where_it_is_written(tmp_path: Path) -> None:
    touch(tmp_path, "k8s/a.yml")
    globs = ["k8s/*.yml", "k8s/{env}/*.yml"]
    (tmp_path / "orbyard.yml").write_text(
        f"deploy:\n  manifests:\n  - {globs[0]}\n  - '{globs[1]}'\n"
    )
    with pytest.raises(InvalidInput) as caught:
        found(tmp_path, manifests=tuple(globs))
    (problem,) = caught.value.problems
    assert "k8s/staging/*.yml" in problem.message
    assert str(problem.where).startswith("orbyard.yml:4")


def test_a_glob_never_leads_out_of_the_repository(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        found(tmp_path, manifests=("../*.yml",))
    assert "out of the repository" in str(caught.value)


def test_no_manifests_at_all_is_an_error(tmp_path: Path) -> None:
    touch(tmp_path, "deploy/Dockerfile")
    with pytest.raises(InvalidInput, match="no manifests"):
        found(tmp_path)


def test_a_secret_in_plain_text_is_refused_whatever_its_environment(tmp_path: Path) -> None:
    touch(tmp_path, *LAYOUT, "deploy/secrets/production.secret.yml")
    with pytest.raises(InvalidInput) as caught:
        found(tmp_path)
    assert "deploy/secrets/production.secret.yml" in str(caught.value)


def test_an_unknown_environment_is_told_the_known_ones_and_the_nearest(tmp_path: Path) -> None:
    touch(tmp_path, *LAYOUT)
    with pytest.raises(InvalidInput) as caught:
        check_environment("stagin", tmp_path, DeploySettings(), {"review": None})
    assert caught.value.hint is not None
    assert "did you mean 'staging'?" in caught.value.hint
    assert "production, review, staging" in caught.value.hint


def test_any_environment_goes_where_none_is_named(tmp_path: Path) -> None:
    check_environment("anything", touch(tmp_path, "deploy/deploy.yml"), DeploySettings(), {})


def test_contexts_of_pipelines_are_no_environment_and_no_manifests(tmp_path: Path) -> None:
    touch(tmp_path, *LAYOUT, "deploy/contexts/ci.yml.enc", "deploy/contexts/ci.env.enc")
    assert find_environments(tmp_path, DeploySettings(), ()) == ["production", "staging"]
    assert "contexts" not in "".join(found(tmp_path, "contexts"))


def test_an_environment_is_no_path(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="not the name of an environment"):
        check_environment("../production", tmp_path, DeploySettings(), {})


def test_the_kubeconfig_of_the_layout_is_found_and_one_that_is_named_must_be_there(
    tmp_path: Path,
) -> None:
    touch(tmp_path, *LAYOUT)
    deploy = DeploySettings()
    here = encrypted_kubeconfig(tmp_path, "staging", deploy, EnvironmentSettings())
    assert here == tmp_path / "deploy/kubeconfig/staging.kubeconfig.enc"
    assert encrypted_kubeconfig(tmp_path, "production", deploy, EnvironmentSettings()) is None
    with pytest.raises(InvalidInput, match=r"keys/production\.enc is not there"):
        encrypted_kubeconfig(
            tmp_path, "production", deploy, EnvironmentSettings(kubeconfig="keys/production.enc")
        )
