"""What the options of ``ci.*`` mean: which file, which pipeline parameters and values, which orbs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.checkout_values import CheckoutValues
from pipeline.ci_settings import CiSettings
from pipeline.errors import InvalidInput, did_you_mean

if TYPE_CHECKING:
    from pipeline.command import Run
    from pipeline.config.nodes import Node, Source
    from pipeline.orb_store import RepositoryOrbs

__all__ = [
    "CompileOptions",
    "as_declared",
    "ci_settings",
    "compile_options",
    "default_parameters",
    "git_values",
    "json_text",
    "named_values",
    "orb_overrides",
    "project_folder",
    "read_config",
]

_LARGEST_FILE = 20_000_000
"""Bytes of a file that is read at all; the compiler's own limit is far below, and says more."""


@dataclass(frozen=True, slots=True)
class CompileOptions:
    """What the flags and settings of a run mean.

    Attributes:
        file_parameters: pipeline parameters of ``--params-file``.
        written_parameters: those of ``--param``, as texts.
        values: pipeline values, given ones and those of the checkout.
        orbs: where orbs come from.
        disabled: codes of warnings that are not wanted.
        all_workflows: whether to check workflows as well whose condition is false.
    """

    file_parameters: Mapping[str, Any]
    written_parameters: Mapping[str, str]
    values: CheckoutValues
    orbs: RepositoryOrbs
    disabled: tuple[str, ...]
    all_workflows: bool

    def keywords(self, source: Source) -> dict[str, Any]:
        """Return them as the keyword arguments of :func:`pipeline.config.compile` for a configuration."""
        return {
            "parameters": {
                **self.file_parameters,
                **_as_declared(source, self.written_parameters),
            },
            "values": self.values,
            "orbs": self.orbs,
            "disabled": self.disabled,
            "all_workflows": self.all_workflows,
        }

    def with_values(self, values: Mapping[str, Any]) -> CompileOptions:
        """Return these options with more pipeline values, of which those that are given win."""
        return replace(self, values=self.values.besides(values))

    def besides(self, *, values: Iterable[str], orbs: Iterable[str]) -> CompileOptions:
        """Return these options with more of ``--value`` and ``--orb``; of values those that are given win.

        Raises:
            InvalidInput: one of them is malformed.
        """
        more = {name: _typed(text) for name, text in (_pair(text, "--value") for text in values)}
        _check_names(more)
        places = dict(_pair(text, "--orb", "namespace/name=path") for text in orbs)
        return replace(self.with_values(more), orbs=self.orbs.with_overrides(places))


def project_folder(run: Run) -> Path:
    """Return the project's folder; outside of any, the one that the user stands in."""
    try:
        return run.root
    except InvalidInput:
        return run.cwd


def ci_settings(run: Run) -> CiSettings:
    """Return the section ``ci``, without loading the settings of the orbs.

    Raises:
        InvalidInput: it has mistakes.
    """
    from pipeline.ci_settings import SECTIONS
    from pipeline.settings import load_settings

    settings = load_settings(project_folder(run), SECTIONS, environ=run.environ, others=True)
    return settings.get(CiSettings)


def orb_overrides(settings: CiSettings) -> dict[str, str]:
    """Return where ``ci.orbs`` takes orbs from, by ``namespace/name``.

    Raises:
        InvalidInput: one of them has no namespace, or no path.
    """
    for name, path in settings.orbs.items():
        if "/" not in name or not isinstance(path, str):
            raise InvalidInput(
                f"ci.orbs takes paths by namespace/name, found {name}: {path}",
                hint="name orbs without their version, as `acme/deploy: ../deploy-orb/src`",
            )
    return dict(settings.orbs)


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

    settings, root = ci_settings(run), project_folder(run)
    return CompileOptions(
        _parameters_file(run, params_file) if params_file else {},
        dict(_pair(text, "--param") for text in param),
        CheckoutValues(root, _values(value, branch, tag)),
        RepositoryOrbs(root, orb_overrides(settings) | dict(_orb(run, text) for text in orb)),
        (*_codes(settings.disable, "ci.disable"), *_codes(disable.split(","), "--disable")),
        all_workflows,
    )


