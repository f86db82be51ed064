"""From the files of an environment to the objects as they will be applied."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orbs.kubernetes.anchors import Anchors, fill_in, find_leftovers, replace_anchors
from orbs.kubernetes.layout import SourceFile, check_environment, find_files
from orbs.kubernetes.manifest import RenderedManifest
from orbs.kubernetes.marks import Provenance, mark, read_provenance
from orbs.kubernetes.objects import check_objects, read_objects
from orbs.kubernetes.opening import environment_settings
from orbs.kubernetes.places import settings_place
from orbs.kubernetes.setpath import apply_settings
from orbs.kubernetes.settings import DeploySettings, EnvironmentsSettings
from pipeline.errors import InvalidInput, Location, Problem, did_you_mean

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.command import Run
    from pipeline.project import Revision

__all__ = ["RenderedSet", "render"]


@dataclass(frozen=True, slots=True)
class RenderedSet:
    """Everything that a deploy applies.

    Attributes:
        environment: the environment's name.
        manifests: the objects, in the order of their files.
        image: the image's reference in them, or None: its anchor was left.
        provenance: who deploys what.
    """

    environment: str
    manifests: tuple[RenderedManifest, ...]
    image: str | None
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class _Text:
    """A file's text with its anchors replaced; ``seed`` changes with it and gives nothing away."""

    file: SourceFile
    text: str
    used: frozenset[str]
    seed: str


def render(
    run: Run,
    environment: str,
    *,
    image: str | None,
    revision: Revision,
    provenance: Provenance | None = None,
) -> RenderedSet:
    """Read, decrypt, fill in and mark the manifests of an environment.

    Args:
        run: settings, and the way to decrypt.
        environment: its name.
        image: what the image's anchor becomes; None leaves it.
        revision: what is checked out.
        provenance: who deploys what; default is what the machine says.

    Raises:
        InvalidInput: with every mistake found in the files and the settings about them.
        Unavailable: a file cannot be decrypted here.
    """
    deploy: DeploySettings = run.settings.get(DeploySettings)
    check_environment(environment, run.root, deploy, run.settings.get(EnvironmentsSettings).by_name)
    names = {"env": environment, "revision": revision.label, "image": image or ""}
    values = _anchor_values(run, environment, deploy, names, image)
    texts = _read_all(run, find_files(run.root, environment, deploy), Anchors(values))
    problems: list[Problem] = []
    manifests: list[RenderedManifest] = []
    for item in texts:
        try:
            manifests += read_objects(item.text, item.file.name, encrypted=item.file.encrypted)
        except InvalidInput as error:
            problems.append(Problem(error.message, error.where, error.hint))
    problems += check_objects(manifests)
    _raise(problems, environment)
    chosen = _settings_by_path(run, environment, deploy, names)
    manifests = apply_settings(manifests, chosen)
    untouched = deploy.image_anchor if image is None else ""
    for manifest in manifests:
        problems += find_leftovers(manifest.document, list(values), untouched)
    problems += _unused_anchors(run, environment, deploy, texts, values, manifests)
    _raise(problems, environment)
    who = provenance or read_provenance(revision.label, run.environ)
    seeds = _seeds(texts, manifests, chosen)
    return RenderedSet(environment, tuple(mark(manifests, who, seeds)), image, who)


def _raise(problems: Sequence[Problem], environment: str) -> None:
    if problems:
        count = f"{len(problems)} mistakes" if len(problems) > 1 else "a mistake"
        raise InvalidInput(f"{count} in the manifests of {environment!r}", problems=problems)


def _anchor_values(
    run: Run, environment: str, deploy: DeploySettings, names: Mapping[str, str], image: str | None
) -> dict[str, str]:
    own = environment_settings(run, environment)
    values = {
        anchor: fill_in(text, names) for anchor, text in {**deploy.anchors, **own.anchors}.items()
    }
    problems = [
        Problem(
            f"the value of the anchor {anchor} must be one line",
            _anchor_place(run.root, environment, anchor),
        )
        for anchor, text in values.items()
        if "\n" in text
    ]
    _raise(problems, environment)
    if image is not None and deploy.image_anchor:
        values[deploy.image_anchor] = image
    return values


def _read_all(run: Run, files: Sequence[SourceFile], anchors: Anchors) -> list[_Text]:
    # Each decryption is a program's run; together they take as long as one.
    with ThreadPoolExecutor(max(1, min(8, len(files)))) as workers:
        return list(workers.map(lambda file: _read(run, file, anchors), files))


def _read(run: Run, file: SourceFile, anchors: Anchors) -> _Text:
    try:
        on_disk = file.path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"cannot be read: {error}", where=Location(file.name)) from error
    plain = run.capability("decrypt")(run, file.path).reveal() if file.encrypted else on_disk
    text, used = replace_anchors(plain, anchors)
    seed = on_disk + json.dumps({anchor: anchors.values[anchor] for anchor in sorted(used)})
    return _Text(file, text, used, seed)


def _settings_by_path(
    run: Run, environment: str, deploy: DeploySettings, names: Mapping[str, str]
) -> dict[str, tuple[Any, Location]]:
    own = environment_settings(run, environment)
    chosen: dict[str, tuple[Any, Location]] = {}
    for path, settings in (
        (("deploy", "set"), deploy.set),
        (("environments", environment, "set"), own.set),
    ):
        for key, value in settings.items():
            filled = fill_in(value, names) if isinstance(value, str) else value
            chosen[key] = (filled, settings_place(run.root, (*path, key)))
    return chosen


def _seeds(
    texts: Sequence[_Text],
    manifests: Sequence[RenderedManifest],
    chosen: Mapping[str, tuple[Any, Location]],
) -> dict[str, str]:
    hidden = {manifest.ref for manifest in manifests if manifest.sensitive}
    there = {key: value for key, (value, _) in chosen.items() if key.partition(":")[0] in hidden}
    return {item.file.name: item.seed + json.dumps(there, sort_keys=True) for item in texts}


def _unused_anchors(
    run: Run,
    environment: str,
    deploy: DeploySettings,
    texts: Sequence[_Text],
    values: Mapping[str, str],
    manifests: Sequence[RenderedManifest],
) -> list[Problem]:
    used: frozenset[str] = frozenset().union(*(item.used for item in texts))
    images = {place for manifest in manifests for place in _image_texts(manifest.value)}
    problems = []
    for anchor in sorted(set(values) - used):
        if anchor == deploy.image_anchor and (not images or values[anchor] in images):
            continue  # Nothing here runs an image, or it is set by path.
        near = did_you_mean(anchor, images)
        problems.append(
            Problem(
                f"the anchor {anchor} stands in no manifest of {environment!r}, so nothing "
                "would become of its value",
                _anchor_place(run.root, environment, anchor, deploy.image_anchor),
                near or f"write {anchor} where the value belongs, or delete the setting",
            )
        )
    return problems


def _image_texts(value: Any) -> set[str]:
    if isinstance(value, dict):
        inner = {value["image"]} if isinstance(value.get("image"), str) else set()
        return inner.union(*(_image_texts(item) for item in value.values()))
    if isinstance(value, list):
        return set().union(*(_image_texts(item) for item in value))
    return set()


def _anchor_place(root: Path, environment: str, anchor: str, image_anchor: str = "") -> Location:
    if anchor == image_anchor:
        return settings_place(root, ("deploy", "image_anchor"))
    own = settings_place(root, ("environments", environment, "anchors", anchor))
    return own if own.line else settings_place(root, ("deploy", "anchors", anchor))
