"""What the keys of a configuration may hold, as tables.

Sources: CircleCI's configuration reference, and what compiled configurations show where they are more
lenient (a single path instead of a list of paths, a stray ``paths`` of ``restore_cache``).
"""

from __future__ import annotations

from typing import Any

from pipeline.config.spec import (
    Anything,
    Boolean,
    Choice,
    Integer,
    ListOf,
    MapOf,
    Null,
    Number,
    OneOf,
    Record,
    Spec,
    Text,
)

__all__ = [
    "BARE_STEPS",
    "EXECUTOR_FIELDS",
    "EXECUTOR_TYPES",
    "FILTERS",
    "INVOCATION_KEYS",
    "JOB_FIELDS",
    "JOB_TYPES",
    "STEPS",
    "step_name",
    "step_schema",
]

EXECUTOR_TYPES = ("docker", "machine", "macos")
"""Keys of which a job has exactly one."""

INVOCATION_KEYS = (
    "requires",
    "name",
    "context",
    "type",
    "filters",
    "matrix",
    "pre-steps",
    "post-steps",
    "override-with",
    "serial-group",
)
"""Keys of an invocation; all others are arguments of the job."""

JOB_TYPES = ("build", "approval", "no-op", "release", "lock", "unlock")

SCALAR = OneOf(Text(), Boolean(), Number(), Null())
TEXT_OR_NUMBER = OneOf(Text(), Number())
NAMES = OneOf(Text(), ListOf(Text()))
"""A text, or a list of texts."""

_VARIABLE = Text(r"[^=]+=[\s\S]*", "KEY=VALUE")
ENVIRONMENT = OneOf(
    MapOf(SCALAR),
    ListOf(OneOf(MapOf(SCALAR), _VARIABLE)),
    _VARIABLE,
    Null(),
)
WHEN = Choice(("always", "on_success", "on_fail"))
DURATION = Text(
    r"(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+",
    "a duration with its unit",
    "write it as 20m, 1.25h or 90s",
)
RERUN_DELAY = Text(
    r"(?:10|[1-9])m|[1-9][0-9]{0,2}s",
    "a delay such as 30s or 2m (auto_rerun_delay must not exceed 10 minutes)",
)
ENTRYPOINT = OneOf(Text(), ListOf(OneOf(Text(), Number(), Boolean())))

AUTH = Record({"username": Text(), "password": Text()}, ("username", "password"))
AWS_AUTH = Record(
    {"aws_access_key_id": Text(), "aws_secret_access_key": Text(), "oidc_role_arn": Text()},
    (("aws_access_key_id", "oidc_role_arn"),),
)
GCP_AUTH = Record(
    {
        "oidc_provider": Text(),
        "service_account": Text(),
        "workload_identity_provider": Text(),
        "service_account_email": Text(),
        "key": Text(),
    }
)
DOCKER_IMAGE = Record(
    {
        "image": Text(),
        "name": Text(),
        "entrypoint": OneOf(*ENTRYPOINT.choices, Null()),
        "command": OneOf(*ENTRYPOINT.choices, Null()),
        "user": OneOf(Text(), Number()),
        "environment": ENVIRONMENT,
        "auth": AUTH,
        "aws_auth": AWS_AUTH,
        "gcp_auth": GCP_AUTH,
    },
    ("image",),
)
MACHINE = OneOf(
    Boolean(),
    Text(),
    Record(
        {
            "enabled": Boolean(),
            "image": Text(),
            "docker_layer_caching": Boolean(),
            "resource_class": Text(),
            "shell": Text(),
        }
    ),
)
MACOS = Record(
    {
        "xcode": OneOf(Text(), Number()),
        "resource_class": Text(),
        "shell": Text(),
        "code_signing": Anything(),
    },
    ("xcode",),
)
RETENTION = Record({"caches": Text(r"([1-9]|[12][0-9]|30)d", "a number of days from 1d to 30d")})

