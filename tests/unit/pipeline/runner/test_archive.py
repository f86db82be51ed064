"""Archives: what is packed comes back, and nothing is ever unpacked outside of the target."""

from __future__ import annotations

import contextlib
import io
import os
import random
import socket
import stat
import subprocess
import tarfile
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import InvalidInput, WorkFailed
from pipeline.runner.archive import (
    BrokenArchive,
    Limits,
    UnsafeArchive,
    open_archive,
    pack_paths,
    safe_members,
    unpack_safely,
    watch_members,
    write_archive,
)
from pipeline.runner.tar_members import Member


def entry(
    name: str, type_: bytes = tarfile.REGTYPE, target: str = "", **more: object
) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = type_
    info.linkname = target
    for key, value in more.items():
        setattr(info, key, value)
    return info


def tar_of(
    *entries: tarfile.TarInfo | tuple[tarfile.TarInfo, bytes], format_: int = tarfile.PAX_FORMAT
) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=format_) as tar:
        for item in entries:
            info, data = item if isinstance(item, tuple) else (item, b"")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return file.getvalue()


def pieces(data: bytes, size: int = 700) -> Iterator[bytes]:
    return (data[i : i + size] for i in range(0, len(data), size))


def tree(folder: Path) -> dict[str, tuple[str, int, int, bytes]]:
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        kind = "link" if path.is_symlink() else "folder" if path.is_dir() else "file"
        content = os.fsencode(os.readlink(path)) if kind == "link" else b""
        if kind == "file":
            content = path.read_bytes()
        mode = 0 if kind == "link" else stat.S_IMODE(status.st_mode)
        found[str(path.relative_to(folder))] = (kind, mode, int(status.st_mtime), content)
    return found


def make_tree(folder: Path) -> None:
    folder.mkdir()
    (folder / "a b").mkdir()
    (folder / "a b" / "zeilen\numbruch.txt").write_bytes(b"x" * 5000)
    (folder / "a b" / "größe – ✓.md").write_text("ü", encoding="utf-8")
    Path(os.fsdecode(os.fsencode(folder) + b"/latin-\xe9")).write_bytes(b"raw name")
    deep = folder / ("long-" * 12) / ("name-" * 20)
    deep.mkdir(parents=True)
    (deep / ("file-" * 30)).write_bytes(b"deep")
    (folder / "run.sh").write_bytes(b"#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "secret").write_bytes(b"")
    (folder / "secret").chmod(0o400)
    (folder / "link").symlink_to("a b/größe – ✓.md")
    (folder / "dangling").symlink_to("nowhere" * 30)
    os.link(folder / "run.sh", folder / "same.sh")
    (folder / "big").write_bytes(random.Random(1).randbytes(3_000_001))
    (folder / "closed").mkdir()
    (folder / "closed" / "file").write_bytes(b"in a read-only folder")
    for number, path in enumerate(sorted(folder.rglob("*"), reverse=True)):
        os.utime(path, (1_500_000_000 + number, 1_500_000_000 + number), follow_symlinks=False)
    (folder / "closed").chmod(0o555)


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Path]:
    make_tree(tmp_path / "source")
    yield tmp_path / "source"
    for path in tmp_path.rglob("closed"):
        path.chmod(0o755)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "outer" / "target"
    folder.mkdir(parents=True)
    return folder


def unpack(data: bytes, target: Path, **options: object) -> None:
    unpack_safely(pieces(data), target, **options)  # type: ignore[arg-type]


# Packing and unpacking


def test_what_is_packed_comes_back_with_names_modes_times_and_links(
    source: Path, target: Path
) -> None:
    unpack_safely(pack_paths(source, ["."]), target)
    assert tree(target) == tree(source)
    assert (target / "same.sh").stat().st_ino == (target / "run.sh").stat().st_ino


def test_the_tar_program_reads_what_is_packed(source: Path, target: Path) -> None:
    data = b"".join(pack_paths(source, ["."]))
    subprocess.run(["tar", "-C", target, "-xpf", "-"], input=data, check=True, timeout=60)
    assert tree(target) == tree(source)


@pytest.mark.parametrize("dialect", ["gnu", "posix", "ustar"])
def test_what_the_tar_program_packs_is_unpacked(tmp_path: Path, target: Path, dialect: str) -> None:
    source = tmp_path / "source"
    (source / "x" / ("d" * 90)).mkdir(parents=True)
    (source / "x" / ("d" * 90) / ("f" * 90)).write_bytes(b"far down")
    (source / "ä\n").write_bytes(b"1")
    (source / "link").symlink_to("x")
    argv = ["tar", f"--format={dialect}", "-C", source, "-cf", "-", "."]
    data = subprocess.run(argv, check=True, stdout=subprocess.PIPE, timeout=60).stdout
    unpack(data, target)
    assert tree(target) == tree(source)


