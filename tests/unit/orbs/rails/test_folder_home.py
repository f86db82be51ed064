from __future__ import annotations

import io
import os
import tarfile

import pytest

from orbs.rails.folder_home import STAMP, FolderHome, packed, read_stamp, replace_folder
from orbs.rails.installers import BUNDLE

ME = (os.getuid(), os.getgid())


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "bundle"
    (made / "bin").mkdir(parents=True)
    (made / "gem.rb").write_text("old")
    (made / "bin" / "rake").write_text("#!/bin/sh\n")
    (made / "bin" / "rake").chmod(0o755)
    (made / "link").symlink_to("bin/rake")
    return made


def archive(*entries: tuple[tarfile.TarInfo, bytes]) -> list[bytes]:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for entry, data in entries:
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    whole = buffer.getvalue()
    return [whole[i : i + 700] for i in range(0, len(whole), 700)]


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.mode = kind, link, 0o755 if kind == tarfile.DIRTYPE else 0o640
    return made


def test_a_folder_with_the_right_stamp_is_whole(folder):
    (folder / STAMP).write_text('{"key": "k1"}')
    home = FolderHome(BUNDLE, (), "k1", folder, lambda *_: True)
    found = home.find()
    assert found is not None
    assert (found.folder, found.reused) == (folder, True)


@pytest.mark.parametrize("stamp", [None, "", "{}", "[]", '{"key": "other"}', "no json"])
def test_a_folder_with_another_stamp_or_none_is_not(folder, stamp):
    if stamp is not None:
        (folder / STAMP).write_text(stamp)
    assert FolderHome(BUNDLE, (), "k1", folder, lambda *_: True).find() is None


def test_a_folder_that_is_not_there_has_no_stamp(tmp_path):
    assert read_stamp(tmp_path / "none") is None


def test_a_packed_folder_comes_back_as_it_was(folder):
    with packed(folder) as file, tarfile.open(fileobj=file) as tar:
        entries = {member.name: member for member in tar}
    assert sorted(entries) == ["bin", "bin/rake", "gem.rb", "link"]
    assert entries["bin/rake"].mode == 0o755
    assert entries["link"].linkname == "bin/rake"


def test_what_a_container_made_takes_the_folders_place(folder):
    chunks = archive(
        (entry("bundle", tarfile.DIRTYPE), b""),
        (entry("bundle/bin", tarfile.DIRTYPE), b""),
        (entry("bundle/bin/puma"), b"new" * 1000),
        (entry("bundle/link", tarfile.SYMTYPE, "bin/puma"), b""),
        (entry("bundle/hard", tarfile.LNKTYPE, "bundle/bin/puma"), b""),
    )
    replace_folder(folder, chunks, owner=ME)
    assert sorted(path.name for path in folder.iterdir()) == ["bin", "hard", "link"]
    assert (folder / "link").read_text() == (folder / "hard").read_text() == "new" * 1000
    assert (folder / "bin" / "puma").stat().st_uid == ME[0]
    assert [path.name for path in folder.parent.iterdir()] == ["bundle"]


def test_a_broken_transfer_leaves_the_folder_as_it_was(folder):
    chunks = archive((entry("bundle/big"), b"x" * 50_000))[:10]
    with pytest.raises(tarfile.ReadError):
        replace_folder(folder, chunks, owner=ME)
    assert (folder / "gem.rb").read_text() == "old"
    assert [path.name for path in folder.parent.iterdir()] == ["bundle"]


def test_nothing_is_unpacked_outside_of_the_folder(folder):
    chunks = archive(
        (entry("bundle/../../escaped"), b"x"),
        (entry("bundle/null", tarfile.CHRTYPE), b""),
        (entry("bundle/fine"), b"x"),
    )
    replace_folder(folder, chunks, owner=ME)
    assert [path.name for path in folder.iterdir()] == ["fine"]
    assert not (folder.parent.parent / "escaped").exists()
