"""Writes the pages that are made from the code; `--check` only says which are stale."""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline.code_pages import code_documents
from pipeline.orb import find_orbs, load_sections
from pipeline.settings_reference import reference

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent))

SETTINGS_HEAD = """\
# Settings

<!-- Made by `make docs` from the settings' definitions. -->

`orbyard.yml` stands in the root of the repository; with the [usual layout](deploy-folder.md) it needs
a line or two. A key can also be set by an environment variable, `ORBYARD_` with section and key in
capitals (`image.repository` is `ORBYARD_IMAGE_REPOSITORY`; lists are separated by commas), and some by
a flag of a task. Flags win over the environment, and that over the file. Durations are written as
`90s`, `15m` or `1h30m`. An unknown key is an error, with its line and the nearest known key.

    # orbyard.yml
    image:
      repository: registry.example.com/hoge-app
    environments:
      production:
        expect_context: production   # refuse any other cluster

"""


def pages() -> dict[str, str]:
    """Return the text of each generated page by its file name."""
    settings = SETTINGS_HEAD + reference(load_sections(find_orbs())).rstrip() + "\n"
    codes = {f"config-codes/{name}": text for name, text in code_documents().items()}
    return {"settings.md": settings, "conformance.md": conformance(), **codes}


CONFORMANCE_HEAD = """\
# Conformance

<!-- Made by `make docs` from tests/conformance. -->

What the configuration compiler does, rule by rule. Each line is a case that the test suite runs: **✓**
compiles to what CircleCI would run, **✗** is refused with an error. A line in *italics* is this
project's choice, where CircleCI's documentation says nothing and nothing could be read off published
configurations and their compiled form. The cases themselves, with the configuration of each and what is
expected, are in `tests/conformance/cases`.
"""


def conformance() -> str:
    """Return the page that says rule by rule what holds."""
    from tests.conformance.support import load_cases, load_rules

    cases = load_cases()
    refused = sum(case.is_refused for case in cases)
    lines = [CONFORMANCE_HEAD, f"{len(cases)} cases: {len(cases) - refused} ✓, {refused} ✗.", ""]
    for rule, title in load_rules().items():
        lines += [f"## {rule}: {title}", ""]
        for case in cases:
            if case.rule == rule:
                text = f"*{case.title}*" if case.data.get("inferred") else case.title
                lines.append(f"- {'✗' if case.is_refused else '✓'} {text}")
        lines.append("")
    return "\n".join(lines)


def main(check: bool) -> int:
    """Write the pages, or with ``check`` return 1 where one is stale."""
    stale = {
        name: text
        for name, text in pages().items()
        if not (DOCS / name).exists() or (DOCS / name).read_text(encoding="utf-8") != text
    }
    for name, text in stale.items():
        if check:
            sys.stderr.write(f"docs/{name} is stale: run `make docs`\n")
        else:
            (DOCS / name).parent.mkdir(exist_ok=True)
            (DOCS / name).write_text(text, encoding="utf-8")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
