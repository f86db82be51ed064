"""Numbers that are not what they look like."""

from __future__ import annotations

import re

from pipeline.config.findings import Report
from pipeline.config.lint.survey import Survey
from pipeline.config.nodes import Node, Scalar
from pipeline.config.values import show

__all__ = ["find_long_numbers", "find_sexagesimal"]

_COLONS = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?(?![\w:])")
_ANY_COLONS = re.compile(r":(?<=[0-9]:)[0-5]?[0-9]")
"""What any such value has in it; begins with the colon, which is what makes it fast to look for."""

_FIRST_EXPONENTIAL = 1_000_000
"""The first whole number that CircleCI's agent writes with an exponent ("variables", integers)."""


def find_sexagesimal(survey: Survey, report: Report) -> None:
    """Warn of values such as ``22:22``, which YAML 1.1 reads as minutes and seconds, 1342."""
    if not _ANY_COLONS.search(survey.namespace.source.text):
        return
    for node in survey.nodes:
        text = _written_with_colons(node, survey)
        if text:
            assert type(node) is Scalar
            report.warn(
                "sexagesimal",
                f"{text} without quotes is the number {show(node.value)}: YAML reads it in base 60",
                node,
                hint=f'put it in quotes: "{text}"',
            )


def _written_with_colons(node: Node, survey: Survey) -> str:
    if type(node) is not Scalar or type(node.value) not in (int, float) or node.style is not None:
        return ""
    found = _COLONS.match(survey.written(node))
    return found[0] if found else ""


def find_long_numbers(survey: Survey, report: Report) -> None:
    """Warn of whole numbers in an environment that reach the job as ``1.234567e+06``."""
    for environment in survey.environments:
        for name, node in environment.settings():
            value = node.value
            if type(value) is not int or abs(value) < _FIRST_EXPONENTIAL:
                continue
            if _written_with_colons(node, survey):
                continue
            report.warn(
                "environment-number",
                f"{name} reaches the job as {_exponential(value)}",
                node,
                hint=f'put it in quotes: "{value}"' if abs(value) < 10**40 else "put it in quotes",
            )


def _exponential(value: int) -> str:
    """Return a number as Go's ``%v`` prints it as a float."""
    try:
        mantissa, _, exponent = f"{float(value):.17e}".partition("e")
    except OverflowError:
        return "+Inf"
    shortest = repr(float(value) / 10 ** int(exponent)) if abs(value) < 10**300 else mantissa
    return f"{shortest.removesuffix('.0')}e{exponent}"
