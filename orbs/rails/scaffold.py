"""The Dockerfiles that ``init`` writes, fitted to the app's Ruby."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from pipeline.orb import ScaffoldFile, ScaffoldNote, ScaffoldOptions
from pipeline.scaffold import fill_template, read_template

__all__ = ["extras", "ruby_version", "scaffold"]

_TEMPLATES = "orbs.rails.templates"
_FILES = {
    "deploy/Dockerfile": "Dockerfile",
    "deploy/Dockerfile.builder": "Dockerfile.builder",
    ".dockerignore": "dockerignore",
}
_DEFAULT_RUBY = "3.3"
_VERSIONS = (
    (".ruby-version", r"^(?:ruby-)?(\d+\.\d+(?:\.\d+)?)"),
    ("Gemfile.lock", r"RUBY VERSION\s+ruby (\d+\.\d+\.\d+)"),
    ("Gemfile", r"^\s*ruby\s+[\"'](?:~>\s*)?(\d+\.\d+(?:\.\d+)?)"),
)
"""Where a Ruby's version is written: the first that says one counts."""


def extras() -> Mapping[str, str]:
    """Return the optional parts, and what each adds."""
    return {"passenger": "one image with nginx and the app in it, by Passenger instead of puma"}


def ruby_version(root: Path) -> str | None:
    """Return the Ruby version that the app asks for, or None where it asks for none."""
    for name, pattern in _VERSIONS:
        try:
            text = (root / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        match = re.search(pattern, text, re.MULTILINE)
        if match:
            return match[1]
    return None


def scaffold(options: ScaffoldOptions) -> list[ScaffoldFile | ScaffoldNote]:
    """Return Dockerfiles, ignore files and the image's settings, and what to do about them."""
    found = ruby_version(options.root)
    # The image of a patch version goes when the next one comes.
    ruby = ".".join((found or _DEFAULT_RUBY).split(".")[:2])
    node = (options.root / "package.json").exists()
    parts = set(options.extras) | ({"node"} if node else set())
    made: list[ScaffoldFile | ScaffoldNote] = [
        ScaffoldFile(path, fill_template(read_template(_TEMPLATES, name), {"ruby": ruby}, parts))
        for path, name in _FILES.items()
    ]
    made.append(ScaffoldFile(".gitignore", read_template(_TEMPLATES, "gitignore"), append=True))
    repository = options.repository or f"registry.example.com/{options.app}"
    made.append(ScaffoldFile("orbyard.yml", f"image:\n  repository: {repository}\n"))
    return [*made, *_notes(options, found, node)]


def _notes(options: ScaffoldOptions, ruby: str | None, node: bool) -> list[ScaffoldNote]:
    notes = []
    if not options.repository:
        notes.append(ScaffoldNote("Set image.repository in orbyard.yml to your registry."))
    if ruby is None:
        notes.append(
            ScaffoldNote(f"No Ruby version was found: the Dockerfiles say {_DEFAULT_RUBY}.")
        )
    missing = ["Gemfile.lock"] if not (options.root / "Gemfile.lock").exists() else []
    if node and not (options.root / "yarn.lock").exists():
        missing.append("yarn.lock")
    if missing:
        notes.append(ScaffoldNote(f"Make and commit {' and '.join(missing)}: installs are frozen."))
    if "passenger" in options.extras:
        notes.append(ScaffoldNote('Add `gem "passenger"` to the Gemfile, and run `bundle lock`.'))
    return notes
