"""Jobs that require others which the filters leave out.

Source of the rules: CircleCI's "workflows filtering". A job without a filter for tags runs for none; a
job whose requirements are all filtered out does not run, and of several those that are filtered out
are ignored. So nothing is said as long as one requirement may be left.
"""

from __future__ import annotations

from collections import defaultdict

from pipeline.config.findings import Report
from pipeline.config.java_regex import BadRegex, full_match
from pipeline.config.lint.filters import is_regex
from pipeline.config.lint.survey import Invoked, Survey, entry, items, text_of, texts
from pipeline.config.nodes import Mapping, Node, Scalar

__all__ = ["find_filtered_requirements"]

_MOST_NAMES = 50
"""Branches of a filter that are looked at; hand-written filters have fewer."""

_WITHOUT_IT = {"not_run", "terminal", "canceled"}
"""Endings that a requirement may wait for without the other job having run."""


def find_filtered_requirements(survey: Survey, report: Report) -> None:
    """Warn of jobs that never run for a tag or branch of their filters, because of what they require."""
    for workflow in survey.workflows:
        by_label: dict[str, list[Invoked]] = defaultdict(list)
        for invoked in workflow:
            for label in _labels(invoked):
                by_label[label].append(invoked)
        for invoked in workflow:
            needed = _needed(invoked, by_label)
            if needed and invoked.options is not None:
                _check_tags(invoked, needed, report)
                _check_branches(invoked, needed, report)


def _labels(invoked: Invoked) -> set[str]:
    """Return the names under which a job may be required."""
    options = invoked.options
    named = text_of(entry(options, "name"))
    alias = text_of(entry(entry(options, "matrix"), "alias"))
    return {label for label in (named, alias) if label} or {invoked.name}


def _name(invoked: Invoked) -> str:
    return text_of(entry(invoked.options, "name")) or invoked.name


def _needed(invoked: Invoked, by_label: dict[str, list[Invoked]]) -> list[Invoked]:
    """Return the jobs that one requires; none where it cannot be said for all of them."""
    found: list[Invoked] = []
    for item in items(entry(invoked.options, "requires")):
        name = item.value if type(item) is Scalar else None
        if type(item) is Mapping and item.entries:
            name, statuses = next(iter(item.entries.items()))
            if _WITHOUT_IT & {status.value for status in texts(statuses)}:
                return []
        others = [other for other in by_label.get(str(name), ()) if other is not invoked]
        if not others:
            return []
        found += others
    return found


def _runs_for_tags(invoked: Invoked) -> bool:
    """Return whether a job may run for some tag, so far as its own filters say."""
    filters = entry(invoked.options, "filters")
    if type(filters) is Scalar:
        return True  # an expression, or a tag
    return entry(filters, "tags") is not None


def _check_tags(invoked: Invoked, needed: list[Invoked], report: Report) -> None:
    filters = entry(invoked.options, "filters")
    if entry(filters, "tags") is None or any(map(_runs_for_tags, needed)):
        return
    assert invoked.options is not None
    names = _listed(sorted({_name(other) for other in needed}))
    report.warn(
        "requires-filtered",
        f"the job {_name(invoked)!r} never runs for a tag: it requires {names}, without a filter for tags",
        invoked.options,
        key="requires",
        hint=f"give {names} `filters: {{tags: {{only: …}}}}` as well, for the same tags",
    )


def _check_branches(invoked: Invoked, needed: list[Invoked], report: Report) -> None:
    """Warn of branches that are named, and for which nothing runs that the job requires."""
    only = texts(entry(entry(entry(invoked.options, "filters"), "branches"), "only"))
    exact = [node for node in only if not node.dynamic and not is_regex(node.value)][:_MOST_NAMES]
    lost = [node.value for node in exact if not any(_runs_for(node.value, job) for job in needed)]
    if not lost:
        return
    names = _listed(sorted({_name(other) for other in needed}))
    where = "for any of its branches" if len(lost) == len(only) else f"for {_listed(lost)}"
    assert invoked.options is not None
    report.warn(
        "requires-filtered",
        f"the job {_name(invoked)!r} never runs {where}: it requires {names}, which the filters leave out"
        " there",
        invoked.options,
        key="requires",
        hint=f"let {names} run for {_listed(lost)} as well",
    )


def _runs_for(branch: str, invoked: Invoked) -> bool:
    """Return whether a job may run for a branch, so far as its own filters say."""
    filters = entry(entry(invoked.options, "filters"), "branches")
    if type(filters) is not Mapping:
        return True
    only, ignore = filters.get("only"), filters.get("ignore")
    if only is not None:
        return _may_match(only, branch)
    return not (texts(ignore) and _surely_matches(ignore, branch))


def _may_match(names: Node, branch: str) -> bool:
    return any(node.dynamic or _matches(node.value, branch, True) for node in texts(names))


def _surely_matches(names: Node | None, branch: str) -> bool:
    return any(not node.dynamic and _matches(node.value, branch, False) for node in texts(names))


def _matches(name: str, branch: str, in_doubt: bool) -> bool:
    if not is_regex(name):
        return name == branch
    try:
        return full_match(name[1:-1], branch)
    except BadRegex:
        return in_doubt


def _listed(names: list[str]) -> str:
    shown = [repr(name) for name in names[:5]]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
