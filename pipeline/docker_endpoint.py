"""Where the Docker engine is: ``DOCKER_HOST``, the docker program's context, else the local socket.

The same order as the docker program's: ``DOCKER_HOST`` wins over ``DOCKER_CONTEXT``, which wins over
``currentContext`` of its ``config.json``. Podman's socket is looked for where Docker's is missing.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import InvalidInput, Location

__all__ = ["Endpoint", "docker_config_folder", "find_endpoint"]

DEFAULT_SOCKET = "/var/run/docker.sock"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address, and who said so.

    Attributes:
        host: ``unix:///…``, ``tcp://host:2376`` or ``ssh://user@host``.
        source: words for messages: ``DOCKER_HOST``, ``the docker context 'build'`` …
        tls_folder: holds ``ca.pem``, ``cert.pem`` and ``key.pem``; None speaks without TLS.
        verify: whether the engine's certificate has to be right.
    """

    host: str
    source: str
    tls_folder: Path | None = None
    verify: bool = True

    @property
    def socket(self) -> str | None:
        """The path of the local socket, or None for an engine that is reached otherwise."""
        return self.host.removeprefix("unix://") if self.host.startswith("unix://") else None


def docker_config_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder of the docker program's ``config.json``."""
    if environ.get("DOCKER_CONFIG"):
        return Path(environ["DOCKER_CONFIG"])
    return Path(environ.get("HOME") or Path.home()) / ".docker"


def find_endpoint(environ: Mapping[str, str], *, default_socket: str = DEFAULT_SOCKET) -> Endpoint:
    """Return where the engine is said to be; nothing is tried.

    Args:
        environ: environment variables.
        default_socket: where Docker's socket is when nobody says otherwise.

    Raises:
        InvalidInput: the context named is not there, or its file cannot be read.
    """
    folder = docker_config_folder(environ)
    host = environ.get("DOCKER_HOST", "").strip()
    if host:
        wants_tls = bool(environ.get("DOCKER_TLS_VERIFY") or environ.get("DOCKER_TLS"))
        certificates = Path(environ.get("DOCKER_CERT_PATH") or folder)
        return Endpoint(
            host if "://" in host else f"tcp://{host}",
            "DOCKER_HOST",
            certificates if wants_tls else None,
            verify=bool(environ.get("DOCKER_TLS_VERIFY")),
        )
    context = environ.get("DOCKER_CONTEXT") or _current_context(folder)
    if context and context != "default":
        return _context_endpoint(folder, context)
    return Endpoint(f"unix://{_local_socket(environ, default_socket)}", "the default socket")


def _local_socket(environ: Mapping[str, str], default_socket: str) -> str:
    runtime = environ.get("XDG_RUNTIME_DIR")
    rootless = [f"{runtime}/docker.sock", f"{runtime}/podman/podman.sock"] if runtime else []
    for candidate in (default_socket, *rootless, "/run/podman/podman.sock"):
        if os.path.exists(candidate):
            return candidate
    return default_socket


def _current_context(folder: Path) -> str:
    path = folder / "config.json"
    return str(_read_json(path).get("currentContext", "")) if path.is_file() else ""


def _context_endpoint(folder: Path, name: str) -> Endpoint:
    # The docker program names a context's folder by the digest of its name.
    key = hashlib.sha256(name.encode()).hexdigest()
    path = folder / "contexts" / "meta" / key / "meta.json"
    if not path.is_file():
        raise InvalidInput(
            f"the docker context {name!r} does not exist",
            where=Location(str(folder / "config.json")),
            hint="`docker context ls` shows those there are; `docker context use default` goes back",
        )
    docker = _read_json(path).get("Endpoints", {}).get("docker", {})
    host = str(docker.get("Host", ""))
    if not host:
        raise InvalidInput("names no Docker host", where=Location(str(path)))
    tls = folder / "contexts" / "tls" / key / "docker"
    return Endpoint(
        host,
        f"the docker context {name!r}",
        tls if tls.is_dir() else None,
        verify=not docker.get("SkipTLSVerify", False),
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"cannot be read: {error}", where=Location(str(path))) from error
    return loaded if isinstance(loaded, dict) else {}