def test_the_same_files_give_the_same_bytes(source: Path) -> None:
    first = b"".join(pack_paths(source, ["run.sh", "a b", "a b/größe – ✓.md", "./a b/"]))
    assert first == b"".join(pack_paths(source, ["a b", "run.sh"]))
    with tarfile.open(fileobj=io.BytesIO(first)) as tar:
        members = tar.getmembers()
    assert members[0].name == "a b"
    assert {(member.uid, member.gid, member.uname, member.gname) for member in members} == {
        (0, 0, "", "")
    }


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "..", "", "a\0b"])
def test_only_names_inside_of_the_folder_are_packed(source: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="not a path inside of"):
        list(pack_paths(source, [name]))


def test_a_name_that_is_not_there_is_said(source: Path) -> None:
    with pytest.raises(InvalidInput, match="'vendor/bundle' is not in"):
        list(pack_paths(source, ["vendor/bundle"]))


def test_sockets_and_fifos_are_left_out_and_said(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        fd = os.open(tmp_path, os.O_RDONLY)
        try:
            listener.bind(f"/proc/self/fd/{fd}/socket")
        finally:
            os.close(fd)
        skipped: list[str] = []
        data = b"".join(pack_paths(tmp_path, ["."], on_skipped=skipped.append))
    assert skipped == ["fifo", "socket"]
    assert data.strip(b"\0") == b""


def test_files_in_the_way_are_replaced_and_not_written_through(target: Path) -> None:
    outside = target.parent / "outside"
    outside.write_bytes(b"precious")
    (target / "link").symlink_to("../outside")
    (target / "shared").write_bytes(b"one")
    os.link(target / "shared", target / "also")
    unpack(tar_of((entry("link"), b"new"), (entry("shared"), b"two")), target)
    assert outside.read_bytes() == b"precious"
    assert (target / "link").read_bytes() == b"new"
    assert not (target / "link").is_symlink()
    assert (target / "also").read_bytes() == b"one"


def test_a_layer_goes_on_top_of_a_read_only_folder(target: Path) -> None:
    closed = tar_of(entry("mod", tarfile.DIRTYPE, mode=0o555), (entry("mod/a"), b"1"))
    unpack(closed, target)
    assert stat.S_IMODE((target / "mod").stat().st_mode) == 0o555
    unpack(tar_of((entry("mod/b"), b"2")), target)
    assert sorted(os.listdir(target / "mod")) == ["a", "b"]
    assert stat.S_IMODE((target / "mod").stat().st_mode) == 0o555
    (target / "mod").chmod(0o755)


def test_setuid_setgid_and_sticky_are_dropped(target: Path) -> None:
    data = tar_of((entry("f", mode=0o6755), b""), entry("d", tarfile.DIRTYPE, mode=0o1777))
    unpack(data, target)
    assert stat.S_IMODE((target / "f").stat().st_mode) == 0o755
    assert stat.S_IMODE((target / "d").stat().st_mode) == 0o777


def test_hundreds_of_folders_do_not_use_up_the_descriptors(target: Path) -> None:
    entries = [(entry(f"{n % 300}/x/{n}"), b"1") for n in range(900)]
    deep = "/".join(["d"] * 250)
    unpack(
        tar_of(*entries, (entry(f"{deep}/f"), b"2"), entry("l", tarfile.LNKTYPE, f"{deep}/f")),
        target,
    )
    assert (target / "299/x/899").read_bytes() == b"1"
    assert (target / "l").read_bytes() == b"2"


# Hostile archives

HOSTILE: dict[str, Callable[[Path], bytes]] = {
    "an absolute path": lambda out: tar_of((entry(f"{out}/evil"), b"x")),
    "a path up": lambda _: tar_of((entry("../evil"), b"x")),
    "a path up behind a name": lambda _: tar_of((entry("a/../../evil"), b"x")),
    "an absolute symlink": lambda out: tar_of(entry("l", tarfile.SYMTYPE, str(out))),
    "a symlink up": lambda _: tar_of(entry("l", tarfile.SYMTYPE, "..")),
    "a symlink up from a folder": lambda _: tar_of(entry("a/l", tarfile.SYMTYPE, "../../x")),
    "a symlink up behind a name": lambda _: tar_of(entry("l", tarfile.SYMTYPE, "a/../..")),
    "a file through a symlink": lambda out: tar_of(
        entry("l", tarfile.SYMTYPE, str(out)), (entry("l/evil"), b"x")
    ),
    "a chain of symlinks": lambda _: tar_of(
        entry("a/b/up", tarfile.SYMTYPE, "../.."),
        entry("l", tarfile.SYMTYPE, "a/b/up/.."),
        (entry("l/evil"), b"x"),
    ),
    "a hard link to the outside": lambda out: tar_of(
        entry("h", tarfile.LNKTYPE, f"{out}/outside"), (entry("h"), b"x")
    ),
    "a hard link up": lambda _: tar_of(entry("h", tarfile.LNKTYPE, "../outside")),
    "a hard link to nothing in the archive": lambda _: tar_of(entry("h", tarfile.LNKTYPE, "there")),
    "a hard link to a symlink": lambda _: tar_of(
        entry("s", tarfile.SYMTYPE, "there"), entry("h", tarfile.LNKTYPE, "s")
    ),
    "a character device": lambda _: tar_of(entry("null", tarfile.CHRTYPE, devmajor=1, devminor=3)),
    "a block device": lambda _: tar_of(entry("disk", tarfile.BLKTYPE, devmajor=8)),
    "a fifo": lambda _: tar_of(entry("pipe", tarfile.FIFOTYPE)),
    "a sparse file": lambda _: tar_of(
        entry("s", tarfile.GNUTYPE_SPARSE), format_=tarfile.GNU_FORMAT
    ),
    "a NUL in a name": lambda _: tar_of((entry("a", pax_headers={"path": "a\0b"}), b"")),
    "a NUL in a link": lambda _: tar_of(
        entry("a", tarfile.SYMTYPE, "b", pax_headers={"linkpath": "b\0c"})
    ),
    "a path up in a pax header": lambda _: tar_of(
        (entry("a", pax_headers={"path": "../evil"}), b"x")
    ),
    "no name": lambda _: tar_of((entry("./"), b"")),
    "a file named as the target": lambda _: tar_of(entry(".", tarfile.SYMTYPE, "x")),
    "a name of 5000 bytes": lambda _: tar_of((entry("n/" * 2500 + "f"), b"")),
    "a thousand folders": lambda _: tar_of((entry("n/" * 1000 + "f"), b"")),
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("outward_links", [False, True])
def test_a_hostile_archive_writes_nothing_outside(
    tmp_path: Path, target: Path, kind: str, outward_links: bool
) -> None:
    outer = target.parent
    (outer / "outside").write_bytes(b"precious")
    (target / "there").write_bytes(b"there")
    data = HOSTILE[kind](outer)
    harmless_link = (
        outward_links and "symlink" in kind and kind.split()[1] in {"symlink", "absolute"}
    )
    if harmless_link and "file" not in kind:
        unpack(data, target, outward_links=True)
    else:
        with pytest.raises(UnsafeArchive):
            unpack(data, target, outward_links=outward_links)
    assert sorted(os.listdir(outer)) == ["outside", "target"]
    assert (outer / "outside").read_bytes() == b"precious"
    assert (outer / "outside").stat().st_nlink == 1
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    "kind", [kind for kind in HOSTILE if "nothing" not in kind and "hard link to a" not in kind]
)
def test_a_hostile_archive_is_not_passed_on(tmp_path: Path, kind: str) -> None:
    passed: list[bytes] = []
    with pytest.raises(UnsafeArchive):
        passed.extend(safe_members(pieces(HOSTILE[kind](tmp_path), 1 << 20)))
    assert passed == []


def test_a_link_that_stood_there_before_is_not_followed(target: Path) -> None:
    (target / "tmp").symlink_to(target.parent)
    with pytest.raises(UnsafeArchive, match="goes through the link 'tmp'"):
        unpack(tar_of((entry("tmp/evil"), b"x")), target)
    unpack(tar_of(entry("tmp", tarfile.DIRTYPE), (entry("tmp/mine"), b"x")), target)
    assert os.listdir(target.parent) == ["target"]
    assert (target / "tmp/mine").read_bytes() == b"x"


def test_links_inside_are_kept(target: Path) -> None:
    unpack(
        tar_of(
            entry("a/b/up", tarfile.SYMTYPE, "../../c"),
            entry("a/current", tarfile.SYMTYPE, "./b"),
            (entry("c"), b"1"),
        ),
        target,
    )
    assert (target / "a/current/up").read_bytes() == b"1"


def test_links_that_lead_out_can_be_allowed_as_a_virtual_environment_has_them(target: Path) -> None:
    unpack(
        tar_of(entry("bin/python", tarfile.SYMTYPE, "/usr/bin/python3")), target, outward_links=True
    )
    assert os.readlink(target / "bin/python") == "/usr/bin/python3"


def test_an_archive_larger_than_allowed_is_refused(target: Path) -> None:
    data = tar_of((entry("a"), b"x" * 600), (entry("b"), b"x" * 600))
    with pytest.raises(UnsafeArchive, match="more than 1,000 bytes"):
        unpack(data, target, limits=Limits(total_bytes=1000))
    with pytest.raises(UnsafeArchive, match="more than 1 members"):
        unpack(data, target, limits=Limits(members=1))


@pytest.mark.parametrize("size", ["-5", "1e3", "", "9" * 30, "0x10"])
def test_a_size_that_is_none_is_refused(target: Path, size: str) -> None:
    with pytest.raises(BrokenArchive, match=r"size|number"):
        unpack(tar_of((entry("a", pax_headers={"size": size}), b"12345")), target)


def test_a_header_that_promises_exabytes_is_refused_before_it_is_read(target: Path) -> None:
    info = entry("huge")
    info.size = 1 << 62
    with pytest.raises(UnsafeArchive, match="bytes"):
        unpack_safely([info.tobuf(tarfile.GNU_FORMAT)], target)


def test_times_out_of_the_ordinary_do_not_stop_the_unpacking(target: Path) -> None:
    late, early = entry("late", mtime=1 << 60), entry("early", mtime=-(1 << 40))
    unpack(tar_of((late, b""), (early, b""), format_=tarfile.GNU_FORMAT), target)
    assert (target / "early").stat().st_mtime == 0


def test_a_folder_is_not_replaced_by_a_file(target: Path) -> None:
    (target / "log").mkdir()
    (target / "log" / "kept").write_bytes(b"")
    with pytest.raises(UnsafeArchive, match="a folder stands where the archive has the file 'log'"):
        unpack(tar_of((entry("log"), b"x")), target)
    assert (target / "log" / "kept").exists()


def test_a_missing_target_is_said(tmp_path: Path) -> None:
    with pytest.raises(WorkFailed, match="nothing can be unpacked into"):
        unpack(tar_of(), tmp_path / "gone")


def test_a_name_too_long_for_the_disk_is_said(target: Path) -> None:
    with pytest.raises(WorkFailed, match="File name too long"):
        unpack(tar_of((entry("n" * 300), b"")), target)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1024],
        lambda data: data[:700],
        lambda data: data[:100],
        lambda data: b"",
        lambda data: b"not a tar at all " * 100,
        lambda data: data[:10] + b"X" + data[11:],
        lambda data: data[:512] + b"\0" * 512 + data[512:],
    ],
)
def test_a_damaged_tar_is_refused(target: Path, damage: Callable[[bytes], bytes]) -> None:
    data = b"".join(pack_of(target.parent, b"x" * 512))
    with pytest.raises(BrokenArchive):
        unpack(damage(data), target)


