"""The environment variables of a job: the built-in ones, those of the configuration, their order.

From the strongest: the step's ``environment``, the job's (its executor's merged below it), the built-in
``CIRCLE_*`` variables, the contexts (a later one over an earlier one), the project's variables, the
``environment`` of the image. So a job may overwrite ``CIRCLE_BRANCH``, and a context may not
(circleci.com/docs/env-vars, "Order of precedence").
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import isinf, isnan
from typing import Any

from pipeline.runner.env_file import parse_env_option, read_env_file

__all__ = [
    "BuildIdentity",
    "PullRequest",
    "builtin_variables",
    "environment_text",
    "job_environment",
    "parse_env_option",
    "read_env_file",
]

_WEB = re.compile(r"https?://([^/]+)/(.+?)(?:\.git)?/?\Z")


@dataclass(frozen=True, slots=True)
class BuildIdentity:
    """The numbers and ids of one instance of a job.

    Attributes:
        build_number: of the job, counted from 1.
        previous_build_number: of the same branch's last job, or None.
        build_url: where its logs are read: a link to the report on this machine.
        pipeline_id, workflow_id, job_id, workspace_id, project_id, organization_id: UUIDs.
        node_index: of the instance, counted from 0.
        node_total: the instances that the job has.
    """

    build_number: int
    build_url: str
    pipeline_id: str
    workflow_id: str
    job_id: str
    workspace_id: str
    project_id: str
    organization_id: str
    previous_build_number: int | None = None
    node_index: int = 0
    node_total: int = 1


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request that the run is for; ``fork_owner`` and ``fork_name`` only where it is of a fork."""

    url: str
    fork_owner: str = ""
    fork_name: str = ""

    @property
    def number(self) -> str:
        """The last part of its address."""
        return self.url.rstrip("/").rpartition("/")[2]


def builtin_variables(
    *,
    job: str,
    values: Mapping[str, Any],
    build: BuildIdentity,
    working_directory: str = "~/project",
    username: str = "",
    pull_request: PullRequest | None = None,
    continuation_key: str = "",
    bash_env: str = "",
    project: str = "",
) -> dict[str, str]:
    """Return the variables that CircleCI itself sets, with values of this machine.

    Args:
        job: its final name, with an alias or a matrix' values.
        values: the pipeline values, by their names (``pipeline.git.branch``): a run of a tag has
            ``pipeline.git.tag``, and then no ``CIRCLE_BRANCH``.
        build: its numbers and ids.
        working_directory: as it is configured, with a literal ``~``.
        username: who started the run; default: the author of the commit.
        pull_request: what ``CIRCLE_PULL_REQUEST`` tells.
        continuation_key: of a setup workflow.
        bash_env: the file that bash reads before each step.
        project: what stands for the repository where it has no remote: its folder.

    What is not known is not there. ``CIRCLE_OIDC_TOKEN`` never is: only CircleCI can sign one.
    """
    return {
        name: str(value)
        for name, value in {
            "CI": "true",
            "CIRCLECI": "true",
            "CIRCLE_JOB": job,
            "CIRCLE_WORKING_DIRECTORY": working_directory,
            "CIRCLE_USERNAME": username or values.get("pipeline.git.commit.author_login"),
            **_build_variables(build),
            **_without_remote(project),
            **{name: value for name, value in _git_variables(values).items() if value},
            **_pull_request_variables(pull_request),
            "CIRCLE_CONTINUATION_KEY": continuation_key,
            "BASH_ENV": bash_env,
            "CIRCLE_SHELL_ENV": bash_env,
        }.items()
        if value not in (None, "")
    }


def _build_variables(build: BuildIdentity) -> dict[str, Any]:
    return {
        "CIRCLE_BUILD_NUM": build.build_number,
        "CIRCLE_BUILD_URL": build.build_url,
        "CIRCLE_PREVIOUS_BUILD_NUM": build.previous_build_number,
        "CIRCLE_NODE_INDEX": build.node_index,
        "CIRCLE_NODE_TOTAL": build.node_total,
        "CIRCLE_PIPELINE_ID": build.pipeline_id,
        "CIRCLE_WORKFLOW_ID": build.workflow_id,
        "CIRCLE_WORKFLOW_JOB_ID": build.job_id,
        "CIRCLE_WORKFLOW_WORKSPACE_ID": build.workspace_id,
        "CIRCLE_PROJECT_ID": build.project_id,
        "CIRCLE_ORGANIZATION_ID": build.organization_id,
        "CIRCLE_INTERNAL_TASK_DATA": f"/tmp/.circleci-task-data-{build.job_id}-{build.node_index}-build",  # noqa: S108 - CircleCI's own path
    }


