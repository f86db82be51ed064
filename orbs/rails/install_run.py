"""One install: its container made, fed, followed and judged."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orbs.rails.containers import ContainerResult, created, run_created
from orbs.rails.engine import Engine
from orbs.rails.engine_types import LABEL_PREFIX, ImageInfo, Mount
from orbs.rails.install_hints import hint_for
from orbs.rails.install_script import (
    CA_FILE,
    export_lines,
    install_spec,
    target_folder,
    work_folder,
)
from orbs.rails.installers import installs_environment
from orbs.rails.model import Installer
from orbs.rails.settings import DependenciesSettings
from orbs.rails.small_files import SmallFile, pack_files
from pipeline.errors import InvalidInput, Location, WorkFailed
from pipeline.output import Console
from pipeline.secret import Secret

__all__ = ["InstallContext", "read_ca_bundle", "read_secrets", "run_install"]


_ANYHOW = "read the installer's lines above; `build.install --no-cache` begins from nothing"


@dataclass(frozen=True, slots=True)
class InstallContext:
    """What the installs of a run have in common.

    Attributes:
        engine: where they run.
        image: the builder image.
        root: the project's folder.
        project: its name, a label.
        state: folder of the locks, see :func:`~orbs.rails.ownership.state_folder`.
        settings: the section ``dependencies``.
        secrets: variables by name that are handed over unseen.
        ca_bundle: certificate authorities to trust, PEM.
        console: where the output goes.
        cancel: set when the run is interrupted, or another install has failed.
        no_cache: begin from nothing, and replace what is there.
    """

    engine: Engine
    image: ImageInfo
    root: Path
    project: str
    state: Path
    settings: DependenciesSettings
    secrets: Mapping[str, Secret]
    ca_bundle: bytes | None
    console: Console
    cancel: threading.Event
    no_cache: bool = False

    def target(self, installer: Installer) -> str:
        """Return where the installer's folder is in the container."""
        return target_folder(self.image, installer)


def read_secrets(
    settings: DependenciesSettings, environ: Mapping[str, str], console: Console
) -> dict[str, Secret]:
    """Return the variables of ``pass_environment`` that are set, masked in the output from now on."""
    found = {}
    for name in settings.pass_environment:
        value = environ.get(name)
        if value is None:
            console.detail(f"{name} of dependencies.pass_environment is not set")
            continue
        console.masker.add(value)
        found[name] = Secret(value)
    return found


def read_ca_bundle(root: Path, settings: DependenciesSettings) -> bytes | None:
    """Return the PEM text of ``ca_bundle``, or None.

    Raises:
        InvalidInput: the file is missing, or holds no certificate.
    """
    if not settings.ca_bundle:
        return None
    path = root / settings.ca_bundle
    where = Location("orbyard.yml", key="dependencies.ca_bundle")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}", where=where) from error
    if b"-----BEGIN CERTIFICATE-----" not in data:
        raise InvalidInput(f"{path} holds no certificate in PEM form", where=where)
    return data


def run_install(
    context: InstallContext,
    installer: Installer,
    files: Sequence[SmallFile],
    *,
    home: Mount,
    earlier: Mount | None = None,
    owner: str = "",
    host_user: bool = False,
    before: Callable[[str], None] = lambda _: None,
    after: Callable[[str], None] = lambda _: None,
) -> None:
    """Run an installer over ``home``; ``files`` are its lockfile and manifests. ``before`` and ``after``
    are given the container's id, before it starts and after it has ended well.

    Raises:
        WorkFailed: it failed; with its last lines and, where its words are known, what to do.
        Interrupted: the run was.
    """
    spec = install_spec(
        installer,
        context.image,
        home=home,
        earlier=earlier,
        environment=installs_environment(installer, context.settings),
        labels={
            f"{LABEL_PREFIX}project": context.project,
            f"{LABEL_PREFIX}installer": installer.name,
        },
        network=context.settings.network,
        owner=owner,
        takes_secrets=bool(context.secrets),
        host_user=host_user,
    )
    with created(context.engine, spec) as container:
        _put_files(context, files, container)
        before(container)
        result = run_created(
            context.engine,
            container,
            what=f"{installer.name} ({installer.command})",
            on_line=context.console.stream(installer.name),
            stdin=_secret_lines(context.secrets),
            cancel=context.cancel,
            timeout_s=context.settings.timeout_s,
        )
        if result.exit_code != 0:
            raise _failure(context, installer, result)
        after(container)


def _secret_lines(secrets: Mapping[str, Secret]) -> bytes | None:
    if not secrets:
        return None
    return export_lines({name: secret.reveal() for name, secret in secrets.items()})


def _put_files(context: InstallContext, files: Sequence[SmallFile], container: str) -> None:
    context.engine.put_archive(
        container, work_folder(context.image), pack_files(files, folders=True)
    )
    if context.ca_bundle is not None:
        bundle = pack_files([SmallFile(CA_FILE, context.ca_bundle)], folders=True)
        context.engine.put_archive(container, "/", bundle)


def _failure(context: InstallContext, installer: Installer, result: ContainerResult) -> WorkFailed:
    killed = " (killed: out of memory?)" if result.exit_code == 137 else ""
    masked = [context.console.masker.mask(line) for line in result.tail]
    return WorkFailed(
        f"`{installer.command}` failed with exit code {result.exit_code}{killed}",
        where=Location(installer.lockfile),
        details=[f"{installer.name} | {line}" for line in masked],
        hint=hint_for(result.tail, platform=context.image.platform) or _ANYHOW,
    )