def test_no_file_is_left_half_written(target: Path) -> None:
    data = b"".join(pack_of(target.parent, b"x" * 5000))
    with pytest.raises(BrokenArchive):
        unpack(data[:2000], target)
    assert list(target.iterdir()) == []


def pack_of(folder: Path, content: bytes) -> Iterable[bytes]:
    (folder / "file").write_bytes(content)
    yield from pack_paths(folder, ["file"])
    (folder / "file").unlink()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_tar_with_any_bytes_changed_is_unpacked_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    outer = tmp_path_factory.mktemp("any")
    target = outer / "target"
    target.mkdir()
    tar = bytearray(
        tar_of(
            (entry("a" * 120, mode=0o644), b"1" * 600),
            entry("d", tarfile.DIRTYPE, mode=0o755),
            entry("d/l", tarfile.SYMTYPE, "../" + "a" * 120),
            format_=data.draw(st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])),
        )
    )
    header = data.draw(st.integers(0, len(tar) // 512 - 1)) * 512
    for _ in range(data.draw(st.integers(1, 4))):
        tar[header + data.draw(st.integers(0, 511))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):  # with the checksum made right, the values are what is judged
        block = tar[header : header + 512]
        total = sum(block[:148]) + sum(block[156:]) + 8 * 32
        tar[header + 148 : header + 156] = b"%06o\0 " % total
    with contextlib.suppress(InvalidInput, WorkFailed):
        unpack_safely(pieces(bytes(tar)), target)
    assert os.listdir(outer) == ["target"]


# Names as they are read

names = st.text(st.characters(exclude_characters="\0/", codec="utf-8"), min_size=1, max_size=150)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(names, st.binary(max_size=1500)), max_size=6),
    st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
    st.integers(1, 3000),
)
def test_members_are_read_as_the_standard_library_wrote_them(
    files: list[tuple[str, bytes]], format_: int, size: int
) -> None:
    data = tar_of(*((entry(name), content) for name, content in files), format_=format_)
    seen: list[Member] = []
    assert b"".join(watch_members(pieces(data, size), seen.append)) == data
    assert [(member.name, member.size) for member in seen] == [
        (name, len(content)) for name, content in files
    ]


