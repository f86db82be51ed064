"""The rules of ``.dockerignore``: what of a checkout is not sent to a builder.

Each line is a pattern; the last one that matches a path, or a folder above it, decides. The rules are
those of BuildKit (moby/patternmatcher), which reads ``<Dockerfile>.dockerignore`` before
``.dockerignore``. Where builders differ from each other, or Orbyard from them:

==========================================  ===========================  ===========================
case                                        builders                     here
==========================================  ===========================  ===========================
``<Dockerfile>.dockerignore``               BuildKit reads it, the       read for both
                                            classic builder does not
``vendor`` then ``!**/keep``                BuildKit looks inside        as BuildKit
                                            ``vendor``, the classic
                                            builder does not
``**x`` (no slash after ``**``)             since Docker 23 ``ax``       as since Docker 23
                                            matches, before only ``x``
                                            and ``a/x``
the Dockerfile and the ignore file,         sent, but not for ``ADD``;   the same; with BuildKit the
where they are ignored                                                   Dockerfile alone can be
                                                                         added by ``ADD .``
``.git``                                    sent                         left out unless an ``ADD``
                                                                         names it: its files differ
                                                                         from clone to clone and may
                                                                         hold credentials
a dependency folder that is ignored as a    not sent, ``ADD`` of it      sent whole where an ``ADD``
whole (``node_modules``)                    fails                        names it
sockets, pipes and devices                  pipes and devices are sent   left out
file modes                                  sent as they are             0644, 0755 where the owner
                                                                         may execute; folders 0755
==========================================  ===========================  ===========================
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import InvalidInput, Location

__all__ = ["IgnoreFile", "Pattern", "ignored_by", "parse_dockerignore", "read_dockerignore"]


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line. ``exception`` says that it began with ``!``; ``text`` is cleaned, without it."""

    text: str
    exception: bool
    regex: re.Pattern[str]
    line: int

    @property
    def literal_prefix(self) -> str:
        """What paths that match begin with: the folders of the pattern before the first wildcard."""
        head = re.split(r"[*?\[\\]", self.text, maxsplit=1)[0]
        return head if head == self.text else head.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class IgnoreFile:
    """The patterns of one file; ``name`` is "" where there is none."""

    patterns: tuple[Pattern, ...] = ()
    name: str = ""

    def ignores(self, path: str) -> bool:
        """Return whether a path (relative, with ``/``, no leading one) is left out."""
        return self.judge(path, self.parent_matches(posixpath.dirname(path)))[0]

    def parent_matches(self, folder: str) -> tuple[bool, ...]:
        """Return for each pattern whether it matches a folder or one above it."""
        matches = (False,) * len(self.patterns)
        if folder:
            parts = folder.split("/")
            for count in range(1, len(parts) + 1):
                matches = self.judge("/".join(parts[:count]), matches)[1]
        return matches

    def judge(self, path: str, above: tuple[bool, ...]) -> tuple[bool, tuple[bool, ...]]:
        """Return whether a path is left out, and what to pass as ``above`` for what is in it.

        Args:
            path: relative to the root.
            above: what this returned for the folder it is in; all False at the root.
        """
        matches = tuple(
            inherited or pattern.regex.match(path) is not None
            for pattern, inherited in zip(self.patterns, above, strict=True)
        )
        out = False
        for pattern, match in zip(self.patterns, matches, strict=True):
            if match:
                out = not pattern.exception
        return out, matches

    def may_hold_exceptions(self, folder: str) -> bool:
        """Return whether something in an ignored folder could be taken back by a ``!`` line."""
        for pattern in self.patterns:
            prefix = pattern.literal_prefix
            if pattern.exception and (
                not prefix
                or f"{prefix}/".startswith(f"{folder}/")
                or f"{folder}/".startswith(f"{prefix}/")
            ):
                return True
        return False


