"""Settings of the engine: the section ``ci``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.settings import setting

__all__ = ["SECTIONS", "CiSettings"]


@dataclass(frozen=True, slots=True)
class CiSettings:
    """How the CircleCI configuration is compiled, checked, and run on this machine."""

    config: str = setting(
        ".circleci/config.yml",
        doc="The configuration's path in the repository, as CircleCI's own is.",
    )
    disable: tuple[str, ...] = setting(
        (),
        doc="Codes of warnings that are not wanted, each with a page in `docs/config-codes`.",
        example=["unused-orb", "deprecated-image"],
    )
    warnings_are_errors: bool = setting(
        False, doc="Whether `ci.validate` fails for warnings as well; off, since most can wait."
    )
    orbs: Mapping[str, Any] = setting(
        factory=dict,
        doc="Files or folders to take orbs from, by `namespace/name`: a checkout beside this one, say.",
        example={"acme/deploy": "../deploy-orb/src"},
    )
    contexts: Mapping[str, str] = setting(
        factory=dict,
        doc="Files with the variables of contexts for `ci.run`, by the context's name, plain or encrypted; "
        "an empty name stands for no variables. Default: `deploy/contexts/NAME.env`, else "
        "`NAME.env.enc`, `NAME.yml.enc` or `NAME.json.enc` there.",
        example={"production": "deploy/contexts/production.env.enc"},
    )
    env_file: str = setting(
        "",
        doc="A file with project variables for `ci.run`, plain or encrypted, where `--env-file` names no "
        "other.",
        example="deploy/contexts/project.env.enc",
    )


SECTIONS = {"ci": CiSettings}