def _values(value: Iterable[str], branch: str, tag: str) -> dict[str, Any]:
    if branch and tag:
        raise InvalidInput(
            "a pipeline is for a branch or for a tag: give --branch or --tag, not both"
        )
    given = {name: _typed(text) for name, text in (_pair(text, "--value") for text in value)}
    given |= git_values(branch, tag)
    _check_names(given)
    return given


def git_values(branch: str, tag: str) -> dict[str, Any]:
    """Return the pipeline values of ``--branch`` or ``--tag``; none where neither is given."""
    if tag:
        return {"pipeline.git.tag": tag, "pipeline.git.branch": None}
    return {"pipeline.git.branch": branch} if branch else {}


def _orb(run: Run, text: str) -> tuple[str, str]:
    name, path = _pair(text, "--orb", "namespace/name=path")
    if "/" not in name:
        raise InvalidInput(
            f"--orb takes namespace/name=path, found {text!r}",
            hint="name the orb as behind `orbs:`, with its namespace and without its version",
        )
    if not os.path.exists(run.cwd / path):
        raise InvalidInput(f"--orb {text}: there is no file or folder {path}")
    return name.partition("@")[0], str(run.cwd / path)


def _check_names(values: Iterable[str]) -> None:
    from pipeline.config.pipeline_values import KNOWN_VALUES, is_known_value

    for name in values:
        if name.startswith("pipeline.parameters."):
            own = name.removeprefix("pipeline.parameters.")
            raise InvalidInput(
                f"{name!r} is a pipeline parameter", hint=f"give it by `--param {own}=…`"
            )
        if not is_known_value(name):
            raise InvalidInput(
                f"there is no pipeline value {name!r}",
                hint=did_you_mean(name, KNOWN_VALUES) or "values are named as pipeline.git.branch",
            )


def _codes(words: Iterable[str], origin: str) -> tuple[str, ...]:
    from pipeline.config.codes import CODES

    codes = tuple(word.strip() for word in words if word.strip())
    for code in codes:
        if code not in CODES:
            raise InvalidInput(
                f"{origin}: {code!r} is not the code of a warning",
                hint=did_you_mean(code, CODES)
                or "codes stand in [brackets] before each warning, as in warning[unused-orb]",
            )
        if CODES[code].severity == "error":
            raise InvalidInput(
                f"{origin}: {code!r} is an error, and cannot be turned off",
                hint="CircleCI refuses the configuration for it",
            )
    return codes


def named_values(words: Iterable[str], flag: str) -> dict[str, str]:
    """Return ``name=value`` words as a mapping.

    Raises:
        InvalidInput: one of them is something else.
    """
    return dict(_pair(word, flag) for word in words)


def _pair(text: str, flag: str, form: str = "name=value") -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise InvalidInput(f"{flag} takes {form}, found {text!r}")
    return name.strip(), value


def _typed(text: str) -> Any:
    """Return a value as YAML reads it: 3 is a number, "3" a text."""
    from pipeline.config.scalars import plain_value

    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    value = plain_value(text)
    return "" if value is None and not text else value


