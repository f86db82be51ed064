"""Finding kubeconfigs and choosing a context."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from orbs.kubernetes.client_source import ClientSource
from orbs.kubernetes.kubeconfig import (
    KubeConfig,
    find_config_files,
    in_cluster_source,
    read_config,
    select_source,
)
from pipeline.errors import InvalidInput, Unavailable
from pipeline.secret import Masker


def kubeconfig(name: str, *, current: str | None = None, user: str = "{token: tok-1234}") -> str:
    return f"""\
apiVersion: v1
kind: Config
current-context: {current or name}
clusters:
- name: {name}-cluster
  cluster: {{server: "https://{name}.example.com/"}}
contexts:
- name: {name}
  context: {{cluster: {name}-cluster, user: {name}-user, namespace: {name}-space}}
users:
- name: {name}-user
  user: {user}
"""


def read(text: str, folder: Path = Path("/nowhere")) -> KubeConfig:
    return read_config(text, origin="the test", file="config.enc", folder=folder)


def select(text: str, context: str = "", folder: Path = Path("/nowhere")) -> ClientSource:
    return select_source(read(text, folder), context, environ={})


def test_the_current_context_is_taken_where_none_is_named() -> None:
    source = select(kubeconfig("lab"))
    assert (source.server, source.context) == ("https://lab.example.com", "lab")
    assert (source.user, source.namespace) == ("lab-user", "lab-space")


def test_files_of_kubeconfig_are_merged_and_the_first_wins(tmp_path: Path) -> None:
    (tmp_path / "one").write_text(kubeconfig("one"))
    (tmp_path / "two").write_text(kubeconfig("two") + kubeconfig("one").split("users:")[1])
    listed = f"{tmp_path / 'one'}:{tmp_path / 'missing'}:{tmp_path / 'two'}"
    config = find_config_files({"KUBECONFIG": listed})
    assert config is not None
    assert config.current == "one"
    assert set(config.contexts) == {"one", "two"}
    assert select_source(config, "two", environ={}).server == "https://two.example.com"


def test_a_kubeconfig_that_names_no_file_is_an_error_and_no_other_is_taken(tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube/config").write_text(kubeconfig("home"))
    with pytest.raises(InvalidInput, match="names no file"):
        find_config_files({"KUBECONFIG": "/nowhere/at/all", "HOME": str(tmp_path)})


def test_the_home_folders_config_is_taken_where_nothing_else_is_said(tmp_path: Path) -> None:
    assert find_config_files({"HOME": str(tmp_path)}) is None
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube/config").write_text(kubeconfig("home"))
    config = find_config_files({"HOME": str(tmp_path)})
    assert config is not None
    assert config.current == "home"


def test_an_unknown_context_is_told_the_known_ones() -> None:
    with pytest.raises(InvalidInput) as caught:
        select(kubeconfig("staging"), "stagin")
    assert "context 'stagin'" in caught.value.message
    assert caught.value.hint == "did you mean 'staging'? There are: staging"


@pytest.mark.parametrize("missing", ["cluster", "user"])
def test_a_context_whose_cluster_or_user_is_missing_is_told(missing: str) -> None:
    text = kubeconfig("lab").replace(f"{missing}: lab-{missing}", f"{missing}: lost")
    with pytest.raises(InvalidInput, match=f"the {missing} 'lost'"):
        select(text)


def test_no_current_context_asks_for_one() -> None:
    with pytest.raises(InvalidInput) as caught:
        select(kubeconfig("lab").replace("current-context: lab", "current-context: ''"))
    assert caught.value.hint is not None
    assert "There" in caught.value.hint or "there are: lab" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n", "not a kubeconfig"),
        ("clusters: {}\n", "expected a list"),
        ("users: [{user: {token: sekrit-token}}]\n", "mapping with a name"),
        ("users: [{name: a, user: [sekrit-token]}]\n", "expected a mapping as 'user'"),
    ],
)
def test_what_is_no_kubeconfig_is_told_without_its_values(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        read(text)
    assert "sekrit" not in str(caught.value)


def test_certificates_may_be_data_or_files_beside_the_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("AUTHORITY")
    (tmp_path / "key.pem").write_text("KEY")
    data = base64.b64encode(b"CERTIFICATE").decode()
    text = kubeconfig(
        "lab", user=f"{{client-certificate-data: {data}, client-key: key.pem}}"
    ).replace('example.com/"', 'example.com/", certificate-authority: ca.pem')
    source = select(text, folder=tmp_path)
    found = source.credentials()
    assert source.ca_pem == "AUTHORITY"
    assert found.certificate_pem == "CERTIFICATE"
    assert found.key_pem is not None
    assert found.key_pem.reveal() == "KEY"


def test_a_certificate_that_is_no_base64_is_told_by_its_key() -> None:
    source = select(kubeconfig("lab", user="{client-key-data: '%%%'}"))
    with pytest.raises(InvalidInput, match="client-key-data is not base64"):
        source.credentials()


def test_tokens_are_masked_and_read_anew_from_their_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("first-token\n")
    masker = Masker()
    config = read(kubeconfig("lab", user="{tokenFile: token}"), tmp_path)
    source = select_source(config, environ={}, masker=masker)
    first = source.credentials()
    (tmp_path / "token").write_text("second-token\n")
    second = source.credentials()
    assert [item.token and item.token.reveal() for item in (first, second)] == [
        "first-token",
        "second-token",
    ]
    assert masker.mask("Bearer first-token second-token") == "Bearer **** ****"


def test_impersonation_by_groups_is_refused_and_not_left_out_silently() -> None:
    assert select(kubeconfig("lab", user="{as: jane}")).impersonate == "jane"
    with pytest.raises(InvalidInput, match="as-groups"):
        select(kubeconfig("lab", user="{as: jane, as-groups: [admins]}"))


def test_an_auth_provider_is_told_what_took_its_place() -> None:
    source = select(kubeconfig("lab", user="{auth-provider: {name: gcp}}"))
    with pytest.raises(InvalidInput, match="auth-provider"):
        source.credentials()


def test_a_pod_has_its_own_account(tmp_path: Path) -> None:
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    assert in_cluster_source({}, tmp_path) is None
    with pytest.raises(Unavailable, match="no service account"):
        in_cluster_source(environ, tmp_path)
    for name, text in {"token": "tok-1234", "namespace": "apps", "ca.crt": "CA"}.items():
        (tmp_path / name).write_text(text)
    source = in_cluster_source(environ, tmp_path)
    assert source is not None
    assert source.server == "https://[fd00::1]:443"
    assert (source.namespace, source.ca_pem) == ("apps", "CA")
    token = source.credentials().token
    assert token is not None
    assert token.reveal() == "tok-1234"
