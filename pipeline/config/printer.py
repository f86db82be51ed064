"""Writes a processed configuration as YAML that reads back as the same values, here and elsewhere.

The style of every scalar is decided here: a text that another YAML reader could take for something
else stands in quotes. The emitting itself is the library's.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from pipeline.config.model import CompiledConfig
from pipeline.config.nodes import Timestamp
from pipeline.config.scalars import is_plain_text

__all__ = ["print_config", "to_yaml"]

_AMBIGUOUS = re.compile(
    r"(?:y|Y|n|N|=|<<|\.{3}|-{3}"  # booleans of YAML 1.1, merge keys, the document's marks
    r"|0o[0-7]+|[-+]?(?:0|[1-9][0-9_]*)(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?|[-+.0-9].*)\Z",
    re.DOTALL,
)
_CONTROL = re.compile(r"[^\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]|\x85|\u2028|\u2029")
_WIDTH = 100
_Emitter: Any = getattr(yaml, "CDumper", None) or yaml.Dumper


def to_yaml(value: Any, *, comments: Sequence[str] = ()) -> str:
    """Return plain values as one YAML document.

    Args:
        value: dictionaries, lists and scalars.
        comments: lines above the document, without their ``#``.
    """
    head = "".join(f"# {line}\n" for comment in comments for line in comment.splitlines())
    events = [
        yaml.StreamStartEvent(),
        yaml.DocumentStartEvent(explicit=False),
        *_events(value),
        yaml.DocumentEndEvent(explicit=False),
        yaml.StreamEndEvent(),
    ]
    out = io.StringIO()
    emitter = _Emitter(out, width=_WIDTH, allow_unicode=True)
    try:
        for event in events:
            emitter.emit(event)
    finally:
        emitter.dispose()
    return head + out.getvalue().removesuffix("...\n")


def _events(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield yaml.MappingStartEvent(None, None, True, flow_style=not value)
        for key, item in value.items():
            yield _text_event(str(key), is_key=True)
            yield from _events(item)
        yield yaml.MappingEndEvent()
    elif isinstance(value, list | tuple):
        yield yaml.SequenceStartEvent(None, None, True, flow_style=not value)
        for item in value:
            yield from _events(item)
        yield yaml.SequenceEndEvent()
    elif isinstance(value, str):
        yield _text_event(value)
    else:
        yield yaml.ScalarEvent(None, None, (True, False), _plain(value), style=None)


def _plain(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float(value)
    return str(value)


def _float(value: float) -> str:
    if math.isnan(value):
        return ".nan"
    if value in (float("inf"), float("-inf")):
        return ".inf" if value > 0 else "-.inf"
    text = repr(value)
    if "e" in text and "." not in text:
        text = text.replace("e", ".0e")  # 1e+16 is a text to some readers, 1.0e+16 to none
    return text


def _text_event(text: str, *, is_key: bool = False) -> Any:
    style = None
    implicit = (True, True)
    if isinstance(text, Timestamp):
        implicit = (True, False)
    elif _CONTROL.search(text):
        style = '"'
    elif "\n" in text and not is_key:
        style = "|" if _is_literal(text) else '"'
    elif is_key and "\n" in text:
        style = '"'
    elif not is_plain_text(text) or _AMBIGUOUS.match(text):
        style = "'"
    return yaml.ScalarEvent(None, None, implicit, str(text), style=style)


def _is_literal(text: str) -> bool:
    """Return whether a text of several lines can stand after ``|`` and be read back as it is.

    Trailing spaces, and spaces or line breaks at the beginning, would need marks that readers differ in.
    """
    if text[0] in " \n" or text.endswith("\n\n") or text == "\n":
        return False
    return not any(line.endswith(" ") or (line and not line.strip()) for line in text.split("\n"))


def print_config(config: CompiledConfig) -> str:
    """Return a compiled configuration as CircleCI's own tool prints it.

    Above the document stand the orbs that were resolved and the commands that hide a built-in step.
    """
    comments = [f"Orb '{orb.reference}' resolved to '{orb.resolved}'" for orb in config.orbs]
    comments += [
        f"WARNING: {finding.message}"
        for finding in config.warnings
        if finding.code == "overrides-built-in"
    ]
    return to_yaml(config.data, comments=comments)
