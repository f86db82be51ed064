"""Both ends of a log."""

from __future__ import annotations

from pathlib import Path

from pipeline.runner.report_log import LogLimits, read_log, tail_texts


def numbered(count: int) -> str:
    return "".join(f"line {number}\n" for number in range(1, count + 1))


def test_a_short_log_is_there_as_a_whole(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("one\n\n\x1b[31mthree\x1b[0m\nno end")
    found = read_log(log, LogLimits())
    assert found is not None
    assert (found.head, found.left_out, found.tail) == (
        ["one", "", ["f1", "three"], "no end"],
        0,
        (),
    )
    assert tail_texts(found, 2) == ["three", "no end"]


def test_of_a_log_with_many_lines_both_ends_are_there(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(numbered(10))
    found = read_log(log, LogLimits(lines=3))
    assert found is not None
    assert found.head == ["line 1", "line 2", "line 3"]
    assert (found.left_out, found.tail) == (4, ("line 8", "line 9", "line 10"))
    assert found.last_lines(4) == [(3, "line 3"), (8, "line 8"), (9, "line 9"), (10, "line 10")]


def test_a_log_that_is_too_large_is_read_at_its_ends_only_and_lines_stay_whole(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log"
    log.write_text(numbered(1_000))
    found = read_log(log, LogLimits(lines=100, size_bytes=60))
    assert found is not None
    assert found.head == [f"line {number}" for number in range(1, len(found.head) + 1)]
    assert found.tail == tuple(f"line {number}" for number in range(1_001 - len(found.tail), 1_001))
    assert 0 < len(found.head) < 10
    assert len(found.head) + found.left_out + len(found.tail) == 1_000


def test_bytes_that_are_no_text_are_shown_as_such(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"caf\xe9\n")
    found = read_log(log, LogLimits())
    assert found is not None
    assert found.head == ["caf�"]


def test_a_log_that_is_gone_is_none(tmp_path: Path) -> None:
    assert read_log(tmp_path / "log", LogLimits()) is None
    assert read_log(tmp_path, LogLimits()) is None
