"""The codes that findings carry. Each has a page in ``docs/config-codes``: ``pipeline/code_pages.py``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["CODES", "Code"]


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of finding: its name, ``error`` or ``warning``, and what it says in one line."""

    name: str
    severity: Literal["error", "warning"]
    title: str


_ERRORS = {
    "yaml-syntax": "The text is not YAML.",
    "yaml-duplicate-key": "A mapping has the same key twice.",
    "yaml-merge": "`<<:` stands on something that is not a mapping.",
    "yaml-tag": "A YAML tag (`!name`) is not known.",
    "yaml-key": "A key is not plain text.",
    "too-large": "The configuration, or what it expands to, is beyond the limits.",
    "not-a-mapping": "The document is empty, or not one mapping.",
    "version": "`version` is missing or unknown, or a key needs version 2.1.",
    "unknown-key": "A key is not known where it stands.",
    "missing-key": "A key that has to be there is missing.",
    "wrong-type": "A value has the wrong type.",
    "wrong-value": "A value is not one of those that are allowed.",
    "bad-name": "A name has characters that names cannot have, or is reserved.",
    "step-shape": "A step is neither a name nor a mapping with one key.",
    "unknown-command": "A step names a command that does not exist.",
    "unknown-job": "A workflow names a job that does not exist.",
    "unknown-executor": "An executor is named that does not exist.",
    "unknown-orb": "A name has the prefix of an orb that is not declared.",
    "orb-not-found": "An orb cannot be had without the network.",
    "orb-reference": "The reference to an orb is malformed.",
    "orb-checksum": "A vendored orb differs from what the lock file says.",
    "orb-cycle": "Orbs import each other in a circle, or too deep.",
    "parameter-declaration": "The declaration of a parameter is wrong.",
    "missing-argument": "A call leaves out an argument that has no default.",
    "unexpected-argument": "A call has an argument that was not declared.",
    "type-mismatch": "An argument does not have the parameter's type.",
    "executor-type": "A job has no executor, or several.",
    "unknown-variable": "A tag refers to something that is not in scope.",
    "unclosed-tag": "`<<` or a section is not closed.",
    "expression-syntax": "An expression cannot be read.",
    "expression-type": "An operator was given a value that it cannot take.",
    "embedded-value": "A list or mapping stands inside of a text.",
    "bad-condition": "A condition is not a logic statement.",
    "bad-regex": "A regular expression cannot be read, or takes too long.",
    "recursion": "A command calls itself.",
    "requires-unknown": "A job requires a name that no other job, or several, have.",
    "requires-cycle": "Jobs require each other in a circle.",
    "duplicate-job": "Two jobs have the same name but for upper and lower case.",
    "inline-job-type": "A job of this type cannot be declared inside a workflow.",
    "matrix": "A matrix is wrong.",
    "workflow-shape": "A workflow is wrong in its shape.",
    "job-group": "A job group is declared or used in a way it cannot be.",
    "override-with": "`override-with` does not name an orb's job.",
    "setup": "A setup configuration breaks the rules of one.",
    "continuation": "A continuation does not fit the pipeline that it continues.",
    "include": "`<<include(…)>>` names a file that cannot be taken in.",
    "pack": "Files cannot be packed into one.",
    "contexts-too-many": "More contexts are used than CircleCI allows.",
    "no-jobs": "There is nothing to run.",
    "cron": "A schedule is not one that CircleCI takes.",
}

_WARNINGS = {
    "unused-parameter": "A parameter is declared and never used.",
    "unused-command": "A command is declared and never called.",
    "unused-executor": "An executor is declared and never used.",
    "unused-job": "No workflow reaches a job.",
    "unused-orb": "An orb is imported and never used.",
    "filter-never": "Filters can never match.",
    "requires-filtered": "A job requires one that its filters leave out.",
    "plain-secret": "A secret seems to be written in plain text.",
    "ignored-key": "A step has a key that CircleCI passes over.",
    "deprecated-key": "A key is deprecated.",
    "deprecated-image": "An image is deprecated.",
    "cache-key-constant": "A cache's key never changes, so that the cache is never renewed.",
    "cache-key-always-changes": "A cache's key changes with every run, so that the cache is never hit.",
    "always-true": "A condition can be nothing but true.",
    "overrides-built-in": "A command has the name of a built-in step.",
    "serial-group-twice": "Two jobs of a workflow are in the same serial group.",
    "orb-not-locked": "A vendored orb is not in the lock file.",
    "sexagesimal": "A value with colons was read as a number in base 60.",
    "environment-number": "A number in the environment reaches the job in exponential form.",
    "environment-variable-literal": "A variable in the environment is not expanded.",
    "name-shadowed": "Elements of two kinds have the same name.",
}

CODES = {
    name: Code(name, severity, title)  # type: ignore[arg-type]  # both are literals of the type
    for severity, table in (("error", _ERRORS), ("warning", _WARNINGS))
    for name, title in table.items()
}
"""Every code by its name, errors first."""
