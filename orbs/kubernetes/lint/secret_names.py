"""Whether a setting looks like a secret, by its name or by its value."""

from __future__ import annotations

import re

__all__ = ["holds_credentials", "looks_secret", "named_secret"]

_NAME = re.compile(
    r"(?:\A|_)(?:PASSWORD|PASSWD|SECRET|SECRET_KEY|SECRET_KEY_BASE|MASTER_KEY|ACCESS_KEY|"
    r"ACCESS_TOKEN|API_KEY|API_TOKEN|AUTH_TOKEN|PRIVATE_KEY|CREDENTIALS)\Z",
    re.IGNORECASE,
)
_URL_PASSWORD = re.compile(r"\A[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@", re.IGNORECASE)
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")


def named_secret(name: str) -> bool:
    """Return whether secrets go by such a name: DB_PASSWORD, SECRET_KEY_BASE, API_KEY."""
    return bool(_NAME.search(name.replace("-", "_").replace(".", "_")))


def holds_credentials(value: str) -> bool:
    """Return whether a value is certainly a secret: a URL with a password, or a private key."""
    return bool(_URL_PASSWORD.search(value) or _PRIVATE_KEY.search(value))


def looks_secret(name: str, value: str) -> bool:
    """Return whether the setting should be encrypted; one with an empty value need not be."""
    return bool(value) and (named_secret(name) or holds_credentials(value))
