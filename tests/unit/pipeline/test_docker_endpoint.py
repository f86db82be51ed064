from __future__ import annotations

import hashlib
import json
import socket
from pathlib import Path

import pytest

from orbs.rails.engine import open_engine
from pipeline.docker_endpoint import find_endpoint
from pipeline.errors import InvalidInput, Unavailable


def write_context(home: Path, name: str, host: str, **more: object) -> None:
    folder = home / ".docker" / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
    folder.mkdir(parents=True)
    meta = {"Name": name, "Endpoints": {"docker": {"Host": host, **more}}}
    (folder / "meta.json").write_text(json.dumps(meta))


def write_config(home: Path, **config: object) -> None:
    (home / ".docker").mkdir(parents=True, exist_ok=True)
    (home / ".docker" / "config.json").write_text(json.dumps(config))


def test_docker_host_wins_over_every_context(tmp_path):
    write_config(tmp_path, currentContext="build")
    environ = {"HOME": str(tmp_path), "DOCKER_HOST": "tcp://engine:2375", "DOCKER_CONTEXT": "x"}
    found = find_endpoint(environ)
    assert (found.host, found.source, found.tls_folder) == (
        "tcp://engine:2375",
        "DOCKER_HOST",
        None,
    )


def test_docker_host_with_tls_takes_the_certificates_of_docker_cert_path(tmp_path):
    environ = {
        "HOME": str(tmp_path),
        "DOCKER_HOST": "engine:2376",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": "/certs",
    }
    found = find_endpoint(environ)
    assert (found.host, found.tls_folder, found.verify) == (
        "tcp://engine:2376",
        Path("/certs"),
        True,
    )


def test_the_current_context_of_the_docker_program_is_honoured(tmp_path):
    write_context(tmp_path, "build", "ssh://me@build", SkipTLSVerify=True)
    write_config(tmp_path, currentContext="build")
    found = find_endpoint({"HOME": str(tmp_path)})
    assert (found.host, found.verify) == ("ssh://me@build", False)
    assert "'build'" in found.source


def test_the_variable_docker_context_wins_over_the_current_one(tmp_path):
    write_context(tmp_path, "two", "tcp://two:1")
    write_config(tmp_path, currentContext="build")
    assert find_endpoint({"HOME": str(tmp_path), "DOCKER_CONTEXT": "two"}).host == "tcp://two:1"


def test_a_context_that_is_not_there_is_named(tmp_path):
    write_config(tmp_path, currentContext="gone")
    with pytest.raises(InvalidInput, match="'gone'"):
        find_endpoint({"HOME": str(tmp_path)})


def test_the_default_context_is_the_local_socket(tmp_path):
    write_config(tmp_path, currentContext="default")
    found = find_endpoint({"HOME": str(tmp_path)})
    assert found.socket == found.host.removeprefix("unix://")


def test_podmans_socket_is_taken_where_dockers_is_missing(tmp_path):
    (tmp_path / "podman").mkdir()
    (tmp_path / "podman" / "podman.sock").touch()
    environ = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    found = find_endpoint(environ, default_socket=str(tmp_path / "docker.sock"))
    assert found.socket == str(tmp_path / "podman" / "podman.sock")


def test_no_engine_is_something_missing_said_at_once_with_what_to_do(tmp_path):
    with pytest.raises(Unavailable, match="no Docker engine answers") as caught:
        open_engine({"HOME": str(tmp_path), "DOCKER_HOST": f"unix://{tmp_path}/none.sock"})
    assert caught.value.exit_code == 3
    assert "start Docker" in (caught.value.hint or "")


def test_a_port_where_nothing_listens_is_said_in_the_systems_own_words(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(Unavailable) as caught:
        open_engine({"HOME": str(tmp_path), "DOCKER_HOST": f"tcp://127.0.0.1:{port}"})
    assert caught.value.message.endswith("(DOCKER_HOST): Connection refused")
