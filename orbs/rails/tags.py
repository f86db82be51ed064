"""The tags an image gets, from the templates of the settings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pipeline.errors import InvalidInput, Location
from pipeline.project import Revision
from pipeline.settings import SETTINGS_FILE

__all__ = ["render_tags"]

_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\Z")
"""What a registry takes as a tag (OCI distribution specification, "Pulling manifests")."""
_FIELD = re.compile(r"\{([^{}]*)\}")


def render_tags(
    templates: Sequence[str], revision: Revision, environ: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the tags, each once, in the order of the templates.

    Args:
        templates: texts with ``{revision}``, ``{short}``, ``{branch}`` or ``{env.NAME}``.
        revision: what is checked out; ``-dirty`` is added to it where files differ from the commit.
        environ: where ``{env.NAME}`` is looked up.

    Raises:
        InvalidInput: a field is unknown or empty, or what comes out is no tag.
    """
    dirty = "-dirty" if revision.dirty else ""
    fields = {
        "revision": (revision.commit or "none") + dirty,
        "short": (revision.commit[:12] or "none") + dirty,
        "branch": re.sub(r"[^A-Za-z0-9_.-]+", "-", revision.branch).strip("-."),
    }
    return tuple(dict.fromkeys(_render(one, fields, environ) for one in templates))


def _render(template: str, fields: Mapping[str, str], environ: Mapping[str, str]) -> str:
    where = Location(SETTINGS_FILE, key="image.tags")

    def value(match: re.Match[str]) -> str:
        name = match[1]
        is_variable = name.startswith("env.")
        found = environ.get(name.removeprefix("env.")) if is_variable else fields.get(name)
        if found is None and not is_variable:
            raise InvalidInput(
                f"the tag {template!r} has an unknown field {{{name}}}",
                where=where,
                hint=f"known are {', '.join('{' + key + '}' for key in fields)} and {{env.NAME}}",
            )
        if not found:
            raise InvalidInput(
                f"the tag {template!r} needs {{{name}}}, which is empty here",
                where=where,
                hint="no branch is checked out" if name == "branch" else "set that variable",
            )
        return found

    tag = _FIELD.sub(value, template)
    if not _TAG.match(tag):
        raise InvalidInput(
            f"{tag!r} cannot be a tag",
            where=where,
            hint="letters, digits, `_`, `.` and `-`, at most 128, not beginning with `.` or `-`",
        )
    return tag
