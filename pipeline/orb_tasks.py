"""The tasks ``orb.*`` and ``config.*``: packing, checking and vendoring orbs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.collection import Collection
from invoke.exceptions import Exit

from pipeline.command import Run, command

if TYPE_CHECKING:
    from pipeline.config.findings import Finding
    from pipeline.config.nodes import Mapping
    from pipeline.config.orb_references import FoundOrb, OrbReference, OrbSources
    from pipeline.orb_store import RepositoryOrbs
    from pipeline.orb_vendor import Declared

__all__ = ["config_namespace", "namespace"]

_CONFIG = ".circleci/config.yml"
_PLACELESS = {
    "orb-not-found": "missing",
    "orb-checksum": "not what the lock file says; see `orbyard ci.validate`",
}
"""What stands for an orb's place where there is none, by the code of what is wrong."""


@command(
    name="pack",
    auto_shortflags=False,
    help={"path": "an orb's folder (with @orb.yml or src/@orb.yml), or its file"},
)
def pack(run: Run, path: str) -> None:
    """Print an orb's folder as one YAML document, with the files it includes in place.

    For example:

      orbyard orb.pack orbs/node > node.yml
    """
    from pipeline.config.findings import ConfigError
    from pipeline.config.packing import pack_orb

    try:
        _print(run, pack_orb(run.cwd / path, root=run.cwd))
    except ConfigError as error:
        _refuse(run, error.findings)


@command(
    name="pack",
    auto_shortflags=False,
    help={"path": "the folder of a configuration that is split into files"},
)
def pack_config(run: Run, path: str) -> None:
    """Print a configuration that is split into files as one YAML document.

    For example:

      orbyard config.pack .circleci/src > .circleci/config.yml
    """
    from pipeline.config.findings import ConfigError
    from pipeline.config.packing import pack_config

    try:
        _print(run, pack_config(run.cwd / path, root=run.cwd))
    except ConfigError as error:
        _refuse(run, error.findings)


@command(
    name="validate",
    auto_shortflags=False,
    help={
        "path": "an orb's folder (with @orb.yml or src/@orb.yml), or its packed file",
        "json": "print the findings as JSON",
    },
)
def validate(run: Run, path: str, json: bool = False) -> None:
    """Say what is wrong with an orb: every command, job and executor of it is tried.

    Exit code 0: valid; 2: it has errors. For example:

      orbyard orb.validate orbs/node
    """
    from pipeline.config.orb_check import validate_orb
    from pipeline.config.rendering import findings_json, render_findings, terminal_width

    findings = validate_orb(_open(run, path), orbs=_orbs(run))
    broken = any(finding.severity == "error" for finding in findings)
    if json:
        run.console.result(findings_json(findings))
    else:
        if findings:
            colour = run.console.colours_results
            run.console.result(render_findings(findings, colour=colour, width=terminal_width()))
        if not broken:
            run.console.result(f"Orb at {path} is valid.")
    if broken:
        raise Exit(code=2)


@command(
    name="fetch",
    auto_shortflags=False,
    variadic="reference",
    iterable=["reference"],
    help={
        "reference": "an orb as namespace/name@version, or its URL; default are those that are declared"
        " and missing",
        "config": f"the configuration that declares them; default is {_CONFIG}",
        "update": "ask again for orbs whose version may have become another, as 5, volatile or dev:x",
        "host": "the address of CircleCI; default is CIRCLECI_CLI_HOST, else https://circleci.com",
    },
)
def fetch(
    run: Run,
    reference: Iterable[str] | None = None,
    config: str = "",
    update: bool = False,
    host: str = "",
) -> None:
    """Get orbs from CircleCI into .circleci/orbs, with the orbs that they import.

    The one task that asks the network for orbs. For example:

      orbyard orb.fetch
      orbyard orb.fetch circleci/node@5.2.0
    """
    from pipeline.config.pack_files import name_of
    from pipeline.orb_fetch import TOKEN_VARIABLES, OrbApi, fetch_orb
    from pipeline.orb_vendor import fetch_all, read_reference

    for name in TOKEN_VARIABLES:
        run.console.masker.add(run.environ.get(name, ""))
    api = OrbApi.from_environment(run.environ, host)
    named = [read_reference(text) for text in reference or ()]
    wanted = named or _wanted(run, config)
    count = 0
    for vendored in fetch_all(
        run.root,
        wanted,
        fetch=lambda orb: fetch_orb(orb, api),
        here=_orbs(run),
        update=update,
        always=bool(named),
    ):
        count += 1
        run.console.success(f"{vendored.reference} is in {name_of(vendored.path, run.root)}")
    if not count:
        none = "the configuration declares no orbs to fetch"
        run.console.info("every orb is here already; nothing was fetched" if wanted else none)


