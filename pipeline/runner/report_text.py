"""Texts of a report: escaped for HTML and XML, without what would hide or reorder them."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

__all__ = ["anchor_href", "anchor_name", "escaped", "link_to", "time_tag", "visible", "xml_text"]

_UNSEEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls but for tab and line feed
    "\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069"  # what reorders text or is not seen
    "\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff"
)
UNSEEN = re.compile(f"[{_UNSEEN}]")
"""Characters that a report shows by their numbers, since they would hide or reorder others."""
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def visible(text: str) -> str:
    """Return ``text`` with each character that is not seen as ``⟨U+202E⟩``."""
    return UNSEEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)


def escaped(text: object) -> str:
    """Return a text as it may stand in HTML, in an element as well as in a quoted attribute."""
    return html.escape(visible(str(text)))


def xml_text(text: str) -> str:
    """Return ``text`` without what XML 1.0 has no form for."""
    return _NOT_XML.sub("\ufffd", text)


def anchor_name(text: str) -> str:
    """Return a text as the name of a place in the page: without blanks and what is not seen."""
    return re.sub(r"[\s<>\"'&#%]+", "-", UNSEEN.sub("", text)).strip("-") or "-"


def anchor_href(anchor: str) -> str:
    """Return the link to a place in the page, ready for an attribute."""
    return "#" + quote(anchor, safe="/[]@:,~.")


def link_to(path: Path, page_folder: Path) -> str:
    """Return the link from a page to a file: relative, so that both can be moved together."""
    from os.path import relpath

    shown = relpath(path, page_folder)
    return "./" + quote(shown.encode("utf-8", "surrogateescape"))


def time_tag(seconds: float | None) -> str:
    """Return a moment as HTML; the page shows it in the reader's time zone where it can."""
    if seconds is None:
        return ""
    moment = datetime.fromtimestamp(seconds, UTC)
    machine = moment.isoformat(timespec="seconds")
    return f'<time datetime="{machine}">{moment:%Y-%m-%d %H:%M:%S} UTC</time>'