def read_dockerignore(root: Path, dockerfile: str) -> IgnoreFile:
    """Read the ignore file of a Dockerfile: its own one, else ``.dockerignore``, else none.

    Raises:
        InvalidInput: a pattern is wrong, or the file cannot be read.
    """
    for name in (f"{dockerfile}.dockerignore", ".dockerignore"):
        try:
            text = (root / name).read_text(encoding="utf-8-sig")
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"cannot be read: {error}", where=Location(name)) from error
        return parse_dockerignore(text, name)
    return IgnoreFile()


def parse_dockerignore(text: str, name: str = ".dockerignore") -> IgnoreFile:
    """Parse an ignore file.

    Raises:
        InvalidInput: a lone ``!``, or a ``[`` without its end.
    """
    patterns = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        # A comment begins in the first column; an indented # is a name.
        if line.startswith("#") or not line.strip():
            continue
        written = line.strip()
        exception = written.startswith("!")
        body = written[1:].strip() if exception else written
        if not body:
            raise InvalidInput("a lone '!' takes nothing back", where=Location(name, number))
        cleaned = _clean(body)
        try:
            regex = re.compile(_regex(cleaned), re.DOTALL)
        except (re.error, ValueError) as error:
            raise InvalidInput(
                f"the pattern {written!r} is wrong: {error}", where=Location(name, number)
            ) from error
        patterns.append(Pattern(cleaned, exception, regex, number))
    return IgnoreFile(tuple(patterns), name)


def _clean(body: str) -> str:
    """What Go's filepath.Clean makes of a pattern, and one leading slash less."""
    cleaned = posixpath.normpath(body)
    if cleaned.startswith("//"):
        cleaned = cleaned[1:]
    return cleaned[1:] if len(cleaned) > 1 and cleaned.startswith("/") else cleaned


def _regex(pattern: str) -> str:
    """Translate to a regular expression over the whole path.

    ``*`` and ``?`` stop at slashes; ``**/`` is any number of folders, also none; ``**`` at the end is
    everything; ``**x`` at the beginning is every path that ends in ``x``.
    """
    if pattern.startswith("**") and _is_plain(pattern[2:]):
        suffix = pattern[2:]
        if suffix.startswith("/"):
            return rf"(?:.*{re.escape(suffix)}|{re.escape(suffix[1:])})\Z"
        return rf".*{re.escape(suffix)}\Z"
    result, position = "", 0
    while position < len(pattern):
        piece, position = _piece(pattern, position)
        result += piece
    return result + r"\Z"


def _is_plain(text: str) -> bool:
    return not re.search(r"[*?\[\]\\]", text)


def _piece(pattern: str, at: int) -> tuple[str, int]:
    char = pattern[at]
    if pattern.startswith("**", at):
        after = at + 3 if pattern.startswith("**/", at) else at + 2
        return (".*", after) if after >= len(pattern) else ("(?:.*/)?", after)
    if char == "*":
        return "[^/]*", at + 1
    if char == "?":
        return "[^/]", at + 1
    if char == "[":
        return _character_class(pattern, at)
    if char == "\\":
        if at + 1 == len(pattern):
            raise ValueError("it ends in a backslash")
        return re.escape(pattern[at + 1]), at + 2
    return re.escape(char), at + 1


def _character_class(pattern: str, at: int) -> tuple[str, int]:
    """``[a-z]`` and ``[^a-z]``; a backslash escapes."""
    position, members = at + 1, ""
    negated = pattern.startswith("^", position)
    position += negated
    while position < len(pattern) and (pattern[position] != "]" or not members):
        if pattern[position] == "\\" and position + 1 < len(pattern):
            position += 1
            members += re.escape(pattern[position])
        elif pattern[position] == "-":
            members += "-"
        else:
            members += re.escape(pattern[position])
        position += 1
    if position >= len(pattern) or not members:
        raise ValueError("a [ has no ] to it")
    return f"[{'^' if negated else ''}{members}]", position + 1


def ignored_by(ignore: IgnoreFile, path: str) -> Pattern | None:
    """Return the pattern that leaves a path out, for messages; None where it is sent."""
    out, matches = ignore.judge(path, ignore.parent_matches(posixpath.dirname(path)))
    if not out:
        return None
    return [p for p, match in zip(ignore.patterns, matches, strict=True) if match][-1]
