"""The build context: what goes in, and that equal inputs give equal bytes."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orbs.rails.context import (
    context_digest,
    find_context_files,
    write_context,
)
from orbs.rails.dockerignore import IgnoreFile, parse_dockerignore
from orbs.rails.folder_home import STAMP
from orbs.rails.model import DependencyHome, Installer
from pipeline.byte_stream import ByteStream
from pipeline.errors import InvalidInput

NOTHING = IgnoreFile()
BUNDLE = Installer("bundle", "Gemfile.lock", "vendor/bundle", "bundle install")


class Volumes:
    """What the engine gives of a container's folders: an archive whose top is the folder's name."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files

    def get_archive(self, container: str, path: str) -> Iterator[bytes]:
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
            top = path.rpartition("/")[2]
            folder = tarfile.TarInfo(top)
            folder.type, folder.mode, folder.mtime = tarfile.DIRTYPE, 0o700, 12345
            archive.addfile(folder)
            for name, content in self._files.items():
                entry = tarfile.TarInfo(f"{top}/{name}")
                entry.size, entry.mode, entry.mtime, entry.uid = len(content), 0o700, 12345.5, 1000
                archive.addfile(entry, io.BytesIO(content))
        yield raw.getvalue()


def entries(
    root: Path,
    ignore: IgnoreFile = NOTHING,
    homes: tuple[DependencyHome, ...] = (),
    volumes: Any = None,
    **choices: Any,
) -> dict[str, tarfile.TarInfo]:
    without = [home.installer.path for home in homes if home.volume]
    files = find_context_files(root, ignore, without=without, **choices)
    stream = write_context(
        root, files, homes, ignore, engine=volumes, holder="c" if homes else None, mtime=1000
    )
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
        return {entry.name: entry for entry in archive}


def make(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_files_folders_and_links_go_in_with_plain_modes_and_one_time(tmp_path: Path) -> None:
    make(tmp_path, app__model="m", run="r")
    (tmp_path / "run").chmod(0o777)
    (tmp_path / "link").symlink_to("app/model")
    found = entries(tmp_path)
    assert list(found) == ["app", "app/model", "link", "run"]
    assert (found["run"].mode, found["app/model"].mode, found["app"].mode) == (0o755, 0o644, 0o755)
    assert found["link"].linkname == "app/model"
    assert {(one.mtime, one.uid, one.gid) for one in found.values()} == {(1000, 0, 0)}


def test_the_ignore_file_is_honoured_and_exceptions_come_back(tmp_path: Path) -> None:
    make(tmp_path, log__a="x", log__keep="x", app__x="x", b="x")
    ignore = parse_dockerignore("log\n!log/keep\n**/x\n")
    assert list(entries(tmp_path, ignore)) == ["app", "b", "log", "log/keep"]


def test_the_dockerfile_is_sent_even_when_it_is_ignored(tmp_path: Path) -> None:
    make(tmp_path, deploy__Dockerfile="FROM scratch", b="x")
    found = entries(tmp_path, parse_dockerignore("deploy\n"), always=["deploy/Dockerfile"])
    assert list(found) == ["b", "deploy", "deploy/Dockerfile"]


def test_a_volume_stands_at_the_installers_path_instead_of_the_checkouts_folder(
    tmp_path: Path,
) -> None:
    make(tmp_path, vendor__bundle__stale="x", vendor__own="x")
    home = DependencyHome(BUNDLE, "key", "volume-1", None, True)
    volumes = Volumes({"ruby/gem.rb": b"gem", STAMP: b"{}", "ruby/test/x": b"t"})
    found = entries(tmp_path, parse_dockerignore("**/test\n"), (home,), volumes)
    assert list(found) == ["vendor", "vendor/own", "vendor/bundle", "vendor/bundle/ruby/gem.rb"]
    gem = found["vendor/bundle/ruby/gem.rb"]
    assert (gem.mode, gem.mtime, gem.uid, gem.size) == (0o755, 1000, 0, 3)


def test_the_same_checkout_elsewhere_and_later_gives_the_same_bytes(tmp_path: Path) -> None:
    digests, archives = [], []
    for number, umask in enumerate((0o022, 0o077)):
        before = os.umask(umask)
        try:
            root = make(tmp_path / str(number), b="2", a__x="1", **{"ü" * 80 + "__y": "3"})
        finally:
            os.umask(before)
        os.utime(root / "b", (number, number))
        files = find_context_files(root, NOTHING)
        digests.append(context_digest(root, files))
        stream = write_context(root, files, (), NOTHING, engine=None, holder=None, mtime=7)  # type: ignore[arg-type]
        archives.append(b"".join(stream))
    assert digests[0] == digests[1]
    assert archives[0] == archives[1]


@pytest.mark.parametrize("change", ["content", "name", "mode"])
def test_every_change_that_matters_changes_the_digest(tmp_path: Path, change: str) -> None:
    root = make(tmp_path, a="1", b="2")
    before = context_digest(root, find_context_files(root, NOTHING))
    if change == "content":
        (root / "a").write_text("9")
    elif change == "name":
        (root / "a").rename(root / "c")
    else:
        (root / "a").chmod(0o755)
    assert context_digest(root, find_context_files(root, NOTHING)) != before


def test_a_pipe_is_refused_with_advice(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidInput, match="neither a file") as caught:
        find_context_files(tmp_path, NOTHING)
    assert caught.value.where is not None
    assert caught.value.where.file == "pipe"


@given(st.lists(st.binary(max_size=50), max_size=8), st.integers(1, 20))
def test_a_stream_reads_as_the_file_of_its_pieces(pieces: list[bytes], size: int) -> None:
    stream, read = ByteStream(pieces), b""
    while chunk := stream.read(size):
        assert len(chunk) <= size
        read += chunk
    assert read == b"".join(pieces)
