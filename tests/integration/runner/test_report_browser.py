"""A run's page in a real browser: what it shows, what a user can do with it, and what it must not do."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from pipeline.runner.record import WorkflowRecord
from pipeline.runner.report import Target, write_reports
from tests.browser import Browser
from tests.report_runs import RunBuilder, rails_run

HOSTILE = (
    "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
)
BIDI = "abc\u202egnp.exe\u2066"


def write(record: Any, folder: Path) -> Path:
    page = folder / "report.html"
    write_reports(record, folder, [Target(page, "html")])
    return page


@pytest.fixture
def page(tmp_path: Path, browser: Browser) -> Path:
    written = write(*rails_run(tmp_path / "runs"))
    browser.complaints()
    browser.emulate()
    return written


def test_the_page_opens_from_a_file_without_a_complaint_and_asks_for_nothing(
    page: Path, browser: Browser
) -> None:
    browser.open(page)
    browser.wait("return document.querySelector('.log[data-seen]') !== null")
    asked = browser.run("return performance.getEntriesByType('resource').map(e => e.name)")
    assert [name for name in asked if not name.startswith("data:")] == []
    assert browser.complaints() == []
    assert browser.run("return document.querySelector('h1').textContent") == "main failed"


def test_what_failed_is_open_and_what_went_well_is_folded(page: Path, browser: Browser) -> None:
    browser.open(page)
    is_open = "return [...document.querySelectorAll('.job[open], .step[open]')].map(e => e.id)"
    assert browser.run(is_open) == ["test", "test/Run-tests"]
    lines = browser.wait(
        "return [...document.getElementById('test/Run-tests').querySelectorAll('.l')]"
        ".map(e => e.innerText)"
    )
    assert "     Failure/Error: expect(order.tax).to eq Money.new(190)" in lines
    assert browser.run("return document.querySelector('#_failures .log .f1') !== null")


def test_a_folded_steps_log_comes_when_it_is_opened_with_the_keyboard(
    page: Path, browser: Browser
) -> None:
    browser.open(page)
    browser.run("document.querySelector('#build > summary').focus()")
    browser.press("\ue007")
    browser.run("document.getElementById('build/Install-gems').querySelector('summary').focus()")
    browser.press("\ue007")
    script = "return document.getElementById('build/Install-gems').querySelector('.log').innerText"
    text = browser.wait(script)
    assert text.startswith("$ bundle install\nUsing gem-0 0.0.0\n")
    # Of a line that was written over and over the end is left.
    assert "Fetching 100%\nBundle complete!" in text
    assert "Fetching  95%" not in text


def test_a_link_leads_to_a_folded_step_and_to_a_line_of_its_log(
    page: Path, browser: Browser
) -> None:
    browser.open(page, "#build/Install-gems:L42")
    text = browser.wait("return document.querySelector('.l.at')?.textContent")
    assert text == "Using gem-40 4.5.0"
    browser.wait(
        "let r = document.querySelector('.l.at').getBoundingClientRect();"
        "return r.top > 0 && r.bottom < innerHeight"
    )
    browser.run("location.hash = '#lint/bundle-exec-rubocop'")
    browser.wait("return document.getElementById('lint').open")


def test_every_link_within_the_page_leads_somewhere(page: Path, browser: Browser) -> None:
    browser.open(page)
    lost = browser.run(
        "return [...document.querySelectorAll('a[href^=\"#\"]')]"
        ".map(a => decodeURIComponent(a.getAttribute('href')))"
        ".filter(href => !document.getElementById(href.slice(1)))"
    )
    assert lost == []
    assert browser.run("return document.querySelectorAll('.graph a').length") == 5


def test_links_to_files_are_relative_and_lead_to_them(page: Path, browser: Browser) -> None:
    browser.open(page)
    links = browser.run(
        "return [...document.querySelectorAll('a')].map(a => a.getAttribute('href'))"
    )
    assert "./jobs/build/artifacts/log/name%20with%20spaces%20%26%20more.txt" in links
    found = browser.run(
        "return [...document.querySelectorAll('a')].filter(a => a.pathname && !a.hash).map(a => a.pathname)"
    )
    assert found
    assert [path for path in found if not Path(unquote(path)).is_file()] == []


def search(browser: Browser, words: str) -> str:
    browser.run("document.getElementById('_search').focus()")
    browser.press(*words)
    count: str = browser.wait("return document.getElementById('_found').textContent")
    return count


def test_search_finds_lines_in_folded_logs_and_goes_through_them(
    page: Path, browser: Browser
) -> None:
    browser.open(page)
    browser.press("/")
    assert browser.run("return document.activeElement.id") == "_search"
    assert search(browser, "GEM-17") == "11 lines"
    assert browser.run("return document.getElementById('_hits').innerText").split("\n") == [
        "build › Install gems",
        "11",
    ]
    browser.press("\ue007")
    browser.wait("return document.querySelector('mark.current') !== null")
    assert browser.run("return document.getElementById('build').open")
    assert browser.run("return document.querySelector('mark.current').textContent") == "gem-17"
    browser.press("\ue007")
    browser.wait("return document.getElementById('_found').textContent", "2 of 11".__eq__)
    browser.press("\ue00c")
    browser.wait("return document.querySelectorAll('mark').length", (0).__eq__)
    assert browser.run("return document.getElementById('_hits').hidden")


def test_it_follows_the_systems_light_and_dark_and_the_readers_choice(
    page: Path, browser: Browser
) -> None:
    ground = "return getComputedStyle(document.body).backgroundColor"
    browser.open(page)
    light = browser.run(ground)
    browser.emulate(prefers_color_scheme="dark")
    dark = browser.run(ground)
    assert light != dark
    browser.run("document.getElementById('_theme').click()")
    assert browser.run(ground) == light
    browser.run("document.getElementById('_theme').click()")
    browser.emulate(prefers_color_scheme="light")
    assert browser.run(ground) == dark
    browser.open(page)
    assert browser.run(ground) == dark
    browser.run("document.getElementById('_theme').click()")
    assert browser.run(ground) == light


CONTRAST = """
const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
function rgb(colour, under) {
  canvas.fillStyle = under; canvas.fillRect(0, 0, 1, 1);
  canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
}
const css = (parts) => `rgb(${parts.join(' ')})`;
function light(parts) {
  const [r, g, b] = parts.map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
  return .2126 * r + .7152 * g + .0722 * b;
}
function ground(element) {
  const chain = [];
  for (let e = element; e; e = e.parentElement) chain.unshift(getComputedStyle(e).backgroundColor);
  return chain.reduce((under, colour) => css(rgb(colour, under)), 'white');
}
const poor = new Map();
for (const element of document.querySelectorAll('body *')) {
  const own = [...element.childNodes].some(n => n.nodeType === 3 && n.data.trim());
  if (!own || !element.checkVisibility() || element.closest('script, option')) continue;
  const style = getComputedStyle(element), under = ground(element);
  const text = rgb(element.closest('svg') ? style.fill : style.color, under);
  let opacity = 1;
  for (let e = element; e; e = e.parentElement) opacity *= getComputedStyle(e).opacity;
  const back = rgb(under, under), seen = text.map((v, i) => v * opacity + back[i] * (1 - opacity));
  const [a, b] = [light(seen), light(back)].sort((x, y) => y - x);
  const ratio = (a + .05) / (b + .05);
  if (ratio < 4.5) poor.set(`${element.tagName}.${element.getAttribute('class')} ${ratio.toFixed(2)}`, 1);
}
return [...poor.keys()];
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_enough_contrast(page: Path, browser: Browser, scheme: str) -> None:
    browser.emulate(prefers_color_scheme=scheme)
    browser.open(page)
    browser.run("document.querySelectorAll('#_jobs details').forEach(d => d.open = true)")
    browser.wait("return document.querySelectorAll('.log[data-seen]').length", (10).__le__)
    assert browser.run(CONTRAST) == []