def _git_variables(values: Mapping[str, Any]) -> dict[str, Any]:
    tag = values.get("pipeline.git.tag")
    return {
        "CIRCLE_BRANCH": None if tag else values.get("pipeline.git.branch"),
        "CIRCLE_TAG": tag,
        "CIRCLE_SHA1": values.get("pipeline.git.revision"),
        "CIRCLE_PROJECT_USERNAME": values.get("pipeline.git.repo_owner"),
        "CIRCLE_PROJECT_REPONAME": values.get("pipeline.git.repo_name"),
        "CIRCLE_REPOSITORY_URL": _clone_url(str(values.get("pipeline.git.repo_url") or "")),
    }


def _without_remote(project: str) -> dict[str, Any]:
    """Return what there would always be on CircleCI, for scripts that rely on it."""
    if not project:
        return {}
    return {
        "CIRCLE_PROJECT_USERNAME": "local",
        "CIRCLE_PROJECT_REPONAME": project.rstrip("/").rpartition("/")[2],
        "CIRCLE_REPOSITORY_URL": f"file://{project}" if project.startswith("/") else None,
    }


def _clone_url(web: str) -> str:
    """Return the address that CircleCI clones from, which is that of SSH."""
    found = _WEB.match(web)
    return f"git@{found[1]}:{found[2]}.git" if found else web


def _pull_request_variables(request: PullRequest | None) -> dict[str, Any]:
    if not request:
        return {}
    of_fork = bool(request.fork_owner)
    return {
        "CIRCLE_PULL_REQUEST": request.url,
        "CIRCLE_PULL_REQUESTS": request.url,
        "CIRCLE_PR_NUMBER": request.number if of_fork else None,
        "CIRCLE_PR_USERNAME": request.fork_owner,
        "CIRCLE_PR_REPONAME": request.fork_name if of_fork else None,
    }


def environment_text(value: Any) -> str:
    """Return what a value of an ``environment`` becomes in the shell.

    A boolean becomes ``1`` or ``0``, a null ``<nil>``, a number what Go prints for a float64: with seven
    digits and more ``1.234567e+06`` (circleci.com/docs/env-vars, the notes on values without quotes).
    """
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int) and abs(value) < 1_000_000:
        return str(value)
    if isinstance(value, int | float):
        return _go_float(value)
    return str(value)


def _go_float(value: float) -> str:
    """Return Go's ``%v`` of a float64: the shortest digits, with an exponent below 1e-4 and from 1e6."""
    try:
        number = float(value)
    except OverflowError:
        return "+Inf" if value > 0 else "-Inf"
    if isnan(number):
        return "NaN"
    if isinf(number):
        return "+Inf" if number > 0 else "-Inf"
    sign, digits, exponent = Decimal(repr(number)).normalize().as_tuple()
    text = "".join(map(str, digits))
    power = len(text) - 1 + int(exponent)
    if number != 0 and not -4 <= power < 6:
        text = text[0] + (f".{text[1:]}" if text[1:] else "") + f"e{power:+03d}"
    else:
        text = format(abs(Decimal(repr(number)).normalize()), "f")
    return f"-{text}" if sign else text


def job_environment(
    *,
    image: Mapping[str, Any] | None = None,
    project: Mapping[str, str] | None = None,
    contexts: Sequence[Mapping[str, str]] = (),
    builtin: Mapping[str, str] | None = None,
    job: Mapping[str, Any] | None = None,
    step: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """Return the variables of a step, the stronger over the weaker; see the head of this module.

    Args:
        image: the ``environment`` of the primary image.
        project: the project's variables.
        contexts: the variables of each context, in the order in which the job lists them.
        builtin: see :func:`builtin_variables`.
        job: the job's ``environment``.
        step: the step's ``environment``.
    """
    layers = [image, project, *contexts, builtin, job, step]
    return {
        name: environment_text(value) for layer in layers for name, value in (layer or {}).items()
    }
