"""What the options say that all tasks have in common which compile a configuration."""

from __future__ import annotations

__all__ = ["COMPILE_HELP", "COMPILE_VALUES"]

COMPILE_HELP = {
    "config": "the configuration's file, or - for standard input; default is .circleci/config.yml",
    "param": "a pipeline parameter, as name=value (repeatable)",
    "params_file": "a YAML or JSON file with pipeline parameters",
    "value": "a pipeline value, as pipeline.trigger_source=api (repeatable)",
    "branch": "the branch that the pipeline is for; default is the one checked out",
    "tag": "the tag that the pipeline is for",
    "orb": "take an orb from a file or folder, as namespace/name=path (repeatable)",
}

COMPILE_VALUES = {
    "config": "FILE",
    "param": "NAME=VALUE",
    "params_file": "FILE",
    "value": "NAME=VALUE",
    "branch": "BRANCH",
    "tag": "TAG",
    "orb": "NAMESPACE/NAME=PATH",
}