@pytest.mark.parametrize("off_by", [1, -1, 256, 65_520, 65_521, 65_522, 2 * 65_521, 8 * 65_521])
@pytest.mark.parametrize("name", ["a", "\udcff" * 90], ids=["small", "large"])
def test_a_checksum_is_right_or_refused(target: Path, name: str, off_by: int) -> None:
    tar = bytearray(tar_of((entry(name), b"x" * 600), format_=tarfile.GNU_FORMAT))
    unpack(bytes(tar), target)
    tar[148:156] = b"%07o\0" % (int(tar[148:154], 8) + off_by)
    with pytest.raises(BrokenArchive, match="checksum"):
        unpack(bytes(tar), target)


# The compressed file


def test_an_archive_holds_the_tar_and_says_its_sum_and_sizes(tmp_path: Path) -> None:
    tar = random.Random(3).randbytes(100_000) + b"0" * 5_000_000
    written = write_archive(pieces(tar, 9999), tmp_path / "a.tar.zst")
    assert written.tar_bytes == len(tar)
    assert written.stored_bytes == (tmp_path / "a.tar.zst").stat().st_size < 200_000
    with open_archive(tmp_path / "a.tar.zst", written.digest) as opened:
        assert b"".join(opened) == tar
    assert os.listdir(tmp_path) == ["a.tar.zst"]


