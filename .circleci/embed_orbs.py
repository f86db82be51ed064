"""Puts the orbs of this repository into .circleci/config.yml, between its two marks.

The orbs are used here before they are published, so the pipeline carries them inline. Run this after a
change in ``orbs/*/src``; a test says so where it was forgotten.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / ".circleci" / "config.yml"
_SECTIONS = ("commands", "jobs", "executors")
BEGIN, END = "# orbs: begin", "# orbs: end"


def embedded_orbs() -> str:
    """Return the ``orbs:`` section, made from the sources, without what only readers need."""
    from pipeline.config.nodes import to_data
    from pipeline.config.packing import pack_orb
    from pipeline.yamlfile import dump_yaml

    orbs = {}
    for folder in sorted(ROOT.glob("orbs/*/src")):
        packed = to_data(pack_orb(folder))
        scripts = [
            path.read_text(encoding="utf-8").replace("<<", "\\<<")
            for path in sorted(folder.glob("scripts/*"))
        ]
        orbs[folder.parent.name] = {
            key: _shortened(packed[key], scripts) for key in _SECTIONS if key in packed
        }
    # Not every part of the orbs is used here, and the compiler would warn of each.
    return f"# cci-ignore-start\n{dump_yaml({'orbs': orbs})}# cci-ignore-end\n"


def _shortened(value: Any, scripts: list[str]) -> Any:
    """Return a value without descriptions, and without the empty line that each script ends in."""
    if isinstance(value, dict):
        return {k: _shortened(v, scripts) for k, v in value.items() if k != "description"}
    if isinstance(value, list):
        return [_shortened(item, scripts) for item in value]
    if isinstance(value, str):
        for script in scripts:
            value = value.replace(script, script.rstrip("\n"))
    return value


def embed(config: str) -> str:
    """Return the configuration with the orbs of today between the marks."""
    before, _, rest = config.partition(f"{BEGIN}\n")
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{embedded_orbs()}{END}{after}"


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    CONFIG.write_text(embed(CONFIG.read_text(encoding="utf-8")), encoding="utf-8")
