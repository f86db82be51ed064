"""Who we are to a registry, from the docker program's own configuration and its helpers."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.docker_endpoint import docker_config_folder
from pipeline.errors import InvalidInput, Location, Unavailable, excerpt
from pipeline.process import ProcessRunner, run_process
from pipeline.secret import Masker, Secret

__all__ = ["DOCKER_HUB", "RegistryCredentials", "find_credentials"]

DOCKER_HUB = "docker.io"
_HUB_KEY = "https://index.docker.io/v1/"
_HELPER_TIMEOUT_S = 30.0
_TOKEN_USER = (
    "<token>"  # What a helper says instead of a name when the secret is an identity token.
)


@dataclass(frozen=True, slots=True)
class RegistryCredentials:
    """A name and a password, or an identity token (``username`` is then empty)."""

    username: str
    secret: Secret

    def for_engine(self) -> dict[str, str]:
        """Return what the engine's API takes; it goes into a header of the local request."""
        if not self.username:
            return {"identitytoken": self.secret.reveal()}
        return {"username": self.username, "password": self.secret.reveal()}


def find_credentials(
    host: str,
    environ: Mapping[str, str],
    *,
    masker: Masker,
    process: ProcessRunner = run_process,
) -> RegistryCredentials | None:
    """Return the credentials for a registry, or None where the configuration has none.

    A helper for the registry (``credHelpers``) wins over the general one (``credsStore``), and that
    over ``auths``, as with the docker program. Every secret found is masked from then on.

    Raises:
        InvalidInput: the configuration is not JSON.
        Unavailable: a helper is missing or failed.
    """
    config = _read_config(environ)
    key = _HUB_KEY if host == DOCKER_HUB else host
    helper = (config.get("credHelpers") or {}).get(key) or config.get("credsStore")
    found = _ask_helper(str(helper), key, environ, process) if helper else None
    found = found or _from_auths(config.get("auths") or {}, key)
    if found:
        masker.add(found.secret.reveal())
    return found


def _read_config(environ: Mapping[str, str]) -> dict[str, Any]:
    path = docker_config_folder(environ) / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InvalidInput(
            f"the docker program's configuration cannot be read: {error}", where=Location(str(path))
        ) from error
    return config if isinstance(config, dict) else {}


def _ask_helper(
    helper: str, key: str, environ: Mapping[str, str], process: ProcessRunner
) -> RegistryCredentials | None:
    program = f"docker-credential-{helper}"
    try:
        done = process(
            [program, "get"], stdin=key.encode(), env=environ, timeout_s=_HELPER_TIMEOUT_S
        )
    except Unavailable as error:
        raise Unavailable(
            f"the credential helper {program} for {key} was not found",
            hint="install it, or take it out of the docker program's config.json",
        ) from error
    if done.exit_code != 0:
        # The protocol has no code for it: docker/docker-credential-helpers, credentials/error.go.
        if "credentials not found" in done.text + done.error_text:
            return None
        raise Unavailable(
            f"{program} gave no credentials for {key}: {excerpt(done.error_text or done.text)}",
            hint=f"log in again: `docker login {key}`, or as your cloud's tool does it",
        )
    try:
        answer = json.loads(done.stdout)
        username, secret = str(answer["Username"]), Secret(str(answer["Secret"]))
    except (ValueError, KeyError, TypeError):
        raise Unavailable(f"{program} answered something else than credentials") from None
    return RegistryCredentials("" if username == _TOKEN_USER else username, secret)


def _from_auths(auths: Mapping[str, Any], key: str) -> RegistryCredentials | None:
    for name in (key, f"https://{key}", f"https://{key}/", f"https://{key}/v1/", f"http://{key}"):
        entry = auths.get(name)
        if not isinstance(entry, dict):
            continue
        if entry.get("identitytoken"):
            return RegistryCredentials("", Secret(str(entry["identitytoken"])))
        if entry.get("auth"):
            return _decode(str(entry["auth"]), name)
    return None


def _decode(auth: str, name: str) -> RegistryCredentials:
    try:
        username, colon, password = base64.b64decode(auth).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = ""
    if not colon:
        raise InvalidInput(
            f"the credentials for {name} in the docker program's configuration are damaged",
            hint=f"log in again: `docker login {name}`",
        )
    return RegistryCredentials(username, Secret(password.rstrip("\0")))
