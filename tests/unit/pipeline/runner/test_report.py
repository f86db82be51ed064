"""Which reports are written where, and what the page says."""

from __future__ import annotations

import io
import os
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pipeline.errors import InvalidInput
from pipeline.output import Console
from pipeline.runner.model import JobResult
from pipeline.runner.record import JobRecord, RunRecord, WorkflowRecord, read_record
from pipeline.runner.report import Target, read_targets, report_run, write_reports
from pipeline.secret import Masker
from tests.report_runs import BEGAN, JUNIT, RunBuilder, rails_run


def page(record: RunRecord, folder: Path, masker: Masker | None = None) -> str:
    target = Target(folder / "report.html", "html")
    write_reports(record, folder, [target], masker.mask if masker else None)
    return target.path.read_text()


class Texts(HTMLParser):
    """Collects the ids, and the texts in the order of the page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self._quiet = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self._quiet = tag in ("script", "style")
        if found.get("id"):
            self.ids.append(str(found["id"]))
            if "open" in found:
                self.open.append(str(found["id"]))

    def handle_endtag(self, tag: str) -> None:
        self._quiet = False

    def handle_data(self, data: str) -> None:
        if data.strip() and not self._quiet:
            self.texts.append(data.strip())


def test_the_ending_decides_and_a_folder_gets_both(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    targets = read_targets(["a.html", "b/c.XML", "new/", "there"], tmp_path)
    assert [(str(target.path.relative_to(tmp_path)), target.kind) for target in targets] == [
        ("a.html", "html"),
        ("b/c.XML", "junit"),
        ("new/report.html", "html"),
        ("new/report.xml", "junit"),
        ("there/report.html", "html"),
        ("there/report.xml", "junit"),
    ]


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("report.pdf", "ends in .html or .xml"),
        ("file/a.html", "cannot be written"),
        ("report", "ends in"),
    ],
)
def test_a_report_that_cannot_be_written_is_refused_before_the_run(
    tmp_path: Path, name: str, word: str
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match=word):
        read_targets([name], tmp_path)


def test_a_report_that_fails_after_the_run_is_a_warning(tmp_path: Path) -> None:
    record, folder = rails_run(tmp_path)
    screen = io.StringIO()
    (tmp_path / "file").write_text("")
    target = Target(tmp_path / "file" / "report.html", "html")
    report_run(record, folder, [target], Console(err=screen, colour=False))
    assert "no report" in screen.getvalue()
    assert f"orbyard ci.report {record.id}" in screen.getvalue()


def test_the_page_has_a_place_for_each_job_and_step_that_can_be_linked_to(tmp_path: Path) -> None:
    ids = Texts(page(*rails_run(tmp_path))).ids
    assert len(set(ids)) == len(ids)
    assert {"build", "build/Install-gems", "test", "test/Run-tests", "release?"} <= set(ids)


def test_what_failed_is_open(tmp_path: Path) -> None:
    assert Texts(page(*rails_run(tmp_path))).open == ["test", "test/Run-tests"]


def test_jobs_of_the_same_name_in_two_workflows_are_told_apart(tmp_path: Path) -> None:
    make = RunBuilder(tmp_path)
    job = make.job("a", 0, [make.step("a", 0, "x", 0, 1)])
    record = make.record(
        WorkflowRecord("one", 1, "failed", (replace(job, status="failed"),)),
        WorkflowRecord("one", 2, "success", (job,)),
        WorkflowRecord("two", 1, "success", (job,)),
    )
    found = Texts(page(record, make.folder))
    assert [name for name in found.ids if name.endswith("/a")] == [
        "attempt-1/one/a",
        "one/a",
        "two/a",
    ]
    assert "one, attempt 1 of 2" in found.texts


def test_a_job_that_a_rerun_took_over_says_in_which_attempt_it_ran(tmp_path: Path) -> None:
    make = RunBuilder(tmp_path)
    build = make.job("build", 0, [make.step("build", 0, "x", 0, 1)])
    test = make.job("test", 1, [make.step("test", 0, "x", 1, 1, status="failed")])
    again = replace(test, started_at=BEGAN + 5)
    record = make.record(
        WorkflowRecord("main", 1, "failed", (build, test)),
        WorkflowRecord("main", 2, "failed", (build, again)),
    )
    texts = Texts(page(record, make.folder)).texts
    assert [text for text in texts if text.startswith("attempt")] == ["attempt 1"]


def test_instances_have_places_as_they_are_called(tmp_path: Path) -> None:
    make = RunBuilder(tmp_path)
    job = make.job("a", 0, [make.step("a", 0, "x", 0, 1)])
    results = tuple(replace(job.instances[0], node_index=number) for number in (0, 1))
    record = make.record([replace(job, parallelism=2, instances=results)])
    ids = Texts(page(record, make.folder)).ids
    assert [name for name in ids if name.startswith("a")] == [
        "a",
        "a[0]",
        "a[0]/x",
        "a[1]",
        "a[1]/x",
    ]


def test_a_secret_in_test_results_parameters_and_names_is_masked(tmp_path: Path) -> None:
    make = RunBuilder(tmp_path)
    masker = Masker()
    masker.add("hunter2-secret")
    step = make.step("a", 0, "login hunter2-secret", 0, 1, "ok\n", note="hunter2-secret")
    job = make.job(
        "a",
        0,
        [step],
        reason="hunter2-secret",
        facts={"caches": [{"key": "hunter2-secret", "action": "saved"}]},
    )
    make.file("jobs/a/test-results/x.xml", JUNIT.replace("got: 189", "got: hunter2-secret"))
    record = make.record(
        [job],
        parameters={"token": "hunter2-secret"},
        branch="hunter2-secret",
        not_emulated=("hunter2-secret",),
    )
    targets = read_targets([f"{make.folder}/"], tmp_path)
    write_reports(record, make.folder, targets, masker.mask)
    for target in targets:
        text = target.path.read_text()
        assert "hunter2" not in text
        assert "****" in text


def test_a_run_whose_folder_was_moved_is_reported_with_its_logs(tmp_path: Path) -> None:
    _, folder = rails_run(tmp_path / "before")
    moved = tmp_path / "after" / folder.name
    moved.parent.mkdir()
    shutil.move(folder, moved)
    text = page(read_record(moved), moved)
    assert "got: #&lt;Money fractional:189 currency:EUR&gt;" in text
    assert 'href="./jobs/test/02-step.log"' in text


def test_what_was_taken_over_has_the_logs_of_the_run_that_did_it(tmp_path: Path) -> None:
    before = RunBuilder(tmp_path, id="20300101-000000-aaaaaa")
    step = before.step("a", 0, "x", 0, 1, "from before\n", status="failed")
    job = replace(before.job("a", 0, [step]), kept_from=before.id)
    before.record([job])
    make = RunBuilder(tmp_path)
    found = Texts(page(make.record([job]), make.folder))
    assert "from before" in found.texts
    assert before.id in found.texts
    assert "_timeline" not in found.ids


def test_files_outside_of_the_run_are_not_read_whatever_the_record_says(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("do not show\n")
    make = RunBuilder(tmp_path / "runs")
    step = make.step("a", 0, "x", 0, 1, "", status="failed")
    link = make.folder / "jobs/a/link.log"
    link.symlink_to(secret)
    for path in (str(secret), str(link), f"/x/{make.id}/../../secret"):
        job = make.job("a", 0, [replace(step, log=path)])
        assert "do not show" not in page(make.record([job]), make.folder)
    os.makedirs(make.folder / "jobs/b")
    (make.folder / "jobs/b/test-results").symlink_to(tmp_path)
    (tmp_path / "x.xml").write_text("<testcase name='do not show'><failure/></testcase>")
    job = make.job("b", 0, [step])
    assert "do not show" not in page(make.record([job]), make.folder)


def test_a_record_with_a_status_that_no_run_has_is_refused(tmp_path: Path) -> None:
    make = RunBuilder(tmp_path)
    job = JobRecord("a", "build", status='"><script>')  # type: ignore[arg-type]  # what others write
    record = make.record([job], status="failed")
    with pytest.raises(InvalidInput, match="status"):
        write_reports(record, make.folder, [Target(tmp_path / "a.html", "html")])


def test_a_run_of_which_nothing_began_has_a_page(tmp_path: Path) -> None:
    make = RunBuilder(tmp_path)
    waits = JobRecord("a", "build", status="not_run", reason="requirements not met")
    dead = JobRecord(
        "b",
        "build",
        status="canceled",
        started_at=BEGAN,
        instances=(JobResult("b", 0, "canceled", 0.0),),
    )
    assert "requirements not met" in page(make.record([waits, dead], seconds=0.0), make.folder)
    assert page(make.record(status="not_run"), make.folder)


def test_a_reason_that_no_step_tells_stands_with_its_place(tmp_path: Path) -> None:
    make = RunBuilder(tmp_path)
    result = JobResult("b", 0, "failed", 0.0, reason="no image", where="config.yml:4:<9>")
    broken = JobRecord("b", "build", status="failed", reason="no image", instances=(result,))
    assert "written at <code>config.yml:4:&lt;9&gt;</code>" in page(
        make.record([broken], status="failed"), make.folder
    )


def test_the_middle_of_a_long_log_is_left_out_with_its_place(tmp_path: Path) -> None:
    make = RunBuilder(tmp_path)
    lines = "".join(f"line {number}\n" for number in range(1, 5_001))
    job = make.job("a", 0, [make.step("a", 0, "x", 0, 1, lines)])
    found = Texts(page(make.record([job]), make.folder))
    assert any("1,000 lines in the middle" in text for text in found.texts)
    assert "00-step.log" in found.texts


def test_test_results_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    make = RunBuilder(tmp_path)
    job = make.job("a", 0, [make.step("a", 0, "x", 0, 1)])
    make.file("jobs/a/test-results/0/r.xml", "<testsuite><testcase name='t'/></wrong>")
    texts = Texts(page(make.record([job]), make.folder)).texts
    assert any(text.startswith(": 0/r.xml: not well-formed XML") for text in texts)
