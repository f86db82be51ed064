"""How a job went, as a small mark in SVG: each status has a shape of its own, not a colour alone. Pure."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MARK_STYLE", "STATUS_WORDS", "JobMark", "mark_svg"]

STATUS_WORDS = {
    "success": "success",
    "failed": "failed",
    "running": "running",
    "not_run": "not run",
    "canceled": "canceled",
    "on_hold": "on hold",
    "unauthorized": "unauthorized",
    "waiting": "waiting",
}


@dataclass(frozen=True, slots=True)
class JobMark:
    """How a job went.

    Attributes:
        status: one of :data:`STATUS_WORDS`, or "" where nothing is known.
        seconds: how long it took, or None.
        link: where a click on it leads, or "".
    """

    status: str = ""
    seconds: float | None = None
    link: str = ""


MARK_STYLE = """\
.og{--og-success:#0b7a55;--og-failed:#c4320a;--og-running:#1860c4;--og-hold:#7a3fc0;--og-denied:#a15c00;\
--og-idle:#6e7781}
@media(prefers-color-scheme:dark){.og{--og-success:#3fb68b;--og-failed:#ff7b54;--og-running:#6cb0ff;\
--og-hold:#c297ff;--og-denied:#f0b060;--og-idle:#8b949e}}
.og-m{fill:none;stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round}
.og-success .og-m,.og-failed .og-m{stroke:var(--og-card)}
.og-success .og-s{fill:var(--og-success)}.og-failed .og-s{fill:var(--og-failed)}
.og-running .og-m{stroke:var(--og-running)}.og-on_hold .og-m{stroke:var(--og-hold)}
.og-unauthorized .og-m{stroke:var(--og-denied)}
.og-not_run .og-m,.og-canceled .og-m,.og-waiting .og-m{stroke:var(--og-idle)}
.og-waiting .og-r{stroke-dasharray:.1 3.9}
.og-turn{animation:og-turn 1.2s linear infinite;transform-box:fill-box;transform-origin:center}
@keyframes og-turn{to{transform:rotate(1turn)}}
@media(prefers-reduced-motion:reduce){.og-turn{animation:none}}
.og-failed .og-name{font-weight:700}.og-not_run .og-name,.og-canceled .og-name{fill:var(--og-muted)}
"""

_RING = '<circle class="og-m og-r" cx="8" cy="8" r="6.6"/>'
_SHAPES = {
    "success": '<circle class="og-s" cx="8" cy="8" r="7.5"/>'
    '<path class="og-m" d="M4.8 8.3l2.2 2.2 4.2-4.6"/>',
    "failed": '<rect class="og-s" x=".8" y=".8" width="14.4" height="14.4" rx="3"/>'
    '<path class="og-m" d="M5.2 5.2l5.6 5.6m0-5.6l-5.6 5.6"/>',
    "running": '<g class="og-turn"><circle cx="8" cy="8" r="7.5" fill="none"/>'
    '<path class="og-m" d="M8 1.4a6.6 6.6 0 1 1-6.6 6.6"/></g>',
    "not_run": f'{_RING}<path class="og-m" d="M3.6 12.4l8.8-8.8"/>',
    "canceled": '<rect class="og-m" x="1.5" y="1.5" width="13" height="13" rx="3"/>'
    '<path class="og-m" d="M5 8h6"/>',
    "on_hold": f'{_RING}<path class="og-m" d="M6.2 5.6v4.8m3.6-4.8v4.8"/>',
    "unauthorized": '<path class="og-m" d="M8 1.6l6.6 12.2H1.4z"/>'
    '<path class="og-m" d="M8 6.2v3.4m0 2.1v.1"/>',
    "waiting": _RING,
}


def mark_svg(status: str, x: float, y: float) -> str:
    """Return a status's mark, 16 wide and high, with its upper left corner at a place."""
    return f'<g transform="translate({x:g} {y:g})">{_SHAPES[status]}</g>'
