"""secret-in-plaintext: what is secret stands in encrypted files alone."""

from __future__ import annotations

from collections.abc import Iterator

from orbs.kubernetes.lint.podspec import dig
from orbs.kubernetes.lint.rule import Context, Rule, Said
from orbs.kubernetes.lint.secret_names import holds_credentials, named_secret
from orbs.kubernetes.manifest import RenderedManifest

__all__ = ["RULES"]


def _check(manifest: RenderedManifest, _: Context) -> Iterator[Said]:
    if manifest.kind == "Secret":
        yield from _check_secret(manifest)
    elif manifest.kind == "ConfigMap":
        yield from _check_configmap(manifest)


def _check_secret(manifest: RenderedManifest) -> Iterator[Said]:
    file = manifest.where().file
    encrypted = file.endswith(".enc") or ".enc." in file
    filled = [key for key in ("data", "stringData") if dig(manifest.value, key)]
    if encrypted or not filled:
        return
    yield Said(
        (filled[0],),
        f"{manifest.ref} is written in plain text",
        "move it below deploy/secrets/ and run `orbyard secrets.encrypt`; where it was ever "
        "committed, change the values too: they are in the history",
    )


def _check_configmap(manifest: RenderedManifest) -> Iterator[Said]:
    for key, value in dig(manifest.value, "data").items():
        text = str(value or "")
        if holds_credentials(text):
            yield Said(
                ("data", key),
                f"{manifest.ref}: {key} holds credentials, and a ConfigMap is not encrypted",
                f"move {key} to the encrypted Secret, and change the value: it is in the history",
            )
        elif text and named_secret(key):
            yield Said(
                ("data", key),
                f"{manifest.ref}: {key} looks like a secret, and a ConfigMap is not encrypted",
                f"move {key} to the encrypted Secret",
                "warning",
            )


RULES = (
    Rule(
        name="secret-in-plaintext",
        severity="error",
        summary="A Secret, or a credential in a ConfigMap, is written outside of the encrypted "
        "files.",
        reason="Whoever can read the repository can read it, and it stays in the history after it is "
        "removed. A Secret belongs in a file that ends in `.enc`, made by `orbyard "
        "secrets.encrypt`. A ConfigMap value that is a URL with a password or a private key is an "
        "error too; one whose key only sounds like a secret is a warning. A Secret without data "
        "(such as one that asks the cluster for a token) is fine.",
        example="""\
# deploy/secrets/staging.secret.yml.enc
apiVersion: v1
kind: Secret
metadata:
  name: hoge-app
stringData:
  DATABASE_URL: ENC[AES256_GCM,…]
""",
        check=_check,
    ),
)