@command(
    name="vendor",
    auto_shortflags=False,
    help={
        "reference": "the orb with its exact version, as namespace/name@1.2.3, or its URL",
        "path": "its packed file, or its folder",
    },
)
def vendor(run: Run, reference: str, path: str) -> None:
    """Put an orb of this machine into .circleci/orbs and its lock file; asks no network.

    For example:

      orbyard orb.vendor acme/tools@1.4.0 ../tools-orb/src
    """
    from pipeline.config.orb_check import validate_orb
    from pipeline.config.pack_files import name_of
    from pipeline.orb_vendor import read_reference
    from pipeline.orb_vendor import vendor as put

    wanted = read_reference(reference)
    found = _open(run, path)
    text = found.source.text if found.packed is None else _packed_text(run, path)
    done = put(run.root, wanted, text)
    run.console.success(f"{done.reference} is in {name_of(done.path, run.root)}")
    for finding in validate_orb(found, orbs=_orbs(run)):
        run.console.warning(f"{finding.where}: {finding.message}", hint=finding.hint)


@command(
    name="list", auto_shortflags=False, help={"config": f"the configuration; default is {_CONFIG}"}
)
def list_orbs(run: Run, config: str = "") -> None:
    """Print the orbs that the configuration declares, where each comes from, and whether it is locked."""
    orbs = _orbs(run)
    rows = [(orb.alias, orb.written, *_place(orbs, orb)) for orb in _declared(run, config)]
    if rows:
        run.console.table(rows, heading=("orb", "reference", "from", "locked"))
    else:
        run.console.info("the configuration declares no orbs, but for inline ones")


def _place(orbs: OrbSources, orb: Declared) -> tuple[str, str]:
    from pipeline.config.orb_references import OrbProblem

    if orb.reference is None:
        return "depends on a value", ""
    try:
        found = orbs.find(orb.reference)
    except OrbProblem as problem:
        return _PLACELESS.get(problem.code) or str(problem), ""
    return found.source.name, {True: "yes", False: "no", None: ""}[found.locked]


def _wanted(run: Run, config: str) -> list[OrbReference]:
    """Return the orbs that are declared, and say which of them cannot be told."""
    wanted = []
    for orb in _declared(run, config):
        if orb.reference is None:
            run.console.warning(
                f"the orb {orb.alias!r} is {orb.written!r}, which depends on a value",
                hint="fetch it by its name and version, as `orbyard orb.fetch namespace/name@1.2.3`",
            )
        else:
            wanted.append(orb.reference)
    return wanted


def _declared(run: Run, config: str) -> list[Declared]:
    from pipeline.ci_options import ci_settings
    from pipeline.config.findings import ConfigError
    from pipeline.orb_vendor import declared_orbs

    try:
        return declared_orbs(_open(run, config or str(_root(run) / ci_settings(run).config)))
    except ConfigError as error:
        _refuse(run, error.findings)
        raise


def _open(run: Run, path: str) -> FoundOrb:
    from pipeline.config.orb_references import OrbProblem
    from pipeline.errors import InvalidInput
    from pipeline.orb_store import open_orb

    try:
        return open_orb(run.cwd / path, _root(run))
    except OrbProblem as problem:
        raise InvalidInput(str(problem), hint=problem.hint) from None


def _root(run: Run) -> Path:
    from pipeline.ci_options import project_folder

    return project_folder(run)


def _orbs(run: Run) -> RepositoryOrbs:
    """Return where this repository's orbs come from: its settings, its folders, its store."""
    from pipeline.ci_options import ci_settings, orb_overrides
    from pipeline.orb_store import RepositoryOrbs

    return RepositoryOrbs(_root(run), orb_overrides(ci_settings(run)))


def _packed_text(run: Run, path: str) -> str:
    from pipeline.config.findings import ConfigError
    from pipeline.config.packing import pack_orb, packed_data
    from pipeline.config.printer import to_yaml

    try:
        return to_yaml(packed_data(pack_orb(run.cwd / path, root=_root(run))))
    except ConfigError as error:
        _refuse(run, error.findings)
        raise


def _print(run: Run, packed: Mapping) -> None:
    from pipeline.config.packing import packed_data
    from pipeline.config.printer import to_yaml

    run.console.result(to_yaml(packed_data(packed)).removesuffix("\n"))


def _refuse(run: Run, findings: Iterable[Finding]) -> None:
    from pipeline.config.rendering import render_findings, terminal_width

    colour = run.console.colours_progress
    run.console.line(render_findings(tuple(findings), colour=colour, width=terminal_width()))
    raise Exit(code=2)


namespace = Collection("orb", fetch, list_orbs, pack, validate, vendor)
config_namespace = Collection("config", pack_config)
