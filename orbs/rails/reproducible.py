"""Times out of layers: an image whose layers are the same whenever it was built.

Both builders stamp the folders that they make, and every folder that something is put into, with the
time of the build. So the layers above the base image are read once more, and times later than the
source's are set to it.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any

from orbs.rails.tarstream import TRAILER, TarReader, entry_header, padding, retimed
from pipeline.errors import OrbyardError

if TYPE_CHECKING:
    from orbs.rails.engine import Engine
    from orbs.rails.engine_types import ImageInfo
    from pipeline.output import Console

__all__ = ["make_reproducible", "retimed_layer"]

_CHUNK = 1 << 20
_SMALL_BYTES = 4 << 20
"""A configuration or manifest is smaller; a layer above this goes to a temporary file without a name."""
_TIMES = ("atime", "ctime")


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer with its times mended: what it is called by its content, and its bytes."""

    diff_id: str
    size: int
    content: IO[bytes]


def make_reproducible(
    engine: Engine, image: ImageInfo, base_layers: int, *, mtime: int, console: Console
) -> str:
    """Return the id of an image that is the same but for the times in its own layers.

    Args:
        engine: where it is, and where the new one goes.
        image: what a build made.
        base_layers: how many of its layers are the base image's, and stay as they are.
        mtime: the source's time, in seconds since 1970.
        console: told where the engine's archive is not understood; the image then stays as it is.
    """
    own = image.diff_ids[base_layers:]
    if not own:
        return image.id
    try:
        with ExitStack() as spools:
            saved = engine.save_image(image.id)
            config, layers = _read_archive(saved, image, frozenset(own), mtime, spools)
            changed = {old: layer for old, layer in layers.items() if old != layer.diff_id}
            if not changed:
                return image.id
            new_config = _with_layers(config, image.diff_ids, changed, mtime)
            engine.load_image(_archive(new_config, image.diff_ids, changed))
        new_id = f"sha256:{hashlib.sha256(new_config).hexdigest()}"
        if engine.inspect_image(new_id) is None:
            raise _NotUnderstood("the engine did not take the image in")
    except (_NotUnderstood, OrbyardError) as error:
        console.warning(f"the image's layers keep the time of this build: {error}")
        return image.id
    return new_id


class _NotUnderstood(Exception):
    """The archive is none that we know."""


def _read_archive(
    stream: Iterable[bytes],
    image: ImageInfo,
    own: frozenset[str],
    mtime: int,
    spools: ExitStack,
) -> tuple[dict[str, Any], Mapping[str, Layer]]:
    """Return the configuration, and the image's own layers with their times mended, by diff id."""
    reader = TarReader(stream, "the image")
    small: dict[str, bytes] = {}
    layers: dict[str, Layer] = {}
    for member in reader:
        if member.kind != "file":
            continue
        with tempfile.SpooledTemporaryFile(_SMALL_BYTES) as spool:
            digest = hashlib.sha256()
            for chunk in reader.data():
                digest.update(chunk)
                spool.write(chunk)
            spool.seek(0)
            diff_id = f"sha256:{digest.hexdigest()}"
            if diff_id in own:
                content = spools.enter_context(tempfile.SpooledTemporaryFile(_SMALL_BYTES))  # noqa: SIM115  # closed by the stack
                layers[diff_id] = _mended(spool, content, mtime)
            elif member.size < _SMALL_BYTES:
                small[member.path] = spool.read()
    config = _find_config(small, image)
    if frozenset(layers) != own:
        raise _NotUnderstood("the engine keeps layers in another form than it names them by")
    return config, layers


def _find_config(small: Mapping[str, bytes], image: ImageInfo) -> dict[str, Any]:
    for content in small.values():
        if f"sha256:{hashlib.sha256(content).hexdigest()}" == image.id:
            found: dict[str, Any] = json.loads(content)
            return found
    raise _NotUnderstood("the archive has no configuration of the image")


def _mended(spool: IO[bytes], content: IO[bytes], mtime: int) -> Layer:
    digest, size = hashlib.sha256(), 0
    for piece in retimed_layer(spool, mtime):
        digest.update(piece)
        size += len(piece)
        content.write(piece)
    content.seek(0)
    return Layer(f"sha256:{digest.hexdigest()}", size, content)


def retimed_layer(layer: IO[bytes], mtime: int) -> Iterator[bytes]:
    """Yield a layer's archive with no time later than ``mtime``, and entries in their order."""
    reader = TarReader(layer, "a layer of the image")
    for member in reader:
        if (
            member.mtime > mtime
            or "mtime" in member.pax
            or any(key in member.pax for key in _TIMES)
        ):
            yield retimed(member, min(member.mtime, mtime))
        else:
            yield member.prelude + member.header
        yield from reader.data()
        yield padding(member.size)
    yield TRAILER


def _with_layers(
    config: Mapping[str, Any], diff_ids: Sequence[str], changed: Mapping[str, Layer], mtime: int
) -> bytes:
    """Return the configuration with the new layers, and the source's time wherever it has one."""
    at = datetime.fromtimestamp(mtime, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    named = [changed[one].diff_id if one in changed else one for one in diff_ids]
    history = [
        {**step, "created": min(str(step.get("created", at)), at)}
        for step in config.get("history") or ()
    ]
    rootfs = {**(config.get("rootfs") or {}), "diff_ids": named}
    new = {**config, "created": at, "history": history, "rootfs": rootfs}
    for volatile in ("container", "container_config"):
        new.pop(volatile, None)  # The classic builder's own container; nothing reads it.
    return json.dumps(new, sort_keys=True, separators=(",", ":")).encode()


def _archive(
    config: bytes, diff_ids: Sequence[str], changed: Mapping[str, Layer]
) -> Iterator[bytes]:
    """Yield what ``docker load`` takes; layers that the engine has are only named.

    moby's image/tarexport/load.go looks a layer up by its chain before it opens its file.
    """
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    yield from _file(config_name, len(config), (config,))
    names = []
    for old in diff_ids:
        layer = changed.get(old)
        name = f"{re.sub('^sha256:', '', layer.diff_id if layer else old)}/layer.tar"
        if layer and name not in names:
            yield from _file(name, layer.size, iter(lambda it=layer: it.content.read(_CHUNK), b""))  # type: ignore[misc]  # the default binds the loop's layer
        names.append(name)
    manifest = json.dumps([{"Config": config_name, "RepoTags": None, "Layers": names}]).encode()
    yield from _file("manifest.json", len(manifest), (manifest,))
    yield TRAILER


def _file(name: str, size: int, content: Iterable[bytes]) -> Iterator[bytes]:
    yield entry_header(name, "file", mode=0o644, mtime=0, size=size)
    yield from content
    yield padding(size)
