"""Which programs install dependencies here: found by their lockfiles, or declared in settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from orbs.rails.model import Installer
from orbs.rails.settings import DependenciesSettings
from orbs.rails.small_files import SmallFile, read_files
from pipeline.errors import InvalidInput, Location, did_you_mean
from pipeline.settings import SETTINGS_FILE

__all__ = ["BUNDLE", "YARN", "find_installers", "installer_files"]

BUNDLE = Installer(
    name="bundle",
    lockfile="Gemfile.lock",
    path="vendor/bundle",
    # What `bundle install --deployment` means. The flag itself is deprecated since Bundler 2.1 and
    # gone in Bundler 4; the variables mean the same to all of them (1.x knows FROZEN and PATH).
    command="bundle install",
    manifest=("Gemfile", ".ruby-version", ".tool-versions", "*.gemspec"),
    environment={
        "BUNDLE_DEPLOYMENT": "true",
        "BUNDLE_FROZEN": "true",
        "BUNDLE_PATH": "vendor/bundle",
        "BUNDLE_CLEAN": "true",
        "BUNDLE_SILENCE_ROOT_WARNING": "true",
    },
    # Logs of compilers name temporary folders.
    tidy="find vendor/bundle '(' -name gem_make.out -o -name mkmf.log ')' -type f -delete",
)
YARN = Installer(
    name="yarn",
    lockfile="yarn.lock",
    path="node_modules",
    command="yarn install --frozen-lockfile --non-interactive",
    manifest=("package.json", ".yarnrc", ".npmrc"),
)
_YARN_BERRY = replace(
    YARN,
    command="yarn install --immutable",
    manifest=(*YARN.manifest, ".yarnrc.yml", ".yarn/releases", ".yarn/plugins", ".yarn/patches"),
)


def find_installers(root: Path, settings: DependenciesSettings) -> tuple[Installer, ...]:
    """Return the installers to run: those found by their lockfiles and those of the settings.

    Raises:
        InvalidInput: a declared installer's lockfile is missing, a Gemfile or package.json has none,
            a path leads out of the project, two fill the same folder, or ``disable`` names none.
    """
    found = {item.name: item for item in (*_bundle(root, settings), *_yarn(root, settings))}
    for name, declared in settings.installers.items():
        found[name] = Installer(
            name=name,
            lockfile=declared.lockfile,
            path=declared.path.rstrip("/"),
            command=declared.command,
            manifest=declared.manifest,
            environment=dict(declared.environment),
        )
    for name in settings.disable:
        if name not in found and name not in {"bundle", "yarn"}:
            raise InvalidInput(
                f"dependencies.disable names {name!r}, which is no installer here",
                where=Location(SETTINGS_FILE, key="dependencies.disable"),
                hint=did_you_mean(name, found),
            )
    chosen = [installer for name, installer in found.items() if name not in settings.disable]
    for installer in chosen:
        _check(root, installer)
    _check_paths(chosen)
    return tuple(sorted(chosen, key=lambda installer: installer.name))


def _bundle(root: Path, settings: DependenciesSettings) -> tuple[Installer, ...]:
    if "bundle" in (*settings.disable, *settings.installers):
        return ()
    if (root / "Gemfile.lock").is_file():
        return (BUNDLE,)
    if (root / "Gemfile").is_file():
        raise _no_lockfile("Gemfile", "Gemfile.lock", "bundle lock", "bundle")
    return ()


def _yarn(root: Path, settings: DependenciesSettings) -> tuple[Installer, ...]:
    if "yarn" in (*settings.disable, *settings.installers):
        return ()
    lockfile = root / "yarn.lock"
    if lockfile.is_file():
        # Yarn 2 and later begin their lockfile with this key.
        berry = "\n__metadata:" in lockfile.read_text(encoding="utf-8", errors="replace")
        return (_YARN_BERRY if berry else YARN,)
    other = any((root / name).is_file() for name in ("package-lock.json", "pnpm-lock.yaml"))
    declared = any(item.path.rstrip("/") == YARN.path for item in settings.installers.values())
    if (root / "package.json").is_file() and not other and not declared:
        raise _no_lockfile("package.json", "yarn.lock", "yarn install", "yarn")
    return ()


def _no_lockfile(manifest: str, lockfile: str, command: str, name: str) -> InvalidInput:
    return InvalidInput(
        f"there is a {manifest} but no {lockfile}, which says what exactly to install",
        where=Location(lockfile),
        hint=f"write it with `{command}` and commit it; or turn the installer off with "
        f"`dependencies: {{disable: [{name}]}}` in {SETTINGS_FILE}",
    )


def _check(root: Path, installer: Installer) -> None:
    key = f"dependencies.installers.{installer.name}"
    where = Location(SETTINGS_FILE, key=key)
    if Path(installer.path).is_absolute() or ".." in Path(installer.path).parts:
        raise InvalidInput(f"its path {installer.path!r} is outside of the project", where=where)
    if installer.path in {"", "."}:
        raise InvalidInput("its path has to be a folder of its own in the project", where=where)
    if not (root / installer.lockfile).is_file():
        raise InvalidInput(
            f"the lockfile {installer.lockfile} of {installer.name!r} is missing",
            where=where,
            hint=f"write {installer.lockfile} and commit it, or correct its name here",
        )


def _check_paths(installers: list[Installer]) -> None:
    for one in installers:
        for other in installers:
            inside = Path(other.path).is_relative_to(one.path)
            if one is not other and inside:
                raise InvalidInput(
                    f"{other.name!r} fills {other.path}, which {one.name!r} fills too",
                    where=Location(SETTINGS_FILE, key="dependencies.installers"),
                    hint="each installer needs a folder of its own",
                )


def installer_files(root: Path, installer: Installer) -> tuple[SmallFile, ...]:
    """Return the lockfile and those manifests that are there."""
    names = (installer.lockfile, *installer.manifest)
    return read_files(root, names, key=f"dependencies.installers.{installer.name}.manifest")


def installs_environment(installer: Installer, settings: DependenciesSettings) -> Mapping[str, str]:
    """Return the variables of an install; the installer's own win over those of every install."""
    return {**settings.environment, **(installer.environment or {})}
