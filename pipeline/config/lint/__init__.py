"""Warnings: what CircleCI takes, and what is hardly meant.

The rules look at what is written in the configuration and its inline orbs, and not at what calls make
of it, so that one mistake is one warning; other orbs are not looked at. None of them raises, whatever
the configuration looks like: what is malformed is reported elsewhere, and passed over here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pipeline.config.findings import Report
from pipeline.config.lint.caches import find_changing_keys, find_constant_keys
from pipeline.config.lint.deprecated_images import find_deprecated_images
from pipeline.config.lint.deprecated_keys import find_deprecated_keys
from pipeline.config.lint.filters import find_filters_that_never_match
from pipeline.config.lint.names import find_overridden_steps, find_shadowed_names
from pipeline.config.lint.numbers import find_long_numbers, find_sexagesimal
from pipeline.config.lint.parameters import find_unused_parameters, find_unused_pipeline_parameters
from pipeline.config.lint.requirements import find_filtered_requirements
from pipeline.config.lint.secrets import find_plain_secrets
from pipeline.config.lint.survey import Survey
from pipeline.config.lint.surveyor import take_survey
from pipeline.config.lint.unused import find_unused
from pipeline.config.lint.variables import find_literal_variables
from pipeline.config.namespace import Namespace
from pipeline.config.nodes import Mapping
from pipeline.config.scope import Compilation

if TYPE_CHECKING:
    from pipeline.config.expanded import ExpandedWorkflow

__all__ = ["RULES", "lint"]

Rule = Callable[[Survey, Report], None]

RULES: tuple[tuple[tuple[str, ...], Rule], ...] = (
    (("unused-command", "unused-executor", "unused-job", "unused-orb"), find_unused),
    (("unused-parameter",), find_unused_parameters),
    (("unused-parameter",), find_unused_pipeline_parameters),
    (("filter-never",), find_filters_that_never_match),
    (("requires-filtered",), find_filtered_requirements),
    (("plain-secret",), find_plain_secrets),
    (("deprecated-key",), find_deprecated_keys),
    (("deprecated-image",), find_deprecated_images),
    (("cache-key-constant",), find_constant_keys),
    (("cache-key-always-changes",), find_changing_keys),
    (("overrides-built-in",), find_overridden_steps),
    (("name-shadowed",), find_shadowed_names),
    (("sexagesimal",), find_sexagesimal),
    (("environment-number",), find_long_numbers),
    (("environment-variable-literal",), find_literal_variables),
)
"""The rules, each with the codes that it reports."""


def lint(
    root: Mapping,
    namespace: Namespace,
    workflows: list[ExpandedWorkflow],  # noqa: ARG001  # no rule looks at what was expanded so far
    compilation: Compilation,
) -> None:
    """Report what is unwise in a configuration.

    Args:
        root: the document.
        namespace: its elements and orbs, with what the expansion came to marked as used.
        workflows: those that run.
        compilation: the run of the compiler, whose report takes the warnings.
    """
    survey = take_survey(root, namespace)
    for codes, rule in RULES:
        # What is misspelled where it is used looks unused where it is declared.
        if compilation.report.error_count and any(code.startswith("unused-") for code in codes):
            continue
        rule(survey, compilation.report)
