"""What a tar holds gets other names while it streams by, and nothing else of it changes."""

from __future__ import annotations

import io
import tarfile

import pytest

from pipeline.runner.relocation import below_root, renamed
from pipeline.runner.tar_members import END_OF_TAR, BrokenArchive

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
@pytest.mark.parametrize("name", ["short.rb", LONG, "ü/" + LONG])
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


def test_members_come_in_pieces_that_are_not_small() -> None:
    tar = tar_of(*(member(f"~/{number}") for number in range(2000)), format_=tarfile.PAX_FORMAT)
    pieces = list(renamed([tar], below_root("/root")))
    assert len(read(b"".join(pieces) + END_OF_TAR)) == 2000
    assert all(len(piece) >= 1 << 18 for piece in pieces[:-1])