def test_every_colour_of_a_log_has_enough_contrast(tmp_path: Path, browser: Browser) -> None:
    colours = [*range(30, 38), *range(90, 98)]
    grounds = [49, *range(40, 48), *range(100, 108)]
    lines = "".join(
        f"\x1b[{text};{behind}mword\x1b[0m \x1b[2;{text};{behind}mdim\x1b[0m\n"
        for text in colours
        for behind in grounds
    )
    make = RunBuilder(tmp_path / "runs")
    step = make.step("a", 0, "colours", 0, 1, lines + "\x1b[7mreversed\x1b[0m\n", status="failed")
    page = write(make.record([make.job("a", 0, [step])]), make.folder)
    for scheme in ("light", "dark"):
        browser.emulate(prefers_color_scheme=scheme)
        browser.open(page)
        browser.wait("return document.querySelectorAll('.log[data-seen] .l').length", (273).__eq__)
        assert browser.run(CONTRAST) == []


def test_a_narrow_screen_needs_no_sideways_scrolling(page: Path, browser: Browser) -> None:
    size = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    browser.devtools("Emulation.setDeviceMetricsOverride", size)
    try:
        browser.open(page)
        assert browser.run("return document.documentElement.scrollWidth") == 360
    finally:
        browser.devtools("Emulation.clearDeviceMetricsOverride", {})


