"""Which files an environment's deploy is made of.

    deploy/*.yml                                every environment
    deploy/{env}/*.yml                          this environment
    deploy/configmaps/{env}.configmap.yml
    deploy/secrets/{env}.secret.yml.enc         decrypted in memory
    deploy/kubeconfig/{env}.kubeconfig.enc      decrypted in memory
    deploy/contexts/                            variables of pipelines that run here; no part of a deploy

``.yaml`` and ``.json`` are as good as ``.yml``, and ``.enc`` marks an encrypted file anywhere. Or the
setting ``deploy.manifests`` lists globs instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from orbs.kubernetes.places import settings_place
from orbs.kubernetes.settings import DeploySettings, EnvironmentSettings
from pipeline.errors import InvalidInput, Location, Problem, did_you_mean

__all__ = [
    "SourceFile",
    "check_environment",
    "encrypted_kubeconfig",
    "find_environments",
    "find_files",
]

_ENVIRONMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_MANIFEST = re.compile(r".+\.(ya?ml|json)(\.enc)?\Z")
_BY_FOLDER = {
    "configmaps": re.compile(r"(?P<env>.+)\.configmap\.(ya?ml|json)(\.enc)?\Z"),
    "secrets": re.compile(r"(?P<env>.+)\.secret\.(ya?ml|json)\.enc\Z"),
    "kubeconfig": re.compile(r"(?P<env>.+)\.kubeconfig\.enc\Z"),
}
_NO_ENVIRONMENTS = frozenset({*_BY_FOLDER, "contexts"})
"""Folders that belong to no environment, whatever is in them."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of manifests: its path, the name it goes by in messages, and whether it is encrypted."""

    path: Path
    name: str

    @property
    def encrypted(self) -> bool:
        """Whether it has to be decrypted first."""
        return self.path.suffix == ".enc"


def find_environments(root: Path, deploy: DeploySettings, named: Iterable[str]) -> list[str]:
    """Return the environments that settings and files name, sorted."""
    folder = root / deploy.folder
    found = set(named)
    for part, pattern in _BY_FOLDER.items():
        for path in _listed(folder / part):
            match = pattern.match(path.name)
            if match:
                found.add(match["env"])
    if folder.is_dir():
        for child in folder.iterdir():
            if child.is_dir() and child.name not in _NO_ENVIRONMENTS and any(_manifests(child)):
                found.add(child.name)
    return sorted(found)


def check_environment(
    environment: str, root: Path, deploy: DeploySettings, named: Iterable[str]
) -> None:
    """Refuse an environment that neither settings nor files know.

    Raises:
        InvalidInput: it is not known, or is no name at all; where nothing names any, every one goes.
    """
    if not _ENVIRONMENT.match(environment):
        raise InvalidInput(
            f"{environment!r} is not the name of an environment",
            hint="letters, digits, dots, dashes and underscores: staging, production",
        )
    known = find_environments(root, deploy, named)
    if known and environment not in known:
        near = did_you_mean(environment, known)
        raise InvalidInput(
            f"there is no environment {environment!r}",
            hint=f"{f'{near} ' if near else ''}There are: {', '.join(known)} (files in "
            f"{deploy.folder}/configmaps, secrets and kubeconfig, and `environments` of orbyard.yml)",
        )


def find_files(root: Path, environment: str, deploy: DeploySettings) -> list[SourceFile]:
    """Return the files of an environment's manifests, in the order of their names.

    Raises:
        InvalidInput: there are none, a glob finds none, or a Secret lies about in plain text.
    """
    folder = root / deploy.folder
    _refuse_plain_secrets(root, folder)
    if deploy.manifests:
        paths = _by_globs(root, environment, deploy)
    else:
        paths = sorted(_by_convention(folder, environment))
    if not paths:
        raise InvalidInput(
            f"there are no manifests in {deploy.folder}/",
            where=Location(deploy.folder),
            hint="write some (`orbyard init` does), or name them by `deploy.manifests`",
        )
    return [SourceFile(path, _shown(path, root)) for path in paths]


def encrypted_kubeconfig(
    root: Path, environment: str, deploy: DeploySettings, own: EnvironmentSettings
) -> Path | None:
    """Return the environment's encrypted kubeconfig, or None where it has none.

    Raises:
        InvalidInput: the settings name one that is not there.
    """
    if not own.kubeconfig:
        path = root / deploy.folder / "kubeconfig" / f"{environment}.kubeconfig.enc"
        return path if path.is_file() else None
    path = root / own.kubeconfig.replace("{env}", environment)
    if path.is_file():
        return path
    raise InvalidInput(
        f"the kubeconfig {own.kubeconfig} is not there",
        where=settings_place(root, ("environments", environment, "kubeconfig")),
    )


def _by_convention(folder: Path, environment: str) -> Iterator[Path]:
    yield from _manifests(folder)
    if environment not in _NO_ENVIRONMENTS:
        yield from _manifests(folder / environment)
    for part in ("configmaps", "secrets"):
        for path in _listed(folder / part):
            match = _BY_FOLDER[part].match(path.name)
            if match and match["env"] == environment:
                yield path


def _by_globs(root: Path, environment: str, deploy: DeploySettings) -> list[Path]:
    found: set[Path] = set()
    problems: list[Problem] = []
    for index, pattern in enumerate(deploy.manifests):
        filled = pattern.replace("{env}", environment)
        where = settings_place(root, ("deploy", "manifests", index))
        if Path(filled).is_absolute() or ".." in Path(filled).parts:
            problems.append(Problem(f"the glob {filled!r} leads out of the repository", where))
            continue
        matched = {path for path in root.glob(filled) if _is_manifest(path)}
        if not matched:
            problems.append(Problem(f"the glob {filled!r} finds no manifest", where))
        found |= matched
    if problems:
        raise InvalidInput("the manifests cannot be found", problems=problems)
    return sorted(found)


def _refuse_plain_secrets(root: Path, folder: Path) -> None:
    plain = [
        path for path in _listed(folder / "secrets") if re.search(r"\.(ya?ml|json)\Z", path.name)
    ]
    if plain:
        raise InvalidInput(
            "Secrets lie in plain text in the checkout",
            problems=[
                Problem("this file is not encrypted", Location(_shown(path, root)))
                for path in plain
            ],
            hint="encrypt it (`orbyard secrets.encrypt`) and delete the plain one; "
            "to change an encrypted file use `orbyard secrets.edit`",
        )


def _manifests(folder: Path) -> Iterator[Path]:
    return (path for path in _listed(folder) if _is_manifest(path))


def _is_manifest(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".") and bool(_MANIFEST.match(path.name))


def _listed(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


def _shown(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
