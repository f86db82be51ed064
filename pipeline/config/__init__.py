r"""The configuration compiler: CircleCI 2.1 and orbs, offline.

    >>> from pipeline.config import compile
    >>> config = compile("version: 2.1\njobs: {build: {docker: [{image: a}], steps: [checkout]}}")
    >>> list(config.jobs)
    ['build']

Pure and thread-safe: it reads what it is handed, and a place for orbs (:class:`OrbSources`) if it is
given one.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.config.codes import CODES
    from pipeline.config.compiler import check, compile  # the name that users look for
    from pipeline.config.findings import ConfigError, Finding
    from pipeline.config.model import CompiledConfig, Job, Step, Workflow, WorkflowJob
    from pipeline.config.nodes import Source
    from pipeline.config.orb_references import OrbSources
    from pipeline.config.printer import to_yaml
    from pipeline.config.reader import Limits

_HOMES = {
    "CODES": "codes",
    "CompiledConfig": "model",
    "ConfigError": "findings",
    "Finding": "findings",
    "Job": "model",
    "Limits": "reader",
    "OrbSources": "orb_references",
    "Source": "nodes",
    "Step": "model",
    "Workflow": "model",
    "WorkflowJob": "model",
    "check": "compiler",
    "compile": "compiler",
    "to_yaml": "printer",
}

__all__ = [
    "CODES",
    "CompiledConfig",
    "ConfigError",
    "Finding",
    "Job",
    "Limits",
    "OrbSources",
    "Source",
    "Step",
    "Workflow",
    "WorkflowJob",
    "check",
    "compile",
    "to_yaml",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
