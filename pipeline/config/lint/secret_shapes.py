"""What secrets look like: those of known services, and texts that only chance or a generator writes."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

__all__ = ["is_random", "is_telling_name", "is_trivial", "secrets_in"]

_SHAPES: tuple[tuple[str, str, re.Pattern[str]], ...] = tuple(
    (prefix, kind, re.compile(pattern))
    for prefix, kind, pattern in (
        ("AKIA", "an AWS access key", r"(?<![A-Za-z0-9])AKIA[A-Z2-7]{16}(?![A-Za-z0-9])"),
        (
            "PRIVATE KEY-----",
            "a private key",
            r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----(?:\\n|[\s\"'\\+])*"
            r"(?:(?:Proc-Type|DEK-Info):.*\s+)*[A-Za-z0-9+/=]{40}",
        ),
        ("gh", "a GitHub token", r"\bgh[oprsu]_[A-Za-z0-9]{36,255}\b"),
        ("github_pat_", "a GitHub token", r"\bgithub_pat_[A-Za-z0-9_]{50,255}\b"),
        ("glpat-", "a GitLab token", r"\bglpat-[A-Za-z0-9_-]{20,}"),
        ("xox", "a Slack token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
        (
            "hooks.slack.com",
            "a Slack webhook",
            r"hooks\.slack\.com/services/T\w{7,}/B\w{7,}/\w{20,}",
        ),
        ("k_live_", "a Stripe key", r"\b[rs]k_live_[A-Za-z0-9]{16,}"),
        ("AIza", "a Google API key", r"\bAIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])"),
        ("eyJ", "a JSON web token", r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}"),
        ("npm_", "an npm token", r"\bnpm_[A-Za-z0-9]{36}\b"),
        ("SG.", "a SendGrid key", r"\bSG\.[\w-]{22}\.[\w-]{43}\b"),
        ("pypi-AgE", "a PyPI token", r"\bpypi-AgE[\w-]{50,}"),
        ("rubygems_", "a RubyGems key", r"\brubygems_[a-f0-9]{48}\b"),
        ("dckr_pat_", "a Docker Hub token", r"\bdckr_pat_[\w-]{20,}"),
        ("dop_v1_", "a DigitalOcean token", r"\bdop_v1_[a-f0-9]{64}\b"),
        ("CCIPAT_", "a CircleCI token", r"\bCCIPAT_\w{20,}"),
        (
            "://",
            "a password in a URL",
            r"\b[a-z][a-z0-9+.-]*://[^\s/:@$<{\"'`]+:(?P<word>[^\s/:@$<{}\"'`*]{8,})@[\w-]+(?:\.[\w-]+)+",
        ),
        (
            "_",
            "a secret",
            r"(?<![\w$])(?P<name>[A-Z][A-Z0-9_]*_(?:KEY|KEY_BASE|PASS|PASSWD|PASSWORD|SECRET|TOKEN))="
            r"(?P<quote>[\"']?)(?P<word>[^\s\"'`$<>(){};|&]{12,})(?P=quote)(?=[\s;&|)]|\Z)",
        ),
    )
)
"""A text that has to be there, what it is, and its pattern; ``word`` is to look random, if it is named."""

_TELLING = re.compile(
    r"(?:^|_|(?<=[a-z]))(?:PASSWORD|PASSWD|PASSPHRASE|TOKEN|SECRET|SECRETS|(?:API|ACCESS|ACCOUNT|AUTH|"
    r"ENCRYPTION|LICENSE|MASTER|PRIVATE|SECRET|SIGNING|STORAGE)_?KEY|CREDENTIALS?|KEY_BASE)\Z",
    re.IGNORECASE,
)
_NOT_TELLING = re.compile(r"PUBLIC|PUBLISHABLE|_TEST_|^TEST_|FINGERPRINT|SITE_?KEY", re.IGNORECASE)

_TRIVIAL_WORDS = re.compile(
    r"admin|blah|changeit|change_?me|circle|cypress|default|demo|dev(?:elop|\b|_)|dummy|example|fake|fixme|foo"
    r"|guest|insecure|local|mock|mysql|not[-_ ]?(?:a|so|very|real|secure)|nothing|passw|pass\b|placeholder"
    r"|postgres|public|redacted|replace|root|sample|secret|some|stub|super|test|todo|token|unused|user"
    r"|whatever|xxx|your|\*\*\*|12345|abcd|asdf|qwert|0000|1111|aaaa",
    re.IGNORECASE,
)
"""What stands in values that are made up."""

_WORDS = re.compile(r"[a-z]{9}|[A-Z]{9}")
"""So many letters of one case in a row are words."""

_CODE = re.compile(r"[\s$<>{}()\[\]`,;]|^[~./%@-]|\.(?:json|ya?ml|pem|key|txt|env|crt)\Z|://")


_DIGITS = re.compile(r"\d+")
_SEPARATOR = re.compile(r"[-_.:/+]")
_VERSION = re.compile(r"v?\d+(?:\.\d+)+(?:[-+.]\w+)*\Z")


def secrets_in(text: str) -> Iterator[tuple[int, str]]:
    """Yield the place and kind of each secret that a text gives away, whatever is around it."""
    for prefix, kind, pattern in _SHAPES:
        if prefix not in text:
            continue
        for found in pattern.finditer(text):
            named = found.groupdict()
            word = named.get("word")
            if word is None:
                if is_trivial(found[0]) or (kind != "a private key" and _entropy(found[0]) < 3):
                    continue
            elif not is_random(word) or (named.get("name") and not is_telling_name(named["name"])):
                continue
            yield (found.start("word") if word else found.start()), kind


def is_telling_name(name: str) -> bool:
    """Return whether a variable's name says that it holds a secret."""
    return bool(_TELLING.search(name)) and not _NOT_TELLING.search(name)


def is_trivial(text: str) -> bool:
    """Return whether a text is one of those that stand in for a secret: as ``changeme``."""
    return len(set(text)) < 5 or bool(_PLACEHOLDER.search(text))


_PLACEHOLDER = re.compile(
    r"example|dummy|fake|placeholder|redacted|change_?me|your[-_]|x{4,}|\*{3,}|0{6,}|123456|<|\.\.\.",
    re.IGNORECASE,
)


def is_random(text: str) -> bool:
    """Return whether a text looks as if a generator had written it, or somebody who means it.

    Letters and digits mixed, no words that tests use, no code, no path, and enough different characters.
    """
    if len(text) < 12 or len(text) > 4_000 or _CODE.search(text) or is_trivial(text):
        return False
    if _TRIVIAL_WORDS.search(text) or _WORDS.search(text):
        return False
    if len(_DIGITS.findall(text)) < 2 or not any(c.isalpha() for c in text):
        return False
    if all(part.isalpha() or part.isdigit() for part in _SEPARATOR.split(text) if part):
        return False
    if _VERSION.match(text):
        return False
    return _entropy(text) >= 3


def _entropy(text: str) -> float:
    """Return the bits of a character, as the text's own frequencies have it (Shannon)."""
    counts = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())
