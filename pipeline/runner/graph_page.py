"""A page with the drawings of workflows: one HTML file that needs nothing from elsewhere. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape

from pipeline.runner.canvas import plain_text
from pipeline.runner.graph_marks import MARK_STYLE
from pipeline.runner.graph_model import DETAIL_WORDS, GraphJob, graph_jobs
from pipeline.runner.graph_svg import GRAPH_STYLE, graph_svg
from pipeline.runner.overview import LeftOut, WorkflowOverview

__all__ = ["graph_page"]

_STYLE = """\
:root{color-scheme:light dark;--text:#1f2328;--muted:#59636e;--page:#f6f8fa;--panel:#fff;--border:#d1d9e0}
@media(prefers-color-scheme:dark){:root{--text:#e6edf3;--muted:#9198a1;--page:#0d1117;--panel:#1c2128;\
--border:#3d444d}}
*{box-sizing:border-box}
body{margin:0;padding:28px 32px 48px;background:var(--page);color:var(--text);\
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
h1{font-size:20px;margin:0}h2{font-size:16px;margin:32px 0 0}
.sub{color:var(--muted);margin:2px 0 12px;font-size:13px}
.drawing{overflow-x:auto;margin:0 -12px;padding-bottom:6px}
code,.mono{font-family:ui-monospace,Menlo,"DejaVu Sans Mono",Consolas,monospace;font-size:12.5px}
details{margin-top:6px}summary{cursor:pointer;color:var(--muted);font-size:13px}
.table{overflow-x:auto}
table{border-collapse:collapse;margin-top:8px;font-size:13px}
th,td{text-align:left;vertical-align:top;padding:5px 18px 5px 0;border-bottom:1px solid var(--border)}
th{color:var(--muted);font-weight:600}
ul{margin:4px 0 0;padding-left:20px;font-size:13px}
#about{position:fixed;z-index:1;max-width:min(460px,calc(100vw - 24px));background:var(--panel);\
border:1px solid var(--border);border-radius:8px;padding:10px 14px;font-size:13px;pointer-events:none;\
box-shadow:0 6px 24px rgb(0 0 0/.18);overflow-wrap:anywhere}
#about b{display:block;margin-bottom:4px}
#about dl{display:grid;grid-template-columns:auto 1fr;gap:2px 12px;margin:0}
#about dt{color:var(--muted);white-space:nowrap}#about dd{margin:0}
.og.picked .og-line{opacity:.18}
.og.picked .og-line.near{opacity:1}
.og.picked .og-line.near .og-edge{stroke:var(--og-running);stroke-width:2}
.og.picked .og-line.near .og-tip{fill:var(--og-running)}
"""

_SCRIPT = """\
const about = document.getElementById("about");
const known = JSON.parse(document.getElementById("known").textContent);
function tell(job) {
  const svg = job.closest("svg"), name = job.dataset.job;
  about.replaceChildren();
  about.append(Object.assign(document.createElement("b"), {className: "mono", textContent: name}));
  const list = document.createElement("dl");
  for (const [word, value] of known[svg.parentElement.dataset.flow][name] || []) {
    list.append(Object.assign(document.createElement("dt"), {textContent: word}));
    list.append(Object.assign(document.createElement("dd"), {className: "mono", textContent: value}));
  }
  about.append(list);
  about.hidden = false;
  const at = job.getBoundingClientRect(), own = about.getBoundingClientRect();
  const below = at.bottom + 8 + own.height < innerHeight;
  about.style.top = Math.max(8, below ? at.bottom + 8 : at.top - 8 - own.height) + "px";
  about.style.left = Math.max(8, Math.min(at.left, innerWidth - own.width - 8)) + "px";
  const group = job.closest(".og-group").dataset.group;
  svg.classList.add("picked");
  for (const line of svg.querySelectorAll(".og-line"))
    line.classList.toggle("near", line.dataset.from === group || line.dataset.to === group);
}
function hush() {
  about.hidden = true;
  for (const svg of document.querySelectorAll(".og.picked")) svg.classList.remove("picked");
}
for (const job of document.querySelectorAll(".og-job")) {
  job.addEventListener("mouseenter", () => tell(job));
  job.addEventListener("mouseleave", hush);
  job.addEventListener("focus", () => tell(job));
  job.addEventListener("blur", hush);
}
addEventListener("keydown", event => { if (event.key === "Escape") hush(); });
addEventListener("scroll", hush, true);
"""


def graph_page(flows: Sequence[WorkflowOverview], *, title: str, subtitle: str = "") -> str:
    """Return a page with the graph of each workflow, what is left out, and a table of all jobs.

    Pointing at a job, or going to it with the tab key, shows what is known of it and its lines.
    """
    jobs = [graph_jobs(flow.jobs) for flow in flows]
    known = [{plain_text(job.name): job.details for job in found} for found in jobs]
    # "</script>" in a name would end the element.
    data = json.dumps(known, ensure_ascii=False).replace("<", "\\u003c")
    sections = "\n".join(
        _section(number, flow, found)
        for number, (flow, found) in enumerate(zip(flows, jobs, strict=True))
    )
    return f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; \
script-src 'unsafe-inline'">
<title>{_text(title)}</title>
<style>
{GRAPH_STYLE}{MARK_STYLE}{_STYLE}</style>
</head>
<body>
<h1>{_text(title)}</h1>
<p class="sub">{_text(subtitle)}</p>
{sections}
<div id="about" role="status" hidden></div>
<script type="application/json" id="known">{data}</script>
<script>
{_SCRIPT}</script>
</body>
</html>
"""


def _section(number: int, flow: WorkflowOverview, jobs: Sequence[GraphJob]) -> str:
    parts = [
        f"<section><h2>{_text(flow.name)}</h2>",
        f'<p class="sub">{_text(flow.headline)} · <code>{_text(flow.where)}</code></p>',
    ]
    if jobs:
        drawing = graph_svg(jobs, title=flow.name, standalone=False, tooltips=False)
        parts.append(f'<div class="drawing" data-flow="{number}">{drawing}</div>')
    parts += [_left_out(flow.left_out)] if flow.left_out else []
    parts += [_table(jobs)] if jobs else []
    return "\n".join([*parts, "</section>"])


def _left_out(jobs: Sequence[LeftOut]) -> str:
    items = "".join(
        f"<li><code>{_text(job.name)}</code>{' – ' + _text(job.reason) if job.reason else ''}</li>"
        for job in jobs
    )
    return f"<details open><summary>Left out: {len(jobs)}</summary><ul>{items}</ul></details>"


def _table(jobs: Sequence[GraphJob]) -> str:
    used = {word for job in jobs for word, _ in job.details}
    words = [word for word in DETAIL_WORDS if word in used]
    head = "".join(f"<th>{_text(word)}</th>" for word in ["job", *words])
    rows = []
    for job in jobs:
        values = dict(job.details)
        cells = "".join(f"<td>{_text(values.get(word, ''))}</td>" for word in words)
        rows.append(f"<tr><td><code>{_text(job.name)}</code></td>{cells}</tr>")
    count = f"{len(jobs)} job" + ("s" if len(jobs) > 1 else "")
    return (
        f"<details><summary>{count} as a table</summary>"
        f'<div class="table"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
        "</div></details>"
    )


def _text(text: str) -> str:
    return escape(plain_text(text))