def _as_declared(source: Source, written: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of ``--param``, typed.

    A value that YAML takes for a number or a boolean stays a text where the configuration declares one,
    since a shell takes away the quotes that would say so.
    """
    if all(isinstance(_typed(text), str) for text in written.values()):
        return {name: _typed(text) for name, text in written.items()}
    from pipeline.config.findings import Report
    from pipeline.config.nodes import Mapping as MappingNode
    from pipeline.config.reader import read_document

    # What is wrong with the document is reported when it is compiled.
    root = read_document(source, Report())
    node = root.get("parameters") if type(root) is MappingNode else None
    return as_declared(node, written, pipeline=True)


def as_declared(
    node: Node | None, written: Mapping[str, str], *, pipeline: bool = False
) -> dict[str, Any]:
    """Return written values, typed as the ``parameters`` of a document or a job declare them."""
    from pipeline.config.findings import Report
    from pipeline.config.parameters import mismatch, read_declarations

    values = {name: _typed(text) for name, text in written.items()}
    for name, declaration in read_declarations(node, Report(), pipeline=pipeline).items():
        if name in values and mismatch(declaration, values[name]):
            text = written[name]
            values[name] = values[name] if mismatch(declaration, text) else text
    return values


def default_parameters(source: Source) -> dict[str, Any]:
    """Return the defaults of a configuration's pipeline parameters, as far as they can be read."""
    from pipeline.config.findings import Report
    from pipeline.config.nodes import Mapping as MappingNode
    from pipeline.config.nodes import to_data
    from pipeline.config.parameters import read_declarations
    from pipeline.config.reader import read_document

    root = read_document(source, Report())
    node = root.get("parameters") if type(root) is MappingNode else None
    declared = read_declarations(node, Report(), pipeline=True)
    return {name: to_data(one.default) for name, one in declared.items() if one.default is not None}


def _parameters_file(run: Run, name: str) -> dict[str, Any]:
    from pipeline.config.findings import ConfigError, Report
    from pipeline.config.nodes import to_data
    from pipeline.config.reader import read_document

    report = Report()
    hint = "--params-file takes a YAML or JSON file of names and values, as `run-e2e: true`"
    root = read_document(_read_text(run, name, "parameters file", hint), report)
    if report.error_count:
        raise ConfigError(report.findings)
    data = to_data(root) if root is not None else {}
    if not isinstance(data, dict):
        raise InvalidInput(
            f"{name}: pipeline parameters are a mapping of names to values", hint=hint
        )
    return data


def read_config(run: Run, name: str = "") -> Source:
    """Return the configuration's text; ``-`` is standard input.

    Raises:
        InvalidInput: the file is missing or cannot be read.
    """
    hint = "give its path, as `--config path/to/config.yml`"
    if not name:
        name = str(project_folder(run) / ci_settings(run).config)
    return _read_text(run, name, "config file", hint)


def _read_text(run: Run, name: str, kind: str, hint: str) -> Source:
    """Return a file's text, or that of standard input.

    Args:
        run: the run, whose folder relative names count from.
        name: the file, or ``-``.
        kind: what it is, for the messages.
        hint: what to do where there is none.
    """
    path = run.cwd / name
    shown = "standard input" if name == "-" else _shown(path, run)
    try:
        if name == "-":
            raw = sys.stdin.buffer.read(_LARGEST_FILE + 1) if sys.stdin else b""
        else:
            with path.open("rb") as file:
                raw = file.read(_LARGEST_FILE + 1)
    except FileNotFoundError:
        raise InvalidInput(f'No {kind} found at "{shown}".', hint=hint) from None
    except IsADirectoryError:
        packing = "`orbyard config.pack` makes one file of a split configuration"
        raise InvalidInput(
            f"{shown} is a folder", hint=packing if kind == "config file" else hint
        ) from None
    except OSError as error:
        raise InvalidInput(f"{shown} cannot be read: {error.strerror}") from None
    if len(raw) > _LARGEST_FILE:
        raise InvalidInput(f"{shown} is larger than {_LARGEST_FILE:,} bytes")
    return _decoded(shown, raw)


def _decoded(shown: str, raw: bytes) -> Source:
    from pipeline.config.nodes import Source

    try:
        return Source(shown, raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"{shown} is not UTF-8 text: {error.reason} at byte {error.start}",
            hint="save it as UTF-8",
        ) from None


def _shown(path: Path, run: Run) -> str:
    """Return a path as findings name it: from the project's folder, as those of orbs are."""
    try:
        return path.resolve().relative_to(project_folder(run).resolve()).as_posix()
    except ValueError:
        return str(path)


def json_text(value: Any) -> str:
    """Return plain values as indented JSON."""
    return json.dumps(value, indent=2, ensure_ascii=False)
