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
BEGIN, END = "# orbs: begin", "# orbs: end"


def embedded_orbs() -> str:
    """Return the ``orbs:`` section, made from the sources, without what only readers need."""
    from pipeline.orb_source import pack_orb, read_orb_source
    from pipeline.yamlfile import dump_yaml

    orbs = {}
    for folder in sorted(ROOT.glob("orbs/*/src")):
        packed = pack_orb(read_orb_source(folder))
        orbs[folder.parent.name] = {
            key: _without_descriptions(value)
            for key, value in packed.items()
            if key not in {"version", "description", "examples"}
        }
    return dump_yaml({"orbs": orbs})


def _without_descriptions(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_descriptions(v) for k, v in value.items() if k != "description"}
    return [_without_descriptions(item) for item in value] if isinstance(value, list) else value


def embed(config: str) -> str:
    """Return the configuration with the orbs of today between the marks."""
    before, _, rest = config.partition(f"{BEGIN}\n")
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{embedded_orbs()}{END}{after}"


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    CONFIG.write_text(embed(CONFIG.read_text(encoding="utf-8")), encoding="utf-8")
