"""What the options of ``ci.*`` mean: which file, which pipeline parameters and values, which orbs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.checkout_values import CheckoutValues
from pipeline.ci_settings import CiSettings
from pipeline.errors import InvalidInput, did_you_mean

if TYPE_CHECKING:
    from pipeline.command import Run
    from pipeline.config.nodes import Source
    from pipeline.config.orb_references import OrbSources

__all__ = ["CompileOptions", "ci_settings", "compile_options", "json_text", "read_config"]

_LARGEST_FILE = 20_000_000
"""Bytes of a file that is read at all; the compiler's own limit is far below, and says more."""


@dataclass(frozen=True, slots=True)
class CompileOptions:
    """Keyword arguments of :func:`pipeline.config.compile`."""

    parameters: Mapping[str, Any]
    values: Mapping[str, Any]
    orbs: OrbSources
    disabled: tuple[str, ...]
    all_workflows: bool

    def keywords(self) -> dict[str, Any]:
        """Return them by name."""
        return {
            "parameters": self.parameters,
            "values": self.values,
            "orbs": self.orbs,
            "disabled": self.disabled,
            "all_workflows": self.all_workflows,
        }


def ci_settings(run: Run) -> CiSettings:
    """Return the section ``ci``, without loading the settings of the orbs.

    Raises:
        InvalidInput: it has mistakes.
    """
    from pipeline.ci_settings import SECTIONS
    from pipeline.settings import load_settings

    return load_settings(run.root, SECTIONS, environ=run.environ, others=True).get(CiSettings)


def compile_options(
    run: Run,
    *,
    param: Iterable[str] = (),
    params_file: str = "",
    value: Iterable[str] = (),
    branch: str = "",
    tag: str = "",
    orb: Iterable[str] = (),
    disable: str = "",
    all_workflows: bool = False,
) -> CompileOptions:
    """Return what the flags and settings of a run mean.

    Raises:
        InvalidInput: one of them is malformed.
    """
    from pipeline.orb_store import RepositoryOrbs

    settings = ci_settings(run)
    given = dict(_pair(text, "--value") for text in value)
    if branch and tag:
        raise InvalidInput(
            "a pipeline is for a branch or for a tag: give --branch or --tag, not both"
        )
    if branch:
        given["pipeline.git.branch"] = branch
    if tag:
        given |= {"pipeline.git.tag": tag, "pipeline.git.branch": None}
    _check_names(given)
    overrides = {name: str(path) for name, path in settings.orbs.items()}
    overrides |= {
        name: str(run.cwd / path)
        for name, path in (_pair(text, "--orb", typed=False) for text in orb)
    }
    return CompileOptions(
        _parameters(run, param, params_file),
        CheckoutValues(run.root, given),
        RepositoryOrbs(run.root, overrides),
        _codes([*settings.disable, *disable.split(",")]),
        all_workflows,
    )


def _check_names(values: Iterable[str]) -> None:
    from pipeline.config.pipeline_values import KNOWN_VALUES, is_known_value

    for name in values:
        if not is_known_value(name):
            raise InvalidInput(
                f"there is no pipeline value {name!r}",
                hint=did_you_mean(name, KNOWN_VALUES) or "values are named as pipeline.git.branch",
            )


def _codes(words: Iterable[str]) -> tuple[str, ...]:
    from pipeline.config.codes import CODES

    codes = tuple(word.strip() for word in words if word.strip())
    for code in codes:
        if code not in CODES:
            raise InvalidInput(
                f"{code!r} is not the code of a warning", hint=did_you_mean(code, CODES)
            )
        if CODES[code].severity == "error":
            raise InvalidInput(
                f"{code!r} is an error, and cannot be turned off",
                hint="CircleCI refuses the configuration for it",
            )
    return codes


def _pair(text: str, flag: str, *, typed: bool = True) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InvalidInput(f"{flag} takes name=value, found {text!r}")
    return name.strip(), _typed(value) if typed else value


def _typed(text: str) -> Any:
    """Return a value as YAML reads it: 3 is a number, "3" a text."""
    from pipeline.config.scalars import plain_value

    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    value = plain_value(text)
    return "" if value is None and not text else value


def _parameters(run: Run, param: Iterable[str], params_file: str) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    if params_file:
        parameters |= _parameters_file(run, params_file)
    return parameters | dict(_pair(text, "--param") for text in param)


def _parameters_file(run: Run, name: str) -> dict[str, Any]:
    from pipeline.config.findings import ConfigError, Report
    from pipeline.config.nodes import to_data
    from pipeline.config.reader import read_document

    report = Report()
    root = read_document(_read_text(run, name), report)
    if report.error_count:
        raise ConfigError(report.findings)
    data = to_data(root) if root is not None else {}
    if not isinstance(data, dict):
        raise InvalidInput(f"{name}: pipeline parameters are a mapping of names to values")
    return data


def read_config(run: Run, name: str = "") -> Source:
    """Return the configuration's text; ``-`` is standard input.

    Raises:
        InvalidInput: the file is missing or cannot be read.
    """
    if name:
        return _read_text(run, name)
    return _read_text(run, str(run.root / ci_settings(run).config))


def _read_text(run: Run, name: str) -> Source:
    from pipeline.config.nodes import Source

    if name == "-":
        return Source("standard input", sys.stdin.read(_LARGEST_FILE))
    path = run.cwd / name
    shown = _shown(path, run)
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise InvalidInput(f"{shown} is larger than {_LARGEST_FILE:,} bytes")
        return Source(shown, path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        raise InvalidInput(
            f'No config file found at "{shown}".',
            hint="give its path: `orbyard ci.validate path/to/config.yml`",
        ) from None
    except IsADirectoryError:
        raise InvalidInput(
            f"{shown} is a folder",
            hint="`orbyard config.pack` makes one file of a split configuration",
        ) from None
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"{shown} is not UTF-8 text: {error.reason} at byte {error.start}"
        ) from None
    except OSError as error:
        raise InvalidInput(f"{shown} cannot be read: {error.strerror}") from None


def _shown(path: Path, run: Run) -> str:
    """Return a path as findings name it: from the project's folder, as those of orbs are."""
    try:
        return path.resolve().relative_to(run.root.resolve()).as_posix()
    except ValueError:
        return str(path)


def json_text(value: Any) -> str:
    """Return plain values as indented JSON."""
    return json.dumps(value, indent=2, ensure_ascii=False)
