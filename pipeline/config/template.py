r"""Reading a text with ``<< … >>`` in it.

The rules, as compiled configurations show them:

- ``<< x >>`` and ``<<x>>`` are a tag; where it is the whole value, the type of ``x`` survives.
- ``<<# x >>…<</ x >>`` keeps the text between where ``x`` is true, ``<<^ x >>`` where it is not.
- An odd number of backslashes before ``<<`` makes it literal, an even number is half as many
  backslashes and a tag: ``\<<`` is ``<<``, and ``\\<< x >>`` is a backslash and the value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.config.expression import Expression, ExpressionError, parse_expression

__all__ = ["Part", "Section", "Tag", "Template", "TemplateError", "parse_template", "template_tags"]

_DEEPEST = 50
_WORDS = frozenset({"or", "and", "not", "starts-with", "matches"})


class TemplateError(Exception):
    """A text's tags cannot be read.

    Attributes:
        code: ``unclosed-tag``, ``expression-syntax``, ``unknown-variable`` or ``include``.
        offset: where in the text, in characters from 0.
    """

    def __init__(self, message: str, code: str, offset: int, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.offset = offset
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Tag:
    """``<< expression >>``; ``source`` is what stands between, ``offset`` where the tag begins."""

    expression: Expression
    source: str
    offset: int


@dataclass(frozen=True, slots=True)
class Section:
    """``<<# condition >> parts <</ condition >>``, or ``<<^`` where it is inverted."""

    condition: Tag
    inverted: bool
    parts: tuple[Part, ...]


Part = str | Tag | Section


@dataclass(frozen=True, slots=True)
class Template:
    """A text's parts.

    Attributes:
        parts: literal texts, tags and sections.
        whole: the tag that is the whole text, else None.
    """

    parts: tuple[Part, ...]
    whole: Tag | None


def template_tags(parts: tuple[Part, ...]) -> Iterator[Tag]:
    """Yield every tag of a template, those of sections as well."""
    for part in parts:
        if isinstance(part, Tag):
            yield part
        elif isinstance(part, Section):
            yield part.condition
            yield from template_tags(part.parts)


def parse_template(text: str) -> Template:
    """Read a text's tags.

    Raises:
        TemplateError: a tag is not closed, or holds what is not an expression.
    """
    parts = _Reader(text).whole()
    only = parts[0] if len(parts) == 1 else None
    return Template(parts, only if isinstance(only, Tag) else None)


@dataclass(slots=True)
class _Open:
    """A section that is not closed yet, with the parts before it."""

    condition: Tag
    inverted: bool
    before: list[Part]


_SECTION = re.compile(r"<<\s*[#^/]")
_BLANK = re.compile(r"[^\S\n]*")


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._parts: list[Part] = []
        self._pending: list[str] = []
        self._open: list[_Open] = []

    def whole(self) -> tuple[Part, ...]:
        at = 0
        while (start := self._text.find("<<", at)) >= 0:
            backslashes = 0
            while start - backslashes > at and self._text[start - backslashes - 1] == "\\":
                backslashes += 1
            before, behind = start - backslashes, -1
            if not backslashes:
                before, behind = self._own_line(at, start)
            self._literal(self._text[at:before] + "\\" * (backslashes // 2))
            if backslashes % 2:
                self._literal("<<")
                at = start + 2
            else:
                at = max(self._tag(start), behind)
        self._literal(self._text[at:])
        self._flush()
        if self._open:
            condition = self._open[-1].condition
            raise TemplateError(
                f"Unclosed '<<' tag: the section {condition.source} is not closed",
                "unclosed-tag",
                condition.offset,
                f"close it with <</ {condition.source} >>",
            )
        return tuple(self._parts)

    def _literal(self, text: str) -> None:
        if text:
            self._pending.append(text)

    def _flush(self) -> None:
        """Make one part of the literal texts since the last tag."""
        if self._pending:
            self._parts.append("".join(self._pending))
            self._pending = []

    def _tag(self, start: int) -> int:
        self._flush()
        end = _closing(self._text, start + 2)
        content = self._text[start + 2 : end].strip() if end >= 0 else ""
        if end < 0 or ("<<" in content and '"' not in content):
            raise TemplateError(
                "Unclosed '<<' tag",
                "unclosed-tag",
                start,
                "'<<' must be escaped as '\\<<' in config v2.1+",
            )
        if content[:1] in ("#", "^"):
            self._begin(content, start)
        elif content[:1] == "/":
            self._finish(content[1:].strip(), start)
        else:
            self._parts.append(_make_tag(content, start))
        return end + 2

    def _own_line(self, at: int, start: int) -> tuple[int, int]:
        """Return where the text before a tag ends, and where that behind it begins.

        A section's tag that has a line to itself takes the line along, as in Mustache.
        """
        text = self._text
        end = text.find(">>", start) if _SECTION.match(text, start) else -1
        if end < 0:
            return start, -1
        line = start
        while line and text[line - 1] in " \t":
            line -= 1
        behind = _BLANK.match(text, end + 2)
        assert behind
        next_line = behind.end()
        if (line and text[line - 1] != "\n") or text[next_line : next_line + 1] not in ("", "\n"):
            return start, -1
        if line == 0 and next_line == len(text):
            return start, -1  # The text is this one line.
        return max(line, at), min(next_line + 1, len(text))

    def _begin(self, content: str, start: int) -> None:
        if len(self._open) >= _DEEPEST:
            raise TemplateError("sections are nested too deeply", "unclosed-tag", start)
        condition = _make_tag(content[1:].strip(), start)
        self._open.append(_Open(condition, content[0] == "^", self._parts))
        self._parts = []

    def _finish(self, name: str, start: int) -> None:
        if not self._open:
            raise TemplateError(
                f"<</ {name} >> closes a section that was not opened", "unclosed-tag", start
            )
        opened = self._open.pop()
        if opened.condition.source != name:
            raise TemplateError(
                f"<</ {name} >> stands where the section {opened.condition.source} ends",
                "unclosed-tag",
                start,
                f"write <</ {opened.condition.source} >>",
            )
        section = Section(opened.condition, opened.inverted, tuple(self._parts))
        self._parts = opened.before
        self._parts.append(section)


def _closing(text: str, start: int) -> int:
    """Return where the ``>>`` of a tag is, not one inside of its quotes; -1 where there is none."""
    first = text.find(">>", start)
    if first < 0 or '"' not in text[start:first]:
        return first
    at, quoted = start, False
    while at < len(text):
        character = text[at]
        if quoted and character == "\\":
            at += 1
        elif character == '"':
            quoted = not quoted
        elif not quoted and text.startswith(">>", at):
            return at
        at += 1
    return first


def _make_tag(content: str, offset: int) -> Tag:
    if content.startswith("include("):
        raise TemplateError(
            "<<include(…)>> is filled in when an orb is packed, and not here",
            "include",
            offset,
            "pack the orb with `orbyard orb.pack`; in config.yml write the text itself",
        )
    try:
        return Tag(parse_expression(content), content, offset)
    except ExpressionError as error:
        hint = "'<<' must be escaped as '\\<<' in config v2.1+" if "\n" in content else None
        if re.fullmatch(r"[\w.-]+", content) and content not in _WORDS:
            raise TemplateError(
                f"Unknown variable(s): {content}", "unknown-variable", offset, hint
            ) from None
        raise TemplateError(str(error), error.code, offset, hint) from None
