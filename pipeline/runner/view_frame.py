"""The live part of a terminal: what runs, and the last of its output. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.output import format_duration
from pipeline.runner.record import FAILED
from pipeline.runner.view_blocks import Style, mark, short_name, step_head
from pipeline.runner.view_state import RunState, ShownJob, ShownStep
from pipeline.runner.view_text import cut, plain_text, safe_line, width_of

__all__ = ["frame_lines"]

_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_TURN_S = 0.1
_WIDEST_NAME = 30
_MOST_OUTPUT = 12
"""Lines of one step's output, also where the screen has room for more."""
_FOLDED_COLUMNS = 40


def frame_lines(state: RunState, width: int, height: int, now: float, style: Style) -> list[str]:
    """Return the live part of the screen.

    One job alone shows its steps as well; of several each has a line and a share of the rest; where not
    even that fits, as many as fit are shown and the others counted.
    """
    room = max(1, height - 2)
    foot = _foot(state, now, style)
    jobs = list(state.jobs.values())
    room -= len(foot)
    if len(jobs) == 1:
        return [*_alone(jobs[0], room, now, style), *foot]
    shown = jobs if len(jobs) <= room else jobs[: max(0, room - 1)]
    names = min(_WIDEST_NAME, max((width_of(plain_text(job.label)) for job in shown), default=0))
    spare = min(_MOST_OUTPUT, (room - len(jobs)) // max(1, len(jobs)))
    lines: list[str] = []
    for job in shown:
        head = _head(job, names, now, style)
        lines += _with_output(job, head, spare, width, style)
    if len(shown) < len(jobs):
        lines.append(style(f"  … and {len(jobs) - len(shown)} more running", "dim"))
    return [*lines, *foot]


def _spinner(now: float, style: Style) -> str:
    return style(_SPINNER[int(now / _TURN_S) % len(_SPINNER)], "cyan")


def _head(job: ShownJob, names: int, now: float, style: Style) -> str:
    name = cut(plain_text(job.label), _WIDEST_NAME)
    padded = style(name, "bold") + " " * (names - width_of(name))
    took = format_duration(now - job.began)
    failed = any(result.status == "failed" for result, _ in job.done)
    sign = mark("failed", style) if failed else _spinner(now, style)
    return f"{sign} {padded}  {took:>7}  {_doing(job, now, style)}"


def _doing(job: ShownJob, now: float, style: Style) -> str:
    if job.step is None:
        return style(job.preparing if not job.done else "…", "dim")
    place = style(f"{job.step.start.number + 1}/{len(job.spec.job.steps)}", "dim")
    took = style(format_duration(now - job.step.began), "dim")
    return f"{place} {short_name(job.step.start.name)} {took}"


def _with_output(job: ShownJob, head: str, spare: int, width: int, style: Style) -> Iterator[str]:
    """Yield a job's line with the last of its output below it, or behind it where there is no room."""
    if job.step is None:
        yield head
        return
    if spare > 0:
        yield head
        yield from _output(job.step, spare, style)
        return
    left = width - width_of(head) - 4
    last = next(iter(_last_lines(job.step, 1, style)), "")
    yield f"{head} {style('│', 'dim')} {last}" if left > _FOLDED_COLUMNS // 2 and last else head


def _output(step: ShownStep, most: int, style: Style) -> Iterator[str]:
    for line in _last_lines(step, most, style):
        yield f"    {style('│', 'dim')} {line}"


def _last_lines(step: ShownStep, most: int, style: Style) -> list[str]:
    """Return the last lines that say something."""
    colours = bool(style("x", "dim") != "x")
    lines = [*step.lines.copy(), step.unfinished()]
    shown = (safe_line(line, colours=colours) for line in lines)
    return [line for line in shown if line.strip()][-most:]


def _alone(job: ShownJob, room: int, now: float, style: Style) -> list[str]:
    """Return the only job that runs, with the steps that it has done."""
    took = style(format_duration(now - job.began), "dim")
    lines = [f"{_spinner(now, style)} {style(plain_text(job.label), 'bold')}  {took}"]
    told = [result for result, _ in job.done if _is_told(result.status)]
    running: list[str] = []
    if job.step is not None:
        running.append(f"  {_spinner(now, style)} {_doing(job, now, style)}")
        running += _output(job.step, max(0, min(_MOST_OUTPUT, room - len(told) - 3)) or 1, style)
        if job.step.count > _MOST_OUTPUT:
            running.append(style(f"    {job.step.count:,} lines so far", "dim"))
    elif not job.done:
        running.append(style(f"  {job.preparing}", "dim"))
    left = max(0, room - 1 - len(running))
    hidden = len(told) - max(0, left - 1) if len(told) > left else 0
    done = [style(f"  … {hidden} steps before", "dim")] if hidden else []
    done += [f"  {step_head(result, style)}" for result in told[hidden:]]
    return [*lines, *done, *running][:room]


def _is_told(status: str) -> bool:
    return status not in ("skipped", "not_run")


def _foot(state: RunState, now: float, style: Style) -> list[str]:
    took = format_duration(now - state.began)
    if state.stopping:
        waits = state.waited_for()
        word = f"stopping{': waiting for ' + waits if waits else ''}"
        again = "Ctrl-C again does not wait"
        return [f"{style(word, 'yellow', 'bold')}  {style(took, 'dim')}  {style(again, 'dim')}"]
    counts = state.counts()
    failed = sum(counts[status] for status in FAILED)
    held = counts["on_hold"]
    words = [
        f"{len(state.jobs)} running" if state.jobs else "",
        f"{counts['waiting']} waiting" if counts["waiting"] else "",
        style(f"{counts['success']} done", "green") if counts["success"] else "",
        style(f"{failed} failed", "red") if failed else "",
        style(f"{held} on hold", "yellow") if held else "",
    ]
    foot = [style(" · ", "dim").join([word for word in words if word] + [style(took, "dim")])]
    if state.question:
        sign, keys = style("?", "yellow", "bold"), style("y lets it pass, n cancels it", "dim")
        foot.append(f"{sign} {style(state.question, 'bold')}  {keys}")
    return foot
