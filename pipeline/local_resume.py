"""What ``ci.run --failed`` takes over of the options of an earlier run.

That is what decides what is run, as far as it was given then and is not given now. Values of variables are
never written down: of ``--env`` a record has the names, and they are said where they are missing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.ci_options import CompileOptions, default_parameters
from pipeline.errors import InvalidInput
from pipeline.local_options import LocalOptions, check_options
from pipeline.runner.plan import Choice
from pipeline.runner.record import RunRecord
from pipeline.secret import MASK

if TYPE_CHECKING:
    from pipeline.config.nodes import Source

__all__ = ["as_before", "options_to_keep", "variables_missing"]

_KEPT: Mapping[str, Any] = {
    "branch": "",
    "tag": "",
    "trigger": "push",
    "values": (),
    "orbs": (),
    "job_parameters": (),
    "committed": False,
    "in_place": False,
    "env_file": "",
    "contexts": (),
    "executor": "auto",
    "platform": "",
    "images": (),
    "volumes": (),
}
"""Options that decide what a run is, with their defaults."""
_FLAGS = {
    "values": "--value",
    "orbs": "--orb",
    "job_parameters": "--job-param",
    "contexts": "--context",
    "images": "--image",
    "volumes": "--volume",
}
"""How those are called that are called otherwise than here."""
_EITHER = ({"branch", "tag"}, {"committed", "in_place"})
"""Options of which one is given: it counts, and not the other one of the earlier run."""
_NAMES, _PASSED = "env", "env_passed"
"""In a record: the names of variables that ``--env`` gave, and of those that it passed on."""


def options_to_keep(options: LocalOptions, cwd: Path) -> dict[str, Any]:
    """Return what a run's record has of its options, as far as they were given; files by absolute paths."""
    given = {name: getattr(options, name) for name in _KEPT}
    kept = {name: value for name, value in given.items() if value != _KEPT[name]}
    for name in ("orbs", "contexts"):
        if name in kept:
            kept[name] = tuple(_with_path(cwd, text, "=") for text in kept[name])
    if "volumes" in kept:
        kept["volumes"] = tuple(_from_path(cwd, text) for text in kept["volumes"])
    if "env_file" in kept:
        kept["env_file"] = os.fspath(cwd / kept["env_file"])
    names: dict[str, list[str]] = {_NAMES: [], _PASSED: []}
    for item in options.env:
        name, sign, _ = item.partition("=")
        names[_NAMES if sign else _PASSED].append(name)
    lists = {name: list(value) for name, value in kept.items() if isinstance(value, tuple)}
    return {**kept, **lists, **{name: found for name, found in names.items() if found}}


def _with_path(cwd: Path, text: str, sign: str) -> str:
    name, _, path = text.partition(sign)
    return f"{name}{sign}{cwd / path}" if path else text


def _from_path(cwd: Path, text: str) -> str:
    path, _, rest = text.partition(":")
    return f"{cwd / Path(path).expanduser()}:{rest}"


def as_before(
    earlier: RunRecord,
    source: Source,
    compiling: CompileOptions,
    options: LocalOptions,
    environ: Mapping[str, str],
) -> tuple[CompileOptions, LocalOptions]:
    """Return the options of an earlier run where none are given.

    Args:
        earlier: the run.
        source: the configuration.
        compiling: how to compile it.
        options: those that are given.
        environ: where variables are that are passed on.

    Raises:
        InvalidInput: an option had a secret in it, which the record does not have, or does not go with
            those that are given.
    """
    chooses = any(asdict(options.choice).values())
    before = _before(earlier, options, leave_out={"job_parameters"} if chooses else set())
    if not chooses:
        options = replace(options, choice=Choice(**earlier.choice))
    given = {item.partition("=")[0] for item in options.env}
    passed = [name for name in earlier.options.get(_PASSED, ()) if name in environ]
    env = (*(name for name in passed if name not in given), *options.env)
    options = replace(options, **before, env=env)
    check_options(options)
    parameters = _parameters(earlier, source, compiling)
    compiling = compiling.besides(values=before.get("values", ()), orbs=before.get("orbs", ()))
    return replace(compiling, file_parameters=parameters), options


def _before(earlier: RunRecord, options: LocalOptions, leave_out: set[str]) -> dict[str, Any]:
    """Return what is taken over; of an option that may be repeated, what is not given for the same name."""
    now = {name for name in _KEPT if getattr(options, name) != _KEPT[name]}
    for several in _EITHER:
        leave_out = leave_out | (several if several & now else set())
    before: dict[str, Any] = {}
    for name, then in earlier.options.items():
        if name not in _KEPT or name in leave_out:
            continue
        if isinstance(then, list):
            given = getattr(options, name)
            keys = {_key(name, text) for text in given}
            again = tuple(text for text in then if _key(name, text) not in keys)
            _refuse_masked(earlier, name, again)
            before[name] = (*again, *given)
        elif name not in now:
            _refuse_masked(earlier, name, [str(then)])
            before[name] = then
    return before


def _key(option: str, text: str) -> str:
    """Return what an option that may be repeated can be given once for."""
    return text.split(":")[1] if option == "volumes" else text.partition("=")[0]


def _refuse_masked(earlier: RunRecord, name: str, texts: Iterable[str]) -> None:
    flag = _FLAGS.get(name, f"--{name.replace('_', '-')}")
    for text in texts:
        if MASK in text:
            raise InvalidInput(
                f"`{flag} {text}` of the run {earlier.id} had a secret in it, which is not kept",
                hint=f"give it again: {flag}",
            )


def _parameters(earlier: RunRecord, source: Source, compiling: CompileOptions) -> dict[str, Any]:
    # A default was not given: a setup workflow may pass a value for it.
    defaults = default_parameters(source)
    given = {
        name: value
        for name, value in earlier.parameters.items()
        if name not in defaults or defaults[name] != value
    }
    again = compiling.file_parameters.keys() | compiling.written_parameters.keys()
    for name, value in given.items():
        if name not in again and isinstance(value, str) and MASK in value:
            raise InvalidInput(
                f"the parameter {name} of the run {earlier.id} had a secret in it, which is not kept",
                hint=f"give it again: --param {name}=VALUE",
            )
    return {**given, **compiling.file_parameters}


def variables_missing(earlier: RunRecord, variables: Iterable[str]) -> list[str]:
    """Return the variables that ``--env`` gave to an earlier run and that are not there now."""
    names = (*earlier.options.get(_NAMES, ()), *earlier.options.get(_PASSED, ()))
    there = frozenset(variables)
    return [name for name in dict.fromkeys(names) if name not in there]
