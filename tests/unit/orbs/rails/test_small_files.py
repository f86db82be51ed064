from __future__ import annotations

import io
import tarfile

import pytest

from orbs.rails.small_files import SmallFile, pack_files, read_files
from pipeline.errors import InvalidInput


def test_files_folders_and_patterns_are_read_in_one_order(tmp_path):
    for name in ("Gemfile", "engines/b/b.gemspec", "engines/a/a.gemspec", "bin/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "bin/x").chmod(0o755)
    found = read_files(tmp_path, ["engines/*/*.gemspec", "bin", "missing", "Gemfile"], key="k")
    assert [(f.path, f.executable) for f in found] == [
        ("Gemfile", False),
        ("bin/x", True),
        ("engines/a/a.gemspec", False),
        ("engines/b/b.gemspec", False),
    ]


@pytest.mark.parametrize("name", ["/etc/passwd", "../secret", "a/../../secret"])
def test_a_file_outside_of_the_project_is_refused(tmp_path, name):
    with pytest.raises(InvalidInput, match=r"builder\.files"):
        read_files(tmp_path, [name], key="builder.files")


def test_an_archive_is_the_same_bytes_whatever_the_order_and_carries_its_owner():
    files = [SmallFile("b/c", b"1"), SmallFile("a", b"2", executable=True)]
    packed = pack_files(files, owner=(7, 8), folders=True)
    assert packed == pack_files(files[::-1], owner=(7, 8), folders=True)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        entries = [(e.name, e.mode, e.uid, e.gid, e.mtime) for e in archive]
    assert entries == [
        ("b", 0o755, 7, 8, 0),
        ("a", 0o755, 7, 8, 0),
        ("b/c", 0o644, 7, 8, 0),
    ]
