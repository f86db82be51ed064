"""The page of each code: what it means, an example that has it, and the same put right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pipeline.config.codes import CODES, Code
from pipeline.config.pages import elements, expressions, orbs, reading, shapes, workflows
from pipeline.config.pages.page import CodePage
from pipeline.errors import InvalidInput, did_you_mean

__all__ = ["CODE_PAGES", "CodePage", "code_documents", "explain_code", "page_markdown"]

_WRITTEN = {
    page.code: page
    for module in (reading, shapes, elements, expressions, workflows, orbs)
    for page in module.PAGES
}

CODE_PAGES = {name: _WRITTEN[name] for name in CODES if name in _WRITTEN}
"""The page of each code, in the order of the codes."""

_MADE = "<!-- Made by `make docs` from pipeline/config/pages. -->"

_INDEX = f"""\
# Codes of findings

{_MADE}

What `orbyard ci.validate` finds carries a code; its page says what it means, and how to put it right. An
**error** is what CircleCI refuses, or what could not run; a **warning** is allowed, and mostly not what was
meant. `orbyard ci.explain CODE` shows a page in the terminal; how warnings are turned off stands
[here](../ci-validate.md#warnings-and-how-to-turn-them-off).
"""

_TURNED_OFF = """\
## Turning it off

- everywhere, in `orbyard.yml`:

  ```yaml
  ci:
    disable: [{code}]
  ```

- for one run: `orbyard ci.validate --disable {code}`
- for one place, by a comment on the line or above it: `# orbyard: ignore[{code}]`

Comments that CircleCI's own editor support knows (`# cci-ignore`, `# cci-ignore-next-line`,
`# cci-ignore-start` and `# cci-ignore-end`, `# cci-ignore-file`) work as well.
"""


def page_markdown(page: CodePage, said: str = "") -> str:
    """Return what a page says, with its examples, in Markdown without its title.

    Args:
        page: the page.
        said: what the program says about the bad example.
    """
    bad = "Refused" if CODES[page.code].severity == "error" else "Warned about"
    return "\n".join(
        [
            page.text,
            "",
            f"## {bad}",
            "",
            *_examples(page, page.bad, page.bad_files),
            *(["```text", said, "```", ""] if said else []),
            "## Put right",
            "",
            *_examples(page, page.good, page.good_files),
        ]
    ).rstrip("\n")


def _examples(page: CodePage, text: str, files: Mapping[str, str]) -> list[str]:
    shown = [(page.file, text), *files.items()]
    lines: list[str] = []
    for name, content in shown:
        first = f"# {name}\n" if len(shown) > 1 else ""
        lines += ["```yaml", f"{first}{content}".rstrip("\n"), "```", ""]
    return lines


def code_documents() -> dict[str, str]:
    """Return the pages of ``docs/config-codes`` by their file's name, and their index."""
    documents = {"README.md": _index(CODES.values())}
    for name, page in CODE_PAGES.items():
        documents[f"{name}.md"] = _document(page)
    return documents


def _document(page: CodePage) -> str:
    from pipeline.code_examples import example_findings
    from pipeline.config.rendering import render_findings

    code = CODES[page.code]
    said = [found for found in example_findings(page) if found.code == page.code][:1]
    lines = [
        f"# `{code.name}`",
        "",
        _MADE,
        "",
        f"**{code.title}** ({code.severity}; [all codes](README.md))",
        "",
        page_markdown(page, render_findings(said).rpartition("\n\n")[0]),
        "",
    ]
    if code.severity == "warning":
        lines.append(_TURNED_OFF.format(code=code.name))
    return "\n".join(lines)


def _index(codes: Iterable[Code]) -> str:
    rows = [
        f"| [`{code.name}`]({code.name}.md) | {code.severity} | {code.title} |" for code in codes
    ]
    return "\n".join([_INDEX, "| Code | | What it says |", "| --- | --- | --- |", *rows, ""])


def explain_code(name: str) -> str:
    """Return a code's page for a terminal.

    Raises:
        InvalidInput: there is no such code.
    """
    name = name.strip().strip("[]")
    if name not in CODE_PAGES:
        raise InvalidInput(
            f"there is no code {name!r}",
            hint=did_you_mean(name, CODE_PAGES) or "it stands in brackets behind a finding",
        )
    code, page = CODES[name], CODE_PAGES[name]
    lines = [f"{code.name} ({code.severity}): {code.title}", "", *_wrapped(page.text), ""]
    sides = (
        ("refused" if code.severity == "error" else "warned about", page.bad, page.bad_files),
        ("put right", page.good, page.good_files),
    )
    for heading, text, files in sides:
        lines += [f"{heading}:", ""]
        for file, content in [(page.file, text), *files.items()]:
            lines += [f"    # {file}"] if files else []
            lines += [f"    {line}".rstrip() for line in content.splitlines()]
            lines.append("")
    if code.severity == "warning":
        lines += [
            "turned off: `disable: ["
            + name
            + "]` below `ci:` in orbyard.yml, `--disable "
            + name
            + "`,",
            f"or a comment on the line or above it: # orbyard: ignore[{name}]",
        ]
    return "\n".join(lines).rstrip("\n")


def _wrapped(text: str, width: int = 96) -> list[str]:
    import textwrap

    lines: list[str] = []
    for paragraph in text.split("\n\n"):
        lines += [
            *textwrap.wrap(paragraph, width, break_long_words=False, break_on_hyphens=False),
            "",
        ]
    return lines[:-1]
