"""Values set by path, as ``yq`` does it: ``Deployment/hoge-app:spec.template.spec.replicas``.

A path has keys separated by dots, list indexes in brackets, and quotes around a key with a dot in it:
``metadata.annotations."example.com/role"``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from orbs.kubernetes.manifest import RenderedManifest
from pipeline.errors import InvalidInput, Location, Problem, did_you_mean
from pipeline.yamlfile import KeyPath, format_key

__all__ = ["apply_settings", "parse_path", "set_value"]

_STEP = re.compile(
    r'\.?(?:"(?P<quoted>[^"]+)"|(?P<key>[^.\[\]"]+))|\[(?P<index>\d+)\]|\["(?P<name>[^"]+)"\]'
)


def parse_path(text: str) -> KeyPath:
    """Return the steps of a path.

    Raises:
        ValueError: it is no path.
    """
    steps: list[str | int] = []
    at = 0
    while at < len(text):
        match = _STEP.match(text, at)
        if not match or (match[0].startswith(".") and not steps):
            raise ValueError(f"{text!r} is not a path; expected keys like spec.replicas or a[0].b")
        if steps and not match[0].startswith((".", "[")):
            raise ValueError(f"{text!r} is not a path: a dot is missing at {text[at:]!r}")
        steps.append(
            int(match["index"])
            if match["index"] is not None
            else match["quoted"] or match["key"] or match["name"]
        )
        at = match.end()
    if not steps:
        raise ValueError("the path is empty")
    return tuple(steps)


def set_value(value: Any, path: KeyPath, new: Any) -> Any:
    """Return a copy of ``value`` with ``new`` at ``path``; the parents must be there.

    Raises:
        KeyError: with the path of the parent that is missing.
    """
    return _set(value, path, new, 0)


def _set(value: Any, path: KeyPath, new: Any, at: int) -> Any:
    step, last = path[at], at == len(path) - 1
    if isinstance(step, int) and isinstance(value, list) and step < len(value):
        return [
            *value[:step],
            new if last else _set(value[step], path, new, at + 1),
            *value[step + 1 :],
        ]
    if isinstance(step, str) and isinstance(value, dict) and (last or step in value):
        return {**value, step: new if last else _set(value[step], path, new, at + 1)}
    missing = path[: at + 1] if isinstance(value, dict | list) else path[:at]
    raise KeyError(format_key(missing))


def apply_settings(
    manifests: Sequence[RenderedManifest],
    settings: Mapping[str, tuple[Any, Location]],
) -> list[RenderedManifest]:
    """Return the manifests with the values of the settings in them.

    Args:
        manifests: what was read.
        settings: ``Kind/name:path`` to the value, and where that is written.

    Raises:
        InvalidInput: with every object or path that is not there, and every key that is no path.
    """
    changed = list(manifests)
    problems: list[Problem] = []
    for key, (new, where) in settings.items():
        ref, colon, text = key.partition(":")
        targets = [index for index, manifest in enumerate(changed) if manifest.ref == ref]
        if not colon or "/" not in ref:
            problems.append(Problem(f"{key!r} is not of the form Kind/name:path.to.key", where))
            continue
        if not targets:
            near = did_you_mean(ref, sorted({manifest.ref for manifest in changed}))
            problems.append(Problem(f"no manifest is {ref}", where, near))
            continue
        for index in targets:
            try:
                value = set_value(changed[index].value, parse_path(text), new)
            except ValueError as error:
                problems.append(Problem(str(error), where))
            except KeyError as error:
                problems.append(_missing(changed[index], str(error.args[0]), text, where))
            else:
                changed[index] = changed[index].with_value(value)
    if problems:
        raise InvalidInput("values cannot be set", problems=problems)
    return changed


def _missing(manifest: RenderedManifest, parent: str, text: str, where: Location) -> Problem:
    return Problem(
        f"{manifest.ref} has no {parent}, so {text} cannot be set",
        where,
        f"write {parent} into {manifest.where()}, if it is meant",
    )
