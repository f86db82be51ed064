"""Texts as sops writes them, with made-up ciphertexts."""

from __future__ import annotations

ENC = "ENC[AES256_GCM,data:4kR7zIbj3XO8,iv:pKBQeB/9Ve4qM=,tag:Y0JTEpH5M6tEOe==,type:str]"
RECIPIENT = "age1wwzy8s5xhg6cnlu2cvaa76p7j2ncg6pnft37wezwxy6stkcyeshsu6qepj"


def metadata(mac: str = ENC) -> str:
    """The ``sops`` mapping at the end of a YAML document."""
    return (
        "sops:\n"
        "    age:\n"
        f"        - recipient: {RECIPIENT}\n"
        "          enc: made up\n"
        '    lastmodified: "2026-01-01T00:00:00Z"\n'
        f"    mac: {mac}\n"
        "    version: 3.11.0\n"
    )


def secret(name: str = "hoge-app", mac: str = ENC, value: str = ENC) -> str:
    """An encrypted Secret."""
    return (
        "apiVersion: v1\nkind: Secret\nmetadata:\n"
        f"    name: {name}\nstringData:\n    DATABASE_URL: {value}\n{metadata(mac)}"
    )


def age_private_key(letter: str = "Q") -> str:
    """A text in the form of an age private key, put together here so that no file holds one."""
    return "AGE-SECRET-KEY-" + "1" + letter * 58
