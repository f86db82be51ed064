"""Words in manifests that a deploy replaces: the image's name, and any others of the settings.

Replaced in the file's text before it is read as YAML, as ``sed`` does it, so that a word may stand
anywhere; the longest first, each place once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.errors import Problem, did_you_mean
from pipeline.yamlfile import Document, KeyPath

__all__ = ["Anchors", "fill_in", "find_leftovers", "looks_like_anchor", "replace_anchors"]

_WORD = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+\b")
_CONTAINER_LISTS = frozenset({"containers", "initContainers", "ephemeralContainers"})


@dataclass(frozen=True, slots=True)
class Anchors:
    """The words and what they become."""

    values: Mapping[str, str]

    def __post_init__(self) -> None:
        if "" in self.values:
            raise ValueError("an anchor needs a name")

    @property
    def pattern(self) -> re.Pattern[str] | None:
        """Finds any of them, the longest first; None where there are none."""
        words = sorted(self.values, key=lambda word: (-len(word), word))
        return re.compile("|".join(map(re.escape, words))) if words else None


def fill_in(template: str, names: Mapping[str, str]) -> str:
    """Return ``template`` with ``{env}``, ``{revision}`` and ``{image}`` filled in.

    Other braces stay as they are: an anchor's value may be JSON.
    """
    for name, value in names.items():
        template = template.replace("{" + name + "}", value)
    return template


def replace_anchors(text: str, anchors: Anchors) -> tuple[str, frozenset[str]]:
    """Return the text with its anchors replaced, and those that it held."""
    used: set[str] = set()

    def value_of(match: re.Match[str]) -> str:
        used.add(match[0])
        return anchors.values[match[0]]

    pattern = anchors.pattern
    return (pattern.sub(value_of, text) if pattern else text), frozenset(used)


def find_leftovers(document: Document, known: Sequence[str], untouched: str = "") -> list[Problem]:
    """Return what still looks like an anchor in a document whose anchors were replaced.

    That is any image that no registry could hold: in capitals. (A word in capitals elsewhere is as
    likely the name of an environment variable.)

    Args:
        document: the manifest.
        known: the anchors there are, for a hint.
        untouched: an anchor that was left on purpose.
    """
    problems = []
    for path, image in _images(document.value, ()):
        if image == untouched or not looks_like_anchor(image):
            continue
        word = _WORD.search(image)
        near = did_you_mean(word[0] if word else image, known)
        problems.append(
            Problem(
                f"the image {image!r} is an anchor that nothing replaces",
                document.where(path),
                near or "give it a value under `deploy.anchors`, or write a real image",
            )
        )
    return problems


def looks_like_anchor(image: str) -> bool:
    """Return whether an image's repository is in capitals, which no image's can be."""
    name = image.partition("@")[0]
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        name = rest  # The registry's host may be in capitals.
    head, _, last = name.rpartition("/")
    repository = f"{head}/{last.partition(':')[0]}"
    return repository != repository.lower()


def _images(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in _CONTAINER_LISTS and isinstance(inner, list):
                for index, container in enumerate(inner):
                    image = container.get("image") if isinstance(container, dict) else None
                    if isinstance(image, str):
                        yield (*path, key, index, "image"), image
            else:
                yield from _images(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _images(inner, (*path, index))
