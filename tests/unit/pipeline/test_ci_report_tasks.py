"""``ci.report``, as a user runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.report_runs import rails_run
from tests.unit.pipeline.in_process import exit_code as orbyard


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    return rails_run(tmp_path / ".orbyard" / "runs")[1]


def test_the_page_of_the_last_run_goes_into_its_folder(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert orbyard("ci.report") == 0
    assert capsys.readouterr().out == f"{folder / 'report.html'}\n"
    assert "main failed" not in (folder / "report.html").read_text()
    assert "<title>failed: main" in (folder / "report.html").read_text()


def test_a_run_is_named_by_a_part_of_its_id_and_files_by_options(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert orbyard("ci.report", folder.name[-6:], "--html", "out/a.html", "--junit", "b.xml") == 0
    assert capsys.readouterr().out.splitlines() == [
        str(tmp_path / "out/a.html"),
        str(tmp_path / "b.xml"),
    ]
    link = f"../.orbyard/runs/{folder.name}/jobs/test/02-step.log"
    assert f'href="./{link}"' in (tmp_path / "out/a.html").read_text()
    assert (tmp_path / "b.xml").read_text().startswith("<?xml")
    assert not (folder / "report.html").exists()


def test_junit_alone_writes_no_page(folder: Path) -> None:
    assert orbyard("ci.report", "--junit", "b.xml") == 0
    assert not (folder / "report.html").exists()


def test_a_report_is_printed_where_a_hyphen_stands_for_the_file(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert orbyard("ci.report", "--junit", "-") == 0
    assert capsys.readouterr().out.startswith("<?xml")
    assert orbyard("ci.report", "--html", "-") == 0
    assert "<!doctype html>" in capsys.readouterr().out.lower()
    assert not list(folder.glob("report.*"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nothing",), "there is no run 'nothing'"),
        (("last", "again"), "takes one run"),
        (("--html", ".git"), "it is a folder"),
        (("--html", "a.html", "--junit", "-"), "one can go to standard output"),
    ],
)
def test_wrong_words_are_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert orbyard("ci.report", *words) == 2
    assert said in capsys.readouterr().err