EXECUTOR_FIELDS: dict[str, Spec] = {
    "docker": ListOf(DOCKER_IMAGE, least=1),
    "machine": MACHINE,
    "macos": MACOS,
    "resource_class": Text(),
    "shell": Text(),
    "working_directory": Text(),
    "environment": ENVIRONMENT,
}
"""What an executor may say; a job may say it as well."""

_BRANCHES = Record({"only": NAMES, "ignore": NAMES})
FILTERS = OneOf(
    Record({"branches": OneOf(_BRANCHES, Null()), "tags": OneOf(_BRANCHES, Null())}), Text()
)

JOB_FIELDS: dict[str, Spec] = EXECUTOR_FIELDS | {
    "type": Choice(JOB_TYPES),
    "parallelism": Integer(1, None, "parallelism must be at least 1"),
    "branches": _BRANCHES,
    "retention": RETENTION,
    "circleci_ip_ranges": Boolean(),
    "plan_name": Text(),
    "validation": Anything(),
    "key": Text(),
    "deploy": Anything(),
}
"""What a job may say, but for ``executor``, ``parameters``, ``description`` and ``steps``."""

_NAME_AND_WHEN: dict[str, Spec] = {"name": Text(), "when": WHEN}


def _step(fields: dict[str, Spec], *required: str | tuple[str, ...]) -> Record:
    return Record(fields | _NAME_AND_WHEN, required, open=True)


RUN = Record(
    {
        "command": Text(),
        "name": Text(),
        "shell": Text(),
        "environment": ENVIRONMENT,
        "background": Boolean(),
        "working_directory": Text(),
        "no_output_timeout": DURATION,
        "when": WHEN,
        "max_auto_reruns": Integer(1, 5, "max_auto_reruns must be between 1 and 5"),
        "auto_rerun_delay": RERUN_DELAY,
    },
    ("command",),
    open=True,
)

STEPS: dict[str, Spec] = {
    "run": RUN,
    "deploy": RUN,
    "checkout": _step(
        {
            "path": Text(),
            "method": Choice(("blobless", "full", "shallow")),
            "depth": Integer(1, None, "depth must be at least 1"),
        }
    ),
    "setup_remote_docker": _step(
        {
            "version": Text(),
            "docker_layer_caching": Boolean(),
            "reusable": Boolean(),
            "exclusive": Boolean(),
        }
    ),
    "save_cache": _step({"key": Text(), "paths": NAMES}, "key", "paths"),
    "restore_cache": _step({"key": Text(), "keys": NAMES, "paths": NAMES}, ("key", "keys")),
    "store_artifacts": _step({"path": Text(), "destination": Text()}, "path"),
    "store_test_results": _step({"path": Text()}, "path"),
    "persist_to_workspace": _step({"root": Text(), "paths": NAMES}, "root", "paths"),
    "attach_workspace": _step({"at": Text()}, "at"),
    "add_ssh_keys": _step({"fingerprints": ListOf(Text())}),
    "install_signing_bundle": _step({"bundle": Text(), "name": Text()}),
}
"""The built-in steps and their keys, but for those that the compiler itself carries out."""

BARE_STEPS = frozenset(
    {"checkout", "setup_remote_docker", "add_ssh_keys", "install_signing_bundle"}
)
"""Built-in steps that need no keys."""


def step_name(written: str) -> str:
    """Return a built-in step's own name: ``save-cache`` is taken for ``save_cache``."""
    if "-" in written:
        own = written.replace("-", "_")
        return own if own in STEPS else written
    return written


def step_schema() -> dict[str, Any]:
    """Return the built-in steps as JSON Schema properties."""
    shapes: dict[str, Any] = {}
    for name, spec in STEPS.items():
        schema = spec.json_schema()
        if name in ("run", "deploy"):
            schema = {"anyOf": [{"type": "string"}, schema]}
        shapes[name] = schema
    return shapes
