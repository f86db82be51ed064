"""Files that are written in one step."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.whole_file import write_whole


def test_a_file_is_written_with_its_folder_and_replaced_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    write_whole(path, "one\n")
    assert path.stat().st_mode & 0o777 == 0o644
    path.chmod(0o600)
    write_whole(path, b"two\n")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"two\n", 0o600)
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_a_name_that_is_not_utf_8_is_read_again_from_json(tmp_path: Path) -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    write_whole(tmp_path / "file", json.dumps([name], ensure_ascii=False))
    assert json.loads((tmp_path / "file").read_text(encoding="utf-8")) == [name]


def test_what_cannot_be_written_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_whole(tmp_path / "folder", "x")
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]
