"""A step's output: masked, bounded, kept and shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import WorkFailed
from pipeline.runner.step_log import StepLog
from pipeline.secret import Masker

SECRET = "hunter2-hunter2"
LIMIT = 64 * 1024


class Kept:
    """A log with what came out of it."""

    def __init__(self, folder: Path, *secrets: str) -> None:
        masker = Masker()
        for secret in secrets:
            masker.add(secret)
        self.now = 0.0
        self.lines: list[str] = []
        self.path = folder / "jobs" / "a" / "00-step.log"
        self.log = StepLog(self.path, masker, self.lines.extend, clock=lambda: self.now)

    @property
    def text(self) -> str:
        self.log.close()
        return self.path.read_bytes().decode()


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    made = Kept(tmp_path, SECRET)
    yield made
    made.log.close()


def test_lines_are_shown_as_they_come_and_kept_in_a_file(kept: Kept) -> None:
    kept.log.write(b"one\ntw")
    assert kept.lines == ["one"]
    kept.log.write(b"o\n\nthree")
    assert kept.lines == ["one", "two", ""]
    assert kept.text == "one\ntwo\n\nthree\n"
    assert kept.lines == ["one", "two", "", "three"]


def test_a_secret_is_masked_wherever_the_pieces_are_cut(tmp_path: Path) -> None:
    output = f"before {SECRET} after\n".encode()
    for cut in range(len(output)):
        kept = Kept(tmp_path, SECRET)
        kept.log.write(output[:cut])
        kept.log.write(output[cut:])
        assert kept.text == "before **** after\n"
        assert kept.lines == ["before **** after"]


def test_a_secret_that_comes_byte_by_byte_is_masked(kept: Kept) -> None:
    for byte in SECRET.encode():
        kept.log.write(bytes([byte]))
    assert kept.text == "****\n"


def test_each_line_of_a_secret_of_several_lines_is_masked(tmp_path: Path) -> None:
    key = "-----BEGIN KEY-----\nAAAABBBBCCCC\nDDDDEEEEFFFF\n-----END KEY-----\n"
    kept = Kept(tmp_path, key)
    kept.log.write(b"the key:\r\n" + key.replace("\n", "\r\n").encode() + b"done")
    assert kept.text == "the key:\n****\n****\n****\n****\ndone\n"


def test_a_line_without_end_is_cut_and_does_not_fill_the_memory(kept: Kept) -> None:
    for _ in range(100):
        kept.log.write(b"x" * 10_000)
    held_back = 1_000_000 - sum(map(len, kept.lines))
    assert held_back <= 2 * LIMIT
    assert max(map(len, kept.text.splitlines())) <= LIMIT
    assert kept.text.replace("\n", "") == "x" * 1_000_000


def test_a_long_line_that_comes_whole_is_cut_as_well(kept: Kept) -> None:
    kept.log.write(b"x" * 300_000 + b"\nend\n")
    assert max(map(len, kept.lines)) <= LIMIT
    assert "".join(kept.lines) == "x" * 300_000 + "end"


@pytest.mark.parametrize("chunk", [1000, 5000, LIMIT, 500_000])
def test_a_secret_is_masked_where_a_long_line_is_cut(tmp_path: Path, chunk: int) -> None:
    kept = Kept(tmp_path, SECRET)
    line = (SECRET + "x").encode() * 25_000
    for start in range(0, len(line), chunk):
        kept.log.write(line[start : start + chunk])
    assert kept.text.replace("\n", "") == "****x" * 25_000


def test_characters_stay_whole_where_a_long_line_is_cut(kept: Kept) -> None:
    kept.log.write(b"x" + "ü€😀".encode() * 60_000)
    assert kept.text.replace("\n", "") == "x" + "ü€😀" * 60_000


def test_bytes_that_are_no_text_are_replaced(kept: Kept) -> None:
    kept.log.write(b"\xff\xfe ok\n" + b"\x80" * 200_000)
    assert kept.lines[0] == "\ufffd\ufffd ok"
    assert set(kept.text.replace("\n", "")) == set("\ufffd ok")


def test_the_line_ends_of_a_terminal_are_taken_away_and_other_returns_stay(kept: Kept) -> None:
    kept.log.write(b"one\r\n 10%\r 20%\r\ntw")
    kept.log.write(b"o\r")
    kept.log.write(b"\n")
    assert kept.lines == ["one", " 10%\r 20%", "two"]


def test_the_last_output_is_that_of_the_last_piece_even_without_a_line_end(kept: Kept) -> None:
    assert kept.log.last_output == 0.0
    kept.now = 5.0
    kept.log.write(b".")
    kept.now = 9.0
    assert kept.log.last_output == 5.0


def test_what_the_runner_says_is_masked_too(kept: Kept) -> None:
    kept.log.say(f"restored {SECRET}\nand more")
    assert kept.text == "restored ****\nand more\n"


def test_what_comes_after_the_end_is_passed_over(kept: Kept) -> None:
    kept.log.write(b"in time\n")
    kept.log.close()
    kept.log.write(b"too late\n")
    kept.log.close()
    assert kept.text == "in time\n"


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_how_the_output_is_cut_makes_no_difference(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]
) -> None:
    folder = tmp_path_factory.getbasetemp() / "pieces"
    cut, whole = Kept(folder / "cut", SECRET), Kept(folder / "whole", SECRET)
    for piece in pieces:
        cut.log.write(piece)
    whole.log.write(b"".join(pieces))
    assert cut.text == whole.text


def test_a_line_without_end_is_shown_but_for_what_a_secret_may_begin_with(kept: Kept) -> None:
    assert kept.log.unfinished() == ""
    kept.log.write(b"....")
    assert kept.log.unfinished() == "...."
    kept.log.write(b"hunter2")
    assert kept.log.unfinished() == "...."
    kept.log.write(b"-hunter2..")
    assert kept.log.unfinished() == "....****.."
    kept.log.write(b"\n")
    assert kept.log.unfinished() == ""


def test_lines_are_in_the_file_as_soon_as_they_were_printed(kept: Kept) -> None:
    kept.log.write(b"one\ntw")
    assert kept.path.read_text() == "one\n"


def test_a_full_disk_is_told_once_and_nothing_more_is_taken(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    path = tmp_path / "step.log"
    path.symlink_to("/dev/full")
    lines: list[str] = []
    log = StepLog(path, Masker(), lines.extend)
    for _ in range(2):
        with pytest.raises(
            WorkFailed, match=r"No space left on device: the disk at .* is full"
        ) as told:
            log.write(b"a line\n")
    assert log.lost is told.value
    assert "make room" in str(log.lost.hint)
    assert lines == ["a line", log.lost.message]
    log.say("a word of the runner's own")
    log.close()


def test_what_is_lost_only_at_the_end_is_told_as_well(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    path = tmp_path / "step.log"
    path.symlink_to("/dev/full")
    log = StepLog(path, Masker(), lambda _: None)
    log.write(b"")
    log.write(b"a line without an end")
    assert log.lost is None
    log.close()
    assert log.lost is not None
