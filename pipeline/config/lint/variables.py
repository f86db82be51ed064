"""Variables in an environment, which nothing expands: CircleCI hands the text on as it is."""

from __future__ import annotations

import re

from pipeline.config.findings import Report
from pipeline.config.lint.secret_shapes import is_telling_name
from pipeline.config.lint.survey import Survey, text_of

__all__ = ["find_literal_variables"]

_VARIABLE = re.compile(
    r"(?<![\w$\\])\$(?:\{[A-Za-z_]\w*(?:[}\[]|:?[-+?=]|[#%/^,])|[A-Za-z_]\w*|\()"
    r"|(?<=\w)\$\{[A-Za-z_]\w*\}"
)
_EXPANDED_LATER = re.compile(r"\beval\b|env ?subst|\$\{!|\bprintenv\b|\bxargs\b")
"""In a step's command: what expands the text after all."""

_MEANT_FOR_LATER = re.compile(
    r"\ABASH_ENV\Z|\AENV\Z|ORB_EVAL|ORB_STR|PROMPT|\APS\d\Z|_FORMAT\Z|TEMPLATE|_REGEXP?\Z|PATTERN|_EVAL\Z"
)

_EXPAND_HOME = ("AWS_", "BUNDLE_", "NPM_CONFIG_", "npm_config_")
"""Names whose tools expand ``~`` by themselves: the AWS CLI, Bundler, npm."""

_NOT_SHOWN = re.compile(r"['\n]|://")
"""What would end the quotes of the advice, or may have a password in it."""


def find_literal_variables(survey: Survey, report: Report) -> None:
    """Warn of ``$VAR``, ``${VAR}``, ``$(…)`` and a leading ``~/`` in the values of an environment."""
    for environment in survey.environments:
        for name, node in environment.settings():
            what = "" if node.dynamic else _stays(name, text_of(node))
            if what and not _EXPANDED_LATER.search(environment.command):
                report.warn(
                    "environment-variable-literal",
                    f"{name} is set to this text itself: {what} in an environment",
                    node,
                    hint=_advice(name, text_of(node), environment.place),
                )


def _stays(name: str, text: str) -> str:
    """Return what is not expanded in a value, or nothing."""
    what = ""
    if text.startswith("~/") and not name.startswith(_EXPAND_HOME):
        what = "`~` is not expanded"
    elif "$" in text and _VARIABLE.search(text):
        what = "no variable is expanded"
    return "" if what and _MEANT_FOR_LATER.search(name) else what


def _advice(name: str, text: str, place: str) -> str:
    if place == "step":
        return f"set it in the step's command: `export {name}=…`"
    plain = len(text) <= 40 and not is_telling_name(name) and not _NOT_SHOWN.search(text)
    shown = text if plain else "…"
    return (
        f"set it in a run step for those after it: `echo 'export {name}={shown}' >> \"$BASH_ENV\"`"
    )
