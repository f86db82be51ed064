"""Filters of branches and tags that can never match."""

from __future__ import annotations

import re

from pipeline.config.findings import Report
from pipeline.config.lint.survey import Survey, entry, texts
from pipeline.config.nodes import Mapping, Scalar, Sequence
from pipeline.config.values import show

__all__ = ["EVERYTHING", "find_filters_that_never_match", "is_regex"]

EVERYTHING = frozenset({"/.*/", "/.+/", "/^.*/", "/^.*$/", "/.*$/", "/^.+$/", "/^.+/", "/.+$/"})
"""Regular expressions that match every name."""

_NOT_IN_NAMES = re.compile(r"[\x00-\x20~^:?*\[\\\x7f]|\.\.|//|@\{|^/|/$|\.$|\.lock$")
"""What Git refuses in the name of a branch or tag (git-check-ref-format)."""

_LIKE_REGEX = re.compile(r"\||\.\+|\$$")
"""What Git would take, and nobody puts into a name."""

_PLAIN_REGEX = re.compile(r"\^?((?:[\w /-]|\\[./ -])*)\$?\Z")
_FLAGGED = re.compile(r"/(.+)/([a-z]+)\Z")
_GLOB = re.compile(r"(?<![.)\]}])\*")


def is_regex(text: str) -> bool:
    """Return whether a filter is a regular expression: it stands between slashes."""
    return len(text) > 1 and text[0] == text[-1] == "/"


def find_filters_that_never_match(survey: Survey, report: Report) -> None:
    """Warn of filters of jobs that can never match, as far as that is certain."""
    for workflow in survey.workflows:
        for invoked in workflow:
            filters = entry(invoked.options, "filters")
            if type(filters) is Mapping:
                _check_never(filters, invoked.name, report)
                for kind in ("branches", "tags"):
                    names = filters.get(kind)
                    if type(names) is Mapping:
                        _check_names(names, kind, invoked.name, report)


def _check_never(filters: Mapping, job: str, report: Report) -> None:
    """Warn where a job runs for no branch, and has no filter that would let it run for tags."""
    ignored = texts(entry(filters.get("branches"), "ignore"))
    only = entry(filters.get("branches"), "only")
    if filters.get("tags") is None and only is None:
        for name in ignored:
            if name.value in EVERYTHING:
                report.warn(
                    "filter-never",
                    f"the job {job!r} never runs: it ignores every branch, and has no filter for tags",
                    name,
                    hint="add `tags: {only: …}` to the filters, or remove the job from the workflow",
                )
                return


def _check_names(names: Mapping, kind: str, job: str, report: Report) -> None:
    only, ignore = names.get("only"), names.get("ignore")
    if type(only) is Sequence and not only.items:
        report.warn(
            "filter-never",
            f"the list of {kind} that the job {job!r} is to run for is empty",
            names,
            key="only",
            hint=f"name the {kind}, or remove `only`",
        )
    for node in (*texts(only), *texts(ignore)):
        _check_name(node, kind, report)
    wanted = texts(only)
    left = {node.value for node in texts(ignore)}
    exact = all(not is_regex(node.value) and not node.dynamic for node in wanted)
    if wanted and left and exact and all(node.value in left for node in wanted):
        report.warn(
            "filter-never",
            f"`ignore` has all the {kind} that `only` has, so the job {job!r} is to run for none",
            names,
            key="ignore",
            hint="`only` alone leaves all others out: remove `ignore`",
        )


def _check_name(node: Scalar, kind: str, report: Report) -> None:
    text: str = node.value
    if node.dynamic or not text:
        return
    what = "branch" if kind == "branches" else "tag"
    if is_regex(text):
        found = _PLAIN_REGEX.match(text[1:-1])
        if found and _is_no_name(found[1].replace("\\", "")):
            report.warn(
                "filter-never",
                f"no {what} can match {show(text)}: the expression has to match the whole name, and Git"
                " allows no such name",
                node,
                hint="correct the expression",
            )
    elif _NOT_IN_NAMES.search(text) or _LIKE_REGEX.search(text):
        report.warn(
            "filter-never",
            f"{show(text)} is taken literally, and no {what} has such a name",
            node,
            hint=_advice(text),
        )


def _is_no_name(text: str) -> bool:
    return not text or bool(_NOT_IN_NAMES.search(text))


def _advice(text: str) -> str:
    if " " in text.strip() and not re.search(r"[*^$\\|]", text):
        names = ", ".join(part.strip(",") for part in text.split() if part.strip(","))
        return f"write several names as a list: [{names}]"
    if flagged := _FLAGGED.match(text):
        body = f"(?{flagged[2]}){flagged[1]}" if flagged[2] in ("i", "m", "s") else flagged[1]
        return f"put flags inside of the expression, and the slashes around all of it: /{body}/"
    body = _GLOB.sub(".*", text.strip("/ "))
    return f"write a regular expression between slashes: /{body}/"