@settings(max_examples=6, deadline=None)
@given(sizes=st.lists(st.integers(1, 3_000_000), min_size=1, max_size=8))
def test_the_archive_does_not_depend_on_how_the_stream_was_cut(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    tar = random.Random(4).randbytes(1_500_000) + b"text " * 300_000
    cuts = [0]
    while cuts[-1] < len(tar):
        cuts.append(cuts[-1] + sizes[len(cuts) % len(sizes)])
    stream = [tar[a:b] for a, b in pairwise(cuts)]
    assert write_archive(stream, folder / "a") == write_archive([tar], folder / "b")


def test_a_stream_that_fails_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    def failing() -> Iterator[bytes]:
        yield b"x" * 2_000_000
        raise RuntimeError("the container is gone")

    (tmp_path / "a").write_bytes(b"before")
    with pytest.raises(RuntimeError, match="the container is gone"):
        write_archive(failing(), tmp_path / "a")
    assert os.listdir(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"before"


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(WorkFailed, match="cannot be written: No such file"):
        write_archive([b"x"], tmp_path / "none" / "a")


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-5],
        lambda data: data[: len(data) // 2],
        lambda data: data + b"more",
        lambda data: data[:5000] + b"????????" + data[5008:],
        lambda data: b"plain text",
        lambda data: b"",
    ],
)
def test_a_damaged_file_is_refused_with_and_without_its_sum(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "a"
    written = write_archive([random.Random(5).randbytes(50_000)], path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(BrokenArchive, match="another one"):
        open_archive(path, written.digest)
    with pytest.raises(BrokenArchive, match="damaged"):
        list(open_archive(path))


def test_a_file_that_is_not_there_is_a_broken_archive(tmp_path: Path) -> None:
    with pytest.raises(BrokenArchive, match="No such file"):
        open_archive(tmp_path / "gone", "0" * 64)


# Tars in parts


def test_parents_come_once_and_before_what_is_in_them(source: Path) -> None:
    (source / "a b" / "c").mkdir()
    (source / "a b" / "c" / "d").touch()
    (source / "a b" / "c").chmod(0o750)
    names = ["a b/größe – ✓.md", "a b/c/d", "run.sh"]
    tar = b"".join(pack_paths(source, names, with_parents=True))
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        members = {member.name: member for member in archive}
    assert list(members) == ["a b", "a b/c", "a b/c/d", "a b/größe – ✓.md", "run.sh"]
    assert members["a b/c"].isdir()
    assert members["a b/c"].mode == 0o750


def test_tars_without_an_end_can_be_put_together(source: Path, target: Path) -> None:
    first = b"".join(pack_paths(source, ["run.sh"], end=False))
    unpack(first + b"".join(pack_paths(source, ["a b"])), target)
    assert {path.name for path in target.iterdir()} == {"run.sh", "a b"}
