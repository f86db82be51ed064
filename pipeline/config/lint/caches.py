"""Keys of caches that never change, and keys that change every time.

A cache is never written again under the same key, and one is found by the beginning of its key.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right

from pipeline.config.findings import Report
from pipeline.config.lint.survey import Step, Survey, entry, texts
from pipeline.config.nodes import Scalar

__all__ = ["find_changing_keys", "find_constant_keys"]

_TEMPLATE = re.compile(r"\{\{((?:(?!\{\{).)*?)\}\}", re.DOTALL)
_FIXED = re.compile(
    r"\s*(?:arch|\.Environment\.(?:CI|CIRCLECI|HOME|OS|CIRCLE_JOB|CIRCLE_PROJECT_\w+))\s*\Z"
)
_VERSION = re.compile(r"\d+\.\d+")
_EACH_TIME = re.compile(r"\{\{\s*(?:epoch|\.BuildNum|\.Environment\.CIRCLE_BUILD_NUM)\s*\}\}")
_EACH_REVISION = re.compile(r"\{\{\s*(?:\.Revision|\.Environment\.CIRCLE_SHA1)\s*\}\}")


def find_constant_keys(survey: Survey, report: Report) -> None:
    """Warn of ``save_cache`` whose key is always the same.

    A key with a version number in it (``dockerize-v0.6.1``) is that of a tool, and means to stay.
    """
    for step in survey.steps:
        if step.name != "save_cache":
            continue
        for key in texts(entry(step.body, "key")):
            inside = _TEMPLATE.findall(key.value)
            if key.dynamic or _VERSION.search(key.value) or not all(map(_FIXED.match, inside)):
                continue
            report.warn(
                "cache-key-constant",
                "this key never changes, and a cache is never written again under the same key: it stays as"
                " it was saved the first time",
                key,
                hint='add what the content depends on, as {{ checksum "Gemfile.lock" }}',
            )


def find_changing_keys(survey: Survey, report: Report) -> None:
    """Warn of caches that are never found, since a part of their key is another each time.

    A key with the revision passes files on between the jobs of a workflow, and is found there.
    """
    saved = [key for step in survey.steps if step.name == "save_cache" for key in _keys(step)]
    written = sorted(key.value for key in saved)
    all_known = bool(saved) and not any(key.dynamic for key in saved)
    restored = [key for step in survey.steps if step.name == "restore_cache" for key in _keys(step)]
    told: set[str] = set()
    for step in survey.steps:
        if step.name == "restore_cache" and (key := _never_found(_keys(step), written, all_known)):
            told.add(key.value)
            _warn(key, report)
    known = {key.value for key in restored}
    ordered, lengths = sorted(known), sorted({len(key) for key in known})
    if not restored or any(key.dynamic for key in restored):
        return
    for key in saved:
        if (
            key.value not in told
            and not key.dynamic
            and _never_restored(key.value, known, ordered, lengths)
        ):
            _warn(key, report)


def _keys(step: Step) -> list[Scalar]:
    return [*texts(entry(step.body, "key")), *texts(entry(step.body, "keys"))]


def _begins_one(text: str, ordered: list[str]) -> bool:
    """Return whether a text is the beginning of one of the ordered texts."""
    at = bisect_left(ordered, text)
    return at < len(ordered) and ordered[at].startswith(text)


def _never_found(keys: list[Scalar], saved: list[str], all_known: bool) -> Scalar | None:
    """Return the last key of a ``restore_cache`` where none of its keys can find anything.

    Args:
        keys: in the order in which they are tried.
        saved: the keys of every ``save_cache``, in alphabetical order.
        all_known: whether these are all that is saved, and none of them has a tag.
    """
    for key in keys:
        text: str = key.value
        if key.dynamic:
            return None
        if _EACH_TIME.search(text):
            continue
        if not _EACH_REVISION.search(text) or not all_known or _begins_one(text, saved):
            return None
    return keys[-1] if keys else None


def _never_restored(text: str, restored: set[str], ordered: list[str], lengths: list[int]) -> bool:
    """Return whether no restored key can begin a saved one that changes every time.

    ``ordered`` has the restored keys in alphabetical order, and ``lengths`` their lengths.
    A template before the part that changes may come to what a restored key writes out, as its branch.
    """
    each_time = _EACH_TIME.search(text)
    changing = each_time or _EACH_REVISION.search(text)
    if not changing:
        return False
    head, template, _ = text[: changing.start()].partition("{{")
    if template and _begins_one(head, ordered):
        return False
    longest = each_time.start() if each_time else len(text)
    fitting = lengths[: bisect_right(lengths, longest)]
    return not any(text[:length] in restored for length in fitting)


def _warn(key: Scalar, report: Report) -> None:
    found = _EACH_TIME.search(key.value) or _EACH_REVISION.search(key.value)
    assert found
    begin = key.value[: found.start()]
    report.warn(
        "cache-key-always-changes",
        f"{found[0]} is another each time, so no cache is ever found by this key",
        key,
        hint=f"restore with `keys:` that end in a shorter one, as {begin!r}"
        if begin
        else "begin the key with what stays, and restore by that beginning",
    )
