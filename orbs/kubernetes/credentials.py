"""Reading a kubeconfig's user: certificates, tokens, passwords and credential plugins."""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from orbs.kubernetes.client_source import Credentials
from pipeline.errors import InvalidInput, Location, Unavailable, excerpt
from pipeline.process import ProcessRunner
from pipeline.secret import Masker, Secret

__all__ = ["CredentialReader", "decode_pem"]

_PLUGIN_TIMEOUT_S = 60.0
"""Seconds for a credential plugin: a cloud's own sign-in takes a few."""


@dataclass(frozen=True, slots=True)
class CredentialReader:
    """Reads the credentials of one user, anew at each :meth:`read`.

    Attributes:
        user: the user's mapping in the kubeconfig.
        name: the user's name, for messages.
        folder: where relative paths start from.
        where: the place of the user in the kubeconfig.
        environ: the environment that plugins get.
        masker: learns tokens and passwords.
        process: runs plugins.
        cluster: the cluster's mapping, for plugins that want to know it.
    """

    user: Mapping[str, Any]
    name: str
    folder: Path
    where: Location
    environ: Mapping[str, str]
    masker: Masker | None
    process: ProcessRunner
    cluster: Mapping[str, Any]

    def impersonated(self) -> str:
        """Return the user to act as, or "".

        Raises:
            InvalidInput: groups or more are to be impersonated, which isn't supported.
        """
        unknown = [key for key in ("as-groups", "as-uid", "as-user-extra") if self.user.get(key)]
        if unknown:
            raise self._wrong(f"impersonation by {', '.join(unknown)} is not supported, only by as")
        return str(self.user.get("as") or "")

    def read(self) -> Credentials:
        """Return the credentials.

        Raises:
            InvalidInput: the user's entry cannot be used.
            Unavailable: a credential plugin is missing or failed.
        """
        if self.user.get("exec"):
            return self._run_plugin(self.user["exec"])
        if self.user.get("auth-provider"):
            raise self._wrong(
                "the user signs in by auth-provider, which Kubernetes has given up",
                hint="make the kubeconfig anew with your cloud's current tool: it writes `exec`",
            )
        key = self._pem("client-key")
        token, password = self._token(), str(self.user.get("password") or "")
        self._mask(token, password)
        return Credentials(
            token=Secret(token) if token else None,
            username=str(self.user.get("username") or ""),
            password=Secret(password) if password else None,
            certificate_pem=self._pem("client-certificate"),
            key_pem=Secret(key) if key else None,
        )

    def _pem(self, key: str) -> str:
        data = self.user.get(f"{key}-data")
        if data:
            return decode_pem(str(data), f"{key}-data", self.where)
        path = self.user.get(key)
        return self._file(str(path), key) if path else ""

    def _token(self) -> str:
        if self.user.get("token"):
            return str(self.user["token"])
        path = self.user.get("tokenFile")
        return self._file(str(path), "tokenFile").strip() if path else ""

    def _file(self, path: str, key: str) -> str:
        try:
            return (self.folder / path).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise self._wrong(f"the file of {key} cannot be read: {error}") from error

    def _run_plugin(self, plugin: Mapping[str, Any]) -> Credentials:
        command = str(plugin.get("command") or "")
        if not command:
            raise self._wrong("exec has no command")
        if plugin.get("interactiveMode") == "Always":
            raise self._wrong(
                f"the credential plugin {command!r} needs a terminal (interactiveMode)"
            )
        if os.sep in command:
            command = str(self.folder / command)
        argv = [command, *map(str, plugin.get("args") or ())]
        try:
            done = self.process(argv, env=self._plugin_environ(plugin), timeout_s=_PLUGIN_TIMEOUT_S)
        except Unavailable as error:
            hint = str(plugin.get("installHint") or "") or error.hint
            raise Unavailable(
                f"the user {self.name!r} needs the credential plugin {command!r}, "
                "which is not there",
                where=self.where,
                hint=hint,
            ) from error
        if done.exit_code != 0:
            raise Unavailable(
                f"the credential plugin {command!r} of user {self.name!r} failed "
                f"with exit code {done.exit_code}",
                where=self.where,
                details=excerpt(done.error_text).splitlines(),
                hint="are you signed in? Try the command by hand",
            )
        return self._plugin_answer(command, done.stdout)

    def _plugin_environ(self, plugin: Mapping[str, Any]) -> dict[str, str]:
        environ = dict(self.environ)
        for item in plugin.get("env") or ():
            environ[str(item["name"])] = str(item["value"])
        spec: dict[str, Any] = {"interactive": False}
        if plugin.get("provideClusterInfo"):
            spec["cluster"] = {
                key: self.cluster[key]
                for key in ("server", "certificate-authority-data", "tls-server-name", "proxy-url")
                if key in self.cluster
            }
        environ["KUBERNETES_EXEC_INFO"] = json.dumps(
            {"apiVersion": plugin.get("apiVersion"), "kind": "ExecCredential", "spec": spec}
        )
        return environ

    def _plugin_answer(self, command: str, answer: bytes) -> Credentials:
        try:
            status = json.loads(answer)["status"]
            token, key = str(status.get("token") or ""), str(status.get("clientKeyData") or "")
            certificate = str(status.get("clientCertificateData") or "")
            expires = status.get("expirationTimestamp")
            until = datetime.fromisoformat(str(expires)).timestamp() if expires else None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Unavailable(
                f"the credential plugin {command!r} of user {self.name!r} did not answer with an "
                "ExecCredential that has a status",
                where=self.where,
            ) from None
        self._mask(token)
        return Credentials(
            token=Secret(token) if token else None,
            certificate_pem=certificate,
            key_pem=Secret(key) if key else None,
            expires_at=until,
        )

    def _mask(self, *values: str) -> None:
        if self.masker is not None:
            for value in values:
                self.masker.add(value)

    def _wrong(self, message: str, *, hint: str | None = None) -> InvalidInput:
        return InvalidInput(f"user {self.name!r}: {message}", where=self.where, hint=hint)


def decode_pem(data: str, key: str, where: Location) -> str:
    """Return the text of a ``…-data`` key.

    Raises:
        InvalidInput: it is not base64 of text.
    """
    try:
        return base64.b64decode("".join(data.split()), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise InvalidInput(f"{key} is not base64 of a PEM text", where=where) from None
