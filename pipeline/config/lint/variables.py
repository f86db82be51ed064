"""Variables in an environment, which nothing expands: CircleCI hands the text on as it is."""

from __future__ import annotations

import re

from pipeline.config.findings import Report
from pipeline.config.lint.survey import Environment, Setting, Survey, text_of

__all__ = ["find_literal_variables"]

_VARIABLE = re.compile(
    r"(?<![\w$\\])\$(?:\{[A-Za-z_]\w*(?:[}\[]|:?[-+?=]|[#%/^,])|[A-Za-z_]\w*|\()"
    r"|(?<=\w)\$\{[A-Za-z_]\w*\}"
)
_EXPANDED_LATER = re.compile(r"\beval\b|env ?subst|\$\{!|\bprintenv\b|\bxargs\b")
"""In a step's command: what expands the text after all."""

_MEANT_FOR_LATER = re.compile(
    r"ORB_EVAL|ORB_STR|PROMPT|\APS\d\Z|_FORMAT\Z|TEMPLATE|_REGEXP?\Z|PATTERN|_EVAL\Z"
)


def find_literal_variables(survey: Survey, report: Report) -> None:
    """Warn of ``$VAR``, ``${VAR}``, ``$(…)`` and a leading ``~/`` in the values of an environment."""
    for environment in survey.environments:
        if _EXPANDED_LATER.search(environment.command):
            continue
        for setting in environment.settings:
            _check(setting, environment, report)


def _check(setting: Setting, environment: Environment, report: Report) -> None:
    text = text_of(setting.value)
    if setting.value.dynamic or _MEANT_FOR_LATER.search(setting.name):
        return
    home = text.startswith("~/") and not setting.name.startswith("BUNDLE_")  # Bundler expands it
    if not home and not _VARIABLE.search(text):
        return
    what = "`~` is not expanded" if home else "no variable is expanded"
    report.warn(
        "environment-variable-literal",
        f"{setting.name} is set to this text itself: {what} in an environment",
        setting.value,
        hint=_advice(setting.name, text, environment.place),
    )


def _advice(name: str, text: str, place: str) -> str:
    if place == "step":
        return f"set it in the step's command: `export {name}=…`"
    shown = text if len(text) <= 40 and "'" not in text and "\n" not in text else "…"
    return (
        f"set it in a run step for those after it: `echo 'export {name}={shown}' >> \"$BASH_ENV\"`"
    )
