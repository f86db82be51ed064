"""What secrets look like: those of known services, and texts that only chance or a generator writes."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

__all__ = ["SHORTEST", "is_random", "is_telling_name", "is_trivial", "secrets_in"]

_SHAPES: tuple[tuple[str, re.Pattern[str], tuple[str, ...]], ...] = tuple(
    (kind, re.compile(pattern), tuple(literals))
    for kind, pattern, *literals in (
        ("an AWS access key", r"AKIA[A-Z2-7]{16}(?![A-Za-z0-9])", "AKIA"),
        (
            "a private key",
            r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----(?:\\n|[\s\"'\\+])*"
            r"(?:(?:Proc-Type|DEK-Info):.*\s+)*[A-Za-z0-9+/=]{40}",
            "-----BEGIN ",
        ),
        (
            "a GitHub token",
            r"gh[oprsu]_[A-Za-z0-9]{36,255}\b",
            "ghp_",
            "gho_",
            "ghr_",
            "ghs_",
            "ghu_",
        ),
        ("a GitHub token", r"github_pat_[A-Za-z0-9_]{50,255}\b", "github_pat_"),
        ("a GitLab token", r"glpat-[A-Za-z0-9_-]{20,}", "glpat-"),
        ("a Slack token", r"xox[abeoprs]-[A-Za-z0-9-]{20,}", "xox"),
        (
            "a Slack webhook",
            r"hooks\.slack\.com/services/T\w{7,}/B\w{7,}/\w{20,}",
            "hooks.slack.com/",
        ),
        ("a Stripe key", r"[rs]k_live_[A-Za-z0-9]{16,}", "sk_live_", "rk_live_"),
        ("a Google API key", r"AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])", "AIza"),
        ("a JSON web token", r"eyJ[\w-]{10,}\.eyJ[\w-]{24,}\.[\w-]{20,}", "eyJ"),
        ("an npm token", r"npm_[A-Za-z0-9]{36}\b", "npm_"),
        ("a SendGrid key", r"SG\.[\w-]{22}\.[\w-]{43}\b", "SG."),
        ("a PyPI token", r"pypi-AgE[\w-]{50,}", "pypi-AgE"),
        ("a RubyGems key", r"rubygems_[a-f0-9]{48}\b", "rubygems_"),
        ("a Docker Hub token", r"dckr_pat_[\w-]{20,}", "dckr_pat_"),
        ("a DigitalOcean token", r"dop_v1_[a-f0-9]{64}\b", "dop_v1_"),
        ("a CircleCI token", r"CCIPAT_\w{20,}", "CCIPAT_"),
    )
)
"""What it is, its pattern, and the texts that it begins with: looking for those first is fast."""

_LOGIN = re.compile(r"://[^\s/:@$<{\"'`]+:(?P<word>[^\s/:@$<{}\"'`*]{8,})@[\w-]+(?:\.[\w-]+)+")
_VALUE = re.compile(
    r"=(?P<quote>[\"']?)(?P<word>[^\s\"'`$<>(){};|&]{12,})(?P=quote)(?=[\s;&|)\"']|\Z)"
)
_NAME = re.compile(r"(?<![\w$-])[A-Z][A-Z0-9_]*\Z")
_NAME_ENDS = ("KEY=", "PASS=", "PASSWD=", "PASSWORD=", "SECRET=", "TOKEN=")
_LONGEST_NAME = 60

SHORTEST = 12
"""Characters below which a text is too short to say that chance wrote it."""

_LONGEST = 4_000
_LEAST_ENTROPY = 3.0
"""Bits of a character; hexadecimal digits by chance have nearly 4, words less than 3."""

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

_PLACEHOLDER = re.compile(
    r"IkpvaG4gRG9l|example|dummy|fake|placeholder|redacted|change_?me|your[-_]|x{4,}|\*{3,}|0{6,}|123456|<|\.\.\.",
    re.IGNORECASE,
)
"""What stands even in a text of a secret's own shape where it is none; the first is the "John Doe" of the
example token that everybody copies."""

_WORDS = re.compile(r"[a-z]{9}|[A-Z]{9}")
"""So many letters of one case in a row are words."""

_CODE = re.compile(r"[\s$<>{}()\[\]`,;]|^[~./%@-]|\.(?:json|ya?ml|pem|key|txt|env|crt)\Z|://")
_DIGITS = re.compile(r"\d+")
_SEPARATOR = re.compile(r"[-_.:/+]")
_VERSION = re.compile(r"\Av?\d+(?:\.\d+)+(?:[-+.]\w+)*\Z")


def secrets_in(text: str) -> Iterator[tuple[int, str]]:
    """Yield the place and kind of each secret that a text gives away by its shape."""
    for kind, pattern, literals in _SHAPES:
        for at in _places(text, literals):
            if at and (text[at - 1].isalnum() or text[at - 1] == "_"):
                continue
            found = pattern.match(text, at)
            if found and not is_trivial(found[0]) and _entropy(found[0]) >= _LEAST_ENTROPY:
                yield at, kind
    for at in _places(text, ("://",)):
        found = _LOGIN.match(text, at)
        if found and is_random(found["word"]):
            yield found.start("word"), "a password in a URL"
    yield from _assignments(text)


def _assignments(text: str) -> Iterator[tuple[int, str]]:
    """Yield the values of what a command sets, as ``export DEPLOY_TOKEN=…``."""
    for end in _NAME_ENDS:
        for at in _places(text, (end,)):
            equals = at + len(end) - 1
            found = _VALUE.match(text, equals)
            if not found or not is_random(found["word"]):
                continue
            name = _NAME.search(text[max(0, equals - _LONGEST_NAME) : equals])
            if name and is_telling_name(name[0]):
                yield found.start("word"), f"the value of {name[0]}"


def _places(text: str, literals: tuple[str, ...]) -> Iterator[int]:
    for literal in literals:
        at = text.find(literal)
        while at >= 0:
            yield at
            at = text.find(literal, at + 1)


def is_telling_name(name: str) -> bool:
    """Return whether a variable's name says that it holds a secret."""
    return bool(_TELLING.search(name)) and not _NOT_TELLING.search(name)


def is_trivial(text: str) -> bool:
    """Return whether a text is one of those that stand in for a secret: as ``changeme``."""
    return len(set(text)) < 5 or bool(_PLACEHOLDER.search(text))


def is_random(text: str) -> bool:
    """Return whether a text looks as if a generator had written it, or somebody who means it.

    Letters and digits mixed, no words that tests use, no code, no path, and enough different characters.
    """
    if not SHORTEST <= len(text) <= _LONGEST or is_trivial(text):
        return False
    if any(pattern.search(text) for pattern in (_CODE, _TRIVIAL_WORDS, _WORDS, _VERSION)):
        return False
    if len(_DIGITS.findall(text)) < 2 or not any(c.isalpha() for c in text):
        return False
    parts = _SEPARATOR.split(text)
    if all(not part or part.isalpha() or part.isdigit() for part in parts):
        return False  # words and numbers with dashes between them
    return _entropy(text) >= _LEAST_ENTROPY


def _entropy(text: str) -> float:
    """Return the bits of a character, as the text's own frequencies have it (Shannon)."""
    counts = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())
