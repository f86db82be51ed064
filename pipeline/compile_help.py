"""What the options say that all tasks have in common which compile a configuration."""

from __future__ import annotations

__all__ = ["COMPILE_HELP"]

COMPILE_HELP = {
    "config": "the configuration; default is .circleci/config.yml, - is standard input",
    "param": "a pipeline parameter, as name=value; may be given several times",
    "params_file": "a YAML or JSON file with pipeline parameters",
    "value": "a pipeline value, as pipeline.trigger_source=api; may be given several times",
    "branch": "the branch that the pipeline is for; default is the one checked out",
    "tag": "the tag that the pipeline is for",
    "orb": "where to take an orb from, as namespace/name=path; may be given several times",
}
