"""Settings of the deploy: the sections ``deploy`` and ``environments``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.settings import parse_duration, setting

__all__ = ["SECTIONS", "DeploySettings", "EnvironmentSettings", "EnvironmentsSettings"]


@dataclass(frozen=True, slots=True)
class DeploySettings:
    """What is deployed, and how it is waited for; the same for every environment."""

    folder: str = setting("deploy", doc="The folder of the manifests, relative to the root.")
    manifests: tuple[str, ...] = setting(
        (),
        doc="Globs of manifests instead of the folder's layout; `{env}` stands for the environment.",
        example="['k8s/base/*.yml', 'k8s/{env}/**/*.yml']",
    )
    image_anchor: str = setting(
        "HOGE_APP_IMAGE_NAME", doc="The text in manifests that the image's reference replaces."
    )
    anchors: Mapping[str, str] = setting(
        factory=dict,
        doc="Other texts to replace. `{env}`, `{revision}` and `{image}` are filled in.",
        example="{HOGE_HOST: '{env}.example.com'}",
    )
    set: Mapping[str, Any] = setting(
        factory=dict,
        doc="Values set by path: `Kind/name:path.to.key`.",
        example='{"Deployment/hoge-app:spec.replicas": 4}',
    )
    field_manager: str = setting("orbyard", doc="The field manager of server-side apply.")
    force_conflicts: bool = setting(
        True,
        doc="Take over fields that another manager owns in objects that Orbyard deployed before; "
        "for other objects a conflict is an error, unless `--force-conflicts` is given.",
    )
    rollout_timeout_s: float = setting(
        600.0, key="rollout_timeout", parse=parse_duration, doc="How long a rollout may take."
    )
    migrate_timeout_s: float = setting(
        3600.0,
        key="migrate_timeout",
        parse=parse_duration,
        doc="How long the migration may take; it is left running when the time is over.",
    )
    migration_running: Literal["wait", "refuse"] = setting(
        "wait", doc="What to do when a migration of another deploy is still running."
    )
    migration_history: int = setting(
        5, doc="Finished migration Jobs that are kept, with their logs."
    )
    log_lines: int = setting(30, doc="Log lines shown of a container that failed.")
    lint_disable: tuple[str, ...] = setting((), doc="Names of lint rules that are turned off.")
    lint_warnings_are_errors: bool = setting(False, doc="Refuse to deploy with lint warnings.")


@dataclass(frozen=True, slots=True)
class EnvironmentSettings:
    """One environment: its cluster, and what differs there."""

    kubeconfig: str = setting(
        "",
        doc="The encrypted kubeconfig; default is `kubeconfig/{env}.kubeconfig.enc` in the deploy "
        "folder where that exists, else KUBECONFIG, ~/.kube/config, or the Pod's own account.",
    )
    context: str = setting("", doc="The kubeconfig's context; default is its current one.")
    namespace: str = setting("", doc="The namespace; default is the context's, else `default`.")
    create_namespace: bool = setting(False, doc="Create the namespace where it is missing.")
    expect_server: str = setting(
        "", doc="The API server's URL that it must be; anything else is refused."
    )
    expect_context: str = setting("", doc="The context's name that it must be.")
    anchors: Mapping[str, str] = setting(factory=dict, doc="Anchors of this environment only.")
    set: Mapping[str, Any] = setting(factory=dict, doc="Values set by path, here only.")


@dataclass(frozen=True, slots=True)
class EnvironmentsSettings:
    """Environments by name; one that is not named here gets the defaults."""

    by_name: Mapping[str, EnvironmentSettings] = setting(
        factory=dict, key="*", doc="The environment of that name."
    )


SECTIONS = {"deploy": DeploySettings, "environments": EnvironmentsSettings}
