"""What a tar holds gets other names while it streams by, and nothing else of it changes."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from pipeline.runner.relocation import below_root, joined, renamed
from pipeline.runner.tar_members import END_OF_TAR, BrokenArchive
from pipeline.runner.tar_packing import pack_paths

LONG = "gems/activesupport-6.1.7.10/lib/active_support/" + "dependencies/" * 8 + "autoload.rb"


def tar_of(*members: tarfile.TarInfo, format_: int) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=format_) as tar:
        for member in members:
            member.size = 3 if member.isreg() else 0
            tar.addfile(member, io.BytesIO(b"abc") if member.isreg() else None)
    return file.getvalue()


def member(name: str, type_: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = type_, target
    made.uid, made.gid, made.uname, made.mtime = 3434, 3434, "circleci", 1_700_000_000
    return made


def read(tar: bytes) -> list[tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        for one in archive.getmembers():
            if one.isreg():
                file = archive.extractfile(one)
                assert file is not None
                assert file.read() == b"abc"
        return archive.getmembers()


@pytest.mark.parametrize("format_", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
@pytest.mark.parametrize("name", ["short.rb", "ü.rb", LONG, "ü/" + LONG])
def test_names_of_any_length_are_given_anew(name: str, format_: int) -> None:
    tar = tar_of(
        member(f"~/{name}"),
        member(f"~/{name}.link", tarfile.LNKTYPE, f"~/{name}"),
        member(f"~/{name}.symlink", tarfile.SYMTYPE, name),
        format_=format_,
    )
    rename = below_root("/home/circleci")
    found = read(b"".join(renamed([tar], rename)) + END_OF_TAR)
    base = f"home/circleci/{name}"
    assert [one.name for one in found] == [base, f"{base}.link", f"{base}.symlink"]
    assert [one.linkname for one in found] == ["", base, name]
    assert {one.mtime for one in found} == {1_700_000_000}


def test_an_owner_whose_number_is_large_is_replaced() -> None:
    made = member("~/a")
    made.uid = made.gid = 5_000_000_000
    made.uname = "ü" * 40
    tar = tar_of(made, format_=tarfile.PAX_FORMAT)
    (found,) = read(
        b"".join(renamed([tar], lambda name: name, home_owner=(1000, 1001))) + END_OF_TAR
    )
    assert (found.uid, found.gid, found.uname) == (1000, 1001, "")


def test_other_records_of_a_member_are_kept() -> None:
    made = member(f"~/{LONG}")
    made.mtime = 1_700_000_000.25
    tar = tar_of(made, format_=tarfile.PAX_FORMAT)
    (found,) = read(b"".join(renamed([tar], below_root("/root"))) + END_OF_TAR)
    assert (found.name, found.mtime) == (f"root/{LONG}", 1_700_000_000.25)


@pytest.mark.parametrize("end", [100, 700])
def test_an_archive_that_is_cut_off_is_a_broken_one(end: int) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in ("one", "two"):
            info = tarfile.TarInfo(name)
            info.size = 400
            tar.addfile(info, io.BytesIO(b"x" * 400))
    with pytest.raises(BrokenArchive, match="damaged"):
        list(renamed([buffer.getvalue()[:end]], lambda name: name))


def test_a_tar_without_an_end_mark_is_not_a_whole_one() -> None:
    tar = tar_of(member("~/a"), format_=tarfile.PAX_FORMAT)
    with pytest.raises(BrokenArchive, match="its end is missing"):
        list(renamed([tar[:1024]], lambda name: name))


@pytest.mark.parametrize("uid", [0, 3434, 8**7 - 1, 8**7, 2**32 - 2])
@pytest.mark.parametrize("size", [1, 700, 1 << 20])
def test_all_of_a_tar_is_given_to_another_owner(tmp_path: Path, uid: int, size: int) -> None:
    make_tree(tmp_path)
    whole = b"".join(pack_paths(tmp_path, ["."]))
    pieces = (whole[at : at + size] for at in range(0, len(whole), size))
    given = b"".join(joined([renamed(pieces, lambda name: name, owner=(uid, uid + 1))]))
    with (
        tarfile.open(fileobj=io.BytesIO(whole)) as before,
        tarfile.open(fileobj=io.BytesIO(given)) as after,
    ):
        for old, new in zip(before, after, strict=True):
            assert (new.uid, new.gid) == (uid, uid + 1)
            kept = ("name", "size", "mtime", "mode", "type", "linkname")
            assert [getattr(new, key) for key in kept] == [getattr(old, key) for key in kept]
            if old.isreg():
                file, again = before.extractfile(old), after.extractfile(new)
                assert file is not None
                assert again is not None
                assert again.read() == file.read()


def make_tree(folder: Path) -> None:
    deep = folder / ("long-" * 12) / ("name-" * 20)
    deep.mkdir(parents=True)
    (deep / "ü").write_bytes(b"x" * 5000)
    (deep / "same").hardlink_to(deep / "ü")
    (folder / os.fsdecode(b"raw-\xe9")).write_bytes(b"")
    (folder / "link").symlink_to("nowhere" * 30)


def test_a_sparse_file_is_refused_since_its_data_would_be_misread() -> None:
    made = member("~/a")
    made.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
    tar = tar_of(made, format_=tarfile.PAX_FORMAT)
    with pytest.raises(BrokenArchive, match="sparse"):
        list(renamed([tar], below_root("/root")))


def test_what_is_left_out_takes_its_data_along() -> None:
    tar = tar_of(member("~/a"), member("~/b"), member("~/c"), format_=tarfile.GNU_FORMAT)
    kept = renamed([tar], lambda name: None if name == "~/b" else name)
    assert [one.name for one in read(b"".join(kept) + END_OF_TAR)] == ["~/a", "~/c"]


def test_folders_that_are_not_in_the_tar_are_told_once() -> None:
    tar = tar_of(
        member("~/.npm/_cacache/one"),
        member("~/.npm/_cacache/two"),
        member("~/project/vendor", tarfile.DIRTYPE),
        member("~/project/vendor/three"),
        member("~/left/out"),
        format_=tarfile.PAX_FORMAT,
    )
    told: list[str] = []
    list(
        renamed(
            [tar],
            lambda name: None if "left" in name else f"home/{name[2:]}",
            on_parent=told.append,
        )
    )
    assert told == ["home/.npm/_cacache", "home/.npm", "home", "home/project"]


def test_records_that_members_keep_are_told() -> None:
    capable, large, other = member("~/ping"), member(f"~/{LONG}"), member("~/left-out")
    capable.pax_headers = {"SCHILY.xattr.security.capability": "\x01"}
    large.pax_headers, large.uid = {"size": "3"}, 8**8
    other.pax_headers = {"SCHILY.acl": "x"}
    tar = tar_of(capable, large, other, format_=tarfile.PAX_FORMAT)
    told: set[str] = set()
    list(
        renamed(
            [tar],
            lambda name: None if "left" in name else name,
            owner=(1, 1),
            on_record=told.add,
        )
    )
    assert told == {"SCHILY.xattr.security.capability", "size"}


def test_what_docker_s_engine_sends_of_a_long_name_is_read() -> None:
    """POSIX splits a name of up to 256 bytes over two fields."""
    made = member("~/" + "folder/" * 14 + "file-with-a-name.rb")
    tar = tar_of(made, format_=tarfile.USTAR_FORMAT)
    (found,) = read(b"".join(renamed([tar], below_root("/root"))) + END_OF_TAR)
    assert found.name == "root/" + "folder/" * 14 + "file-with-a-name.rb"


def test_members_come_in_pieces_that_are_not_small() -> None:
    tar = tar_of(*(member(f"~/{number}") for number in range(2000)), format_=tarfile.PAX_FORMAT)
    pieces = list(renamed([tar], below_root("/root")))
    assert len(read(b"".join(pieces) + END_OF_TAR)) == 2000
    assert all(len(piece) >= 1 << 18 for piece in pieces[:-1])