def test_every_control_has_a_name_and_every_picture_a_text(page: Path, browser: Browser) -> None:
    browser.open(page)
    tree = browser.devtools("Accessibility.getFullAXTree", {})["nodes"]
    named = (
        "button",
        "link",
        "searchbox",
        "combobox",
        "region",
        "img",
        "image",
        "DisclosureTriangle",
    )
    nameless = [
        node["role"]["value"]
        for node in tree
        if not node["ignored"]
        and node["role"]["value"] in named
        and not node.get("name", {}).get("value", "").strip()
    ]
    assert nameless == []


def test_hostile_names_and_output_are_shown_as_they_are_and_do_nothing(
    tmp_path: Path, browser: Browser
) -> None:
    make = RunBuilder(tmp_path / "runs")
    name = f"job {HOSTILE}"
    output = f"{HOSTILE}\n\x1b]8;;javascript:alert(1)\x07{BIDI}\x1b]8;;\x07\x1b[31m{HOSTILE}\x00\x9b31m\n"
    facts = {"caches": [{"key": HOSTILE, "action": HOSTILE}]}
    step = make.step("x", 0, HOSTILE, 1, 2, output, status="failed", note=HOSTILE, where=HOSTILE)
    job = make.job("x", 0, [step], facts=facts, group=HOSTILE, contexts=(HOSTILE, BIDI))
    make.file("jobs/x/artifacts/javascript:alert(1)", "")
    make.file(f"jobs/x/artifacts/{HOSTILE.replace('/', '')}", "")
    make.file(
        "jobs/x/test-results/a.xml",
        f"<testsuite><testcase name={json.dumps(BIDI)} classname='&lt;/script&gt;&lt;b&gt;'>"
        "<failure>&lt;/pre&gt;&lt;script&gt;document.title='owned'&lt;/script&gt;</failure>"
        "</testcase></testsuite>",
    )
    record = make.record(
        WorkflowRecord(f"flow {HOSTILE}", 1, "failed", (replace(job, name=name),), (HOSTILE,)),
        parameters={HOSTILE: [HOSTILE]},
        branch=HOSTILE,
        not_emulated=(HOSTILE, BIDI),
    )
    page = write(record, make.folder)
    browser.complaints()
    browser.open(page)
    browser.run("document.querySelector('.step').scrollIntoView()")
    browser.wait("return document.querySelector('.log[data-seen]') !== null")
    assert "owned" not in browser.run("return document.title").replace(HOSTILE, "")
    assert browser.run("return document.querySelectorAll('img, b, iframe').length") == 0
    assert browser.run("return document.scripts.length") == 2
    assert browser.complaints() == []
    lines = browser.run("return [...document.querySelectorAll('.step .l')].map(e => e.textContent)")
    assert lines[0] == HOSTILE
    assert lines[1] == f"abc⟨U+202E⟩gnp.exe⟨U+2066⟩{HOSTILE}31m"
    assert not re.search("[\u202e\u2066]", page.read_text())
    links = browser.run(
        "return [...document.querySelectorAll('a')].map(a => a.getAttribute('href'))"
    )
    assert not [link for link in links if link.startswith("javascript")]


def test_the_policy_stops_a_script_that_got_in(page: Path, browser: Browser) -> None:
    text = page.read_text()
    page.write_text(text.replace("<footer>", "<script>document.title = 'owned'</script><footer>"))
    browser.open(page)
    assert "owned" not in browser.run("return document.title")
    assert any("Content Security Policy" in word for word in browser.complaints())


def test_jobs_can_be_sorted_and_left_out(page: Path, browser: Browser) -> None:
    browser.open(page)
    shown = "return [...document.querySelectorAll('.job:not([hidden])')].map(job => job.id)"
    choose = (
        "let s = document.getElementById('_filter'); s.value = arguments[0];"
        "s.dispatchEvent(new Event('change'))"
    )
    browser.run(choose, "failed")
    assert browser.run(shown) == ["test"]
    browser.run(choose, "slow")
    assert browser.run(shown) == ["build", "test", "lint", "release?", "deploy"]
    browser.run(choose, "")
    assert browser.run(shown) == ["build", "lint", "test", "release?", "deploy"]


def test_without_scripts_the_failure_is_there_to_be_read(page: Path, browser: Browser) -> None:
    browser.devtools("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.open(page)
    finally:
        browser.devtools("Emulation.setScriptExecutionDisabled", {"value": False})
    text = browser.run("return document.getElementById('test/Run-tests').innerText")
    assert "got: #<Money fractional:189 currency:EUR>" in text
