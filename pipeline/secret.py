"""Values that must not be seen, and the masking that catches what slips through."""

from __future__ import annotations

import base64
import os.path
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any
from urllib.parse import quote, quote_plus

__all__ = ["MASK", "MINIMUM_LENGTH", "Masker", "Secret", "is_masked"]

MASK = "****"
"""What stands in the output instead of a secret value (CircleCI's own form)."""

MINIMUM_LENGTH = 4
"""Shorter values are not masked: they would blank ordinary words (CircleCI has the same limit)."""

_PATTERN_LENGTH = 1000
"""Longer values are searched one by one: a pattern of a mebibyte takes a minute to compile."""

_WRAPPED_LENGTH = 8
"""Shorter ends of wrapped base64 are left alone: they would blank ordinary words."""

_NEVER = frozenset(
    {"true", "false", "null", "none", "production", "staging", "development", "test"}
)


class Secret:
    """A string whose printed form is a placeholder; :meth:`reveal` gives the value.

    Equality and hashing work on the value; formatting, ``repr`` and pickling never show it.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value. Called in few places only, which a test lists."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    __str__ = __repr__

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a Secret is not pickled")


class Masker:
    """Replaces every known secret value in a text by ``****``; thread-safe.

    A value is also known in the forms in which programs print it: base64 (whatever stands before it,
    in one line or wrapped), URL-encoded, JSON-escaped, as the shell quotes it under ``set -x``, and each
    line of a value of several lines.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._words: set[str] = set()
        self._long: list[str] = []
        self._pattern: re.Pattern[str] | None = None
        self._stale = False

    def add(self, value: str) -> None:
        """Mask ``value`` from now on; values shorter than 4 characters are left alone."""
        words = {word for word in _forms(value) if _worth_masking(word)}
        with self._lock:
            if words <= self._words:
                return
            self._words |= words
            self._stale = True

    def mask(self, text: str) -> str:
        """Return ``text`` without the secrets."""
        if self._stale:
            self._prepare()
        for word in self._long:
            text = text.replace(word, MASK)
        pattern = self._pattern
        return pattern.sub(MASK, text) if pattern else text

    def mask_open(self, text: str) -> str:
        """Return a text that goes on later without the secrets, nor an end that one may begin with."""
        masked = self.mask(text)
        with self._lock:
            words = tuple(self._words)
        most = 0
        for word in words:
            sizes = range(min(len(word) - 1, len(masked)), most, -1)
            most = next((size for size in sizes if masked.endswith(word[:size])), most)
        return masked[: len(masked) - most]

    def mask_data(self, value: Any) -> Any:
        """Return a copy of lists and dictionaries whose texts are without the secrets; keys stay."""
        if isinstance(value, str):
            return self.mask(value)
        if isinstance(value, Mapping):
            return {key: self.mask_data(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self.mask_data(item) for item in value)
        return value

    def _prepare(self) -> None:
        """Make the pattern of all words, when it is first needed after a change."""
        with self._lock:
            longest_first = sorted(self._words, key=lambda word: (-len(word), word))
            self._long = [word for word in longest_first if len(word) > _PATTERN_LENGTH]
            short = longest_first[len(self._long) :]
            self._pattern = re.compile(_one_of(sorted(short))) if short else None
            self._stale = False


def _one_of(words: Sequence[str]) -> str:
    """Return a pattern of the longest of the words, which are sorted.

    Words with a common beginning share it: of a plain list each would be tried at each character, and
    one private key has hundreds.
    """
    alternatives = []
    for _, same_start in groupby(words, key=lambda word: word[0]):
        group = list(same_start)
        start = os.path.commonprefix(group)  # noqa: RUF071  # of texts
        rests = [word[len(start) :] for word in group if len(word) > len(start)]
        optional = "?" if len(rests) < len(group) else ""
        tail = f"(?:{_one_of(rests)}){optional}" if rests else ""
        alternatives.append(re.escape(start) + tail)
    return "|".join(alternatives)


def is_masked(value: str) -> bool:
    """Return whether a masker that knows ``value`` hides it; short and ordinary words stay readable."""
    return _worth_masking(value.strip())


def _worth_masking(word: str) -> bool:
    return len(word) >= MINIMUM_LENGTH and word.lower() not in _NEVER and not word.isspace()


def _forms(value: str) -> set[str]:
    forms = _written_forms(value)
    lines = [line.strip() for line in value.splitlines()]
    if len(lines) > 1:
        for line in lines:
            forms |= _written_forms(line)
    return forms


def _written_forms(value: str) -> set[str]:
    stripped = value.strip()
    if len(stripped) < MINIMUM_LENGTH:
        return set()
    forms = {value, stripped, *_url_forms(stripped)}
    forms.add(stripped.replace("\\", "\\\\").replace('"', '\\"'))
    forms.add(stripped.replace("'", "'\\''"))
    forms |= _xml_forms(stripped)
    escaped = stripped.encode("unicode_escape").decode("ascii")
    forms |= {escaped, escaped.replace("'", "\\'")}
    for text in {value, stripped, value + "\n"}:
        raw = text.encode("utf-8", "surrogateescape")
        forms |= _base64_forms(raw)
        forms.update(_wrapped_base64(raw))
    return forms


def _xml_forms(text: str) -> set[str]:
    """The text as XML and HTML writers escape it: in an element, and between either quotes."""
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    quoted = plain.replace('"', "&quot;")
    return {plain, quoted, *(quoted.replace("'", form) for form in ("&apos;", "&#39;", "&#x27;"))}


def _url_forms(text: str) -> set[str]:
    raw = text.encode("utf-8", "surrogateescape")
    return {quote(raw, safe=""), quote(raw), quote_plus(raw)}


def _base64_forms(raw: bytes) -> set[str]:
    """The base64 of ``raw`` as it reads at each of the three alignments inside longer input."""
    forms = {base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()}
    for lead in range(3):
        encoded = base64.b64encode(b"\0" * lead + raw)
        first = -(-lead * 8 // 6)
        last = (lead + len(raw)) * 8 // 6
        middle = encoded[first:last].decode()
        if len(middle) >= 8:
            forms |= {middle, middle.replace("+", "-").replace("/", "_")}
    return forms


def _wrapped_base64(raw: bytes) -> Iterator[str]:
    """Yield the lines in which ``base64`` (76 characters) and OpenSSL (64) print a long value."""
    encoded = base64.b64encode(raw).decode()
    for width in (76, 64):
        if len(encoded) > width:
            lines = (encoded[at : at + width] for at in range(0, len(encoded), width))
            yield from (line for line in lines if len(line) >= _WRAPPED_LENGTH)
