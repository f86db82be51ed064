"""Times out of layers, and nothing else."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator
from typing import Any

from orbs.rails.engine_types import ImageInfo
from orbs.rails.reproducible import make_reproducible, retimed_layer
from pipeline.output import Console

SOURCE_TIME = 1_000_000


def layer(later: float, *, pax: bool = False) -> bytes:
    raw = io.BytesIO()
    kind = tarfile.PAX_FORMAT if pax else tarfile.GNU_FORMAT
    with tarfile.open(fileobj=raw, mode="w", format=kind) as archive:
        for name, type_, mtime, more in (
            ("app", tarfile.DIRTYPE, later, {}),
            ("app/" + "long" * 40, tarfile.REGTYPE, later, {"SCHILY.xattr.user.a": "b"}),
            ("app/old", tarfile.REGTYPE, 500_000, {}),
            ("app/.wh.gone", tarfile.REGTYPE, later, {}),
            ("app/link", tarfile.SYMTYPE, later, {}),
            ("app/hard", tarfile.LNKTYPE, later, {}),
        ):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mtime, entry.uid, entry.mode = type_, mtime, 7, 0o640
            entry.linkname = "app/old" if type_ in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
            content = b"content" if type_ == tarfile.REGTYPE else b""
            entry.size = len(content)
            if pax:
                entry.pax_headers = {**more, "atime": "5.5"}
            archive.addfile(entry, io.BytesIO(content))
    return raw.getvalue()


def mended(raw: bytes) -> bytes:
    return b"".join(retimed_layer(io.BytesIO(raw), SOURCE_TIME))


def seen(raw: bytes) -> list[tuple[Any, ...]]:
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        return [
            (one.name, one.type, one.mode, one.uid, one.linkname, one.size, one.mtime)
            for one in archive
        ]


def test_two_builds_of_a_layer_become_the_same_bytes() -> None:
    for pax in (False, True):
        assert mended(layer(2_000_000, pax=pax)) == mended(layer(2_000_077, pax=pax))


def test_only_later_times_change() -> None:
    before, after = seen(layer(2_000_000)), seen(mended(layer(2_000_000)))
    assert [one[:-1] for one in after] == [one[:-1] for one in before]
    assert [one[-1] for one in after] == [SOURCE_TIME, SOURCE_TIME, 500_000] + [SOURCE_TIME] * 3


def test_extended_attributes_stay_and_other_times_go() -> None:
    with tarfile.open(fileobj=io.BytesIO(mended(layer(2_000_000.25, pax=True)))) as archive:
        records = [one.pax_headers for one in archive]
    assert records[1]["SCHILY.xattr.user.a"] == "b"
    assert not any("atime" in one or "mtime" in one for one in records)


def digest(raw: bytes) -> str:
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


class Engine:
    """Saves one image as docker does, and takes another in."""

    def __init__(self, layers: list[bytes]) -> None:
        self.layers = layers
        config = {
            "created": "2026-01-01T00:00:00Z",
            "config": {"Cmd": ["puma"]},
            "history": [{"created": "2026-01-01T00:00:00Z", "created_by": "ADD"}],
            "rootfs": {"type": "layers", "diff_ids": [digest(one) for one in layers]},
        }
        self.config = json.dumps(config).encode()
        self.loaded: dict[str, bytes] = {}

    @property
    def image(self) -> ImageInfo:
        return ImageInfo(digest(self.config), diff_ids=tuple(digest(one) for one in self.layers))

    def save_image(self, image: str) -> Iterator[bytes]:
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w") as archive:
            files = {f"{n}/layer.tar": one for n, one in enumerate(self.layers)}
            for name, content in {"c.json": self.config, **files, "manifest.json": b"[]"}.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        yield raw.getvalue()

    def load_image(self, archive: Iterable[bytes]) -> None:
        with tarfile.open(fileobj=io.BytesIO(b"".join(archive))) as read:
            for entry in read:
                content = read.extractfile(entry)
                assert content is not None
                self.loaded[entry.name] = content.read()

    def inspect_image(self, reference: str) -> ImageInfo | None:
        known = {digest(content) for content in self.loaded.values()}
        return ImageInfo(reference) if reference in known else None


def run(engine: Engine, base_layers: int) -> tuple[str, str]:
    err = io.StringIO()
    console = Console(err=err, colour=False)
    made = make_reproducible(engine, engine.image, base_layers, mtime=SOURCE_TIME, console=console)  # type: ignore[arg-type]
    return made, err.getvalue()


def test_the_base_stays_as_it_is_and_is_not_sent_again() -> None:
    engine = Engine([layer(3_000_000), layer(2_000_000)])
    made, said = run(engine, 1)
    assert said == ""
    manifest = json.loads(engine.loaded["manifest.json"])[0]
    config = json.loads(engine.loaded[manifest["Config"]])
    assert made == digest(engine.loaded[manifest["Config"]])
    assert config["rootfs"]["diff_ids"][0] == digest(layer(3_000_000))
    assert config["rootfs"]["diff_ids"][1] == digest(engine.loaded[manifest["Layers"][1]])
    assert manifest["Layers"][0] not in engine.loaded
    assert config["config"] == {"Cmd": ["puma"]}
    assert config["created"] == config["history"][0]["created"] == "1970-01-12T13:46:40Z"


def test_two_builds_become_one_image() -> None:
    assert run(Engine([layer(9), layer(2_000_000)]), 1) == run(
        Engine([layer(9), layer(2_000_005)]), 1
    )


def test_an_archive_of_another_form_leaves_the_image_and_says_so() -> None:
    engine = Engine([layer(9), layer(2_000_000)])
    engine.save_image = lambda image: iter([bytes(1024)])  # type: ignore[method-assign]
    made, said = run(engine, 1)
    assert made == engine.image.id
    assert "keep the time of this build" in said
