"""Findings as SARIF 2.1.0, which GitHub code scanning and many editors show beside the source.

Sources: OASIS SARIF 2.1.0, and what GitHub documents of the parts that its code scanning reads.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pipeline.config.codes import CODES
from pipeline.config.excerpts import end_of_place
from pipeline.config.findings import Finding
from pipeline.errors import Location

__all__ = ["DOCS_URL", "findings_sarif"]

DOCS_URL = "https://orbyard.dev/docs/config-codes/"
"""Where the pages of the codes stand; SARIF wants an absolute address."""

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_ROOT = "%SRCROOT%"
_SECURITY = {"plain-secret": "7.0"}
"""Codes that GitHub is to show as security alerts, with their CVSS-like score (7.0 is "high")."""

_LONGEST_LINE = 4000
"""Characters of a line of which the end of a place is looked for."""


@dataclass(frozen=True, slots=True)
class _Folders:
    """The repository's root, and the folder that relative names count from."""

    root: Path
    base: Path


def findings_sarif(
    findings: Sequence[Finding], *, root: str | Path, base: str | Path | None = None
) -> str:
    """Return findings as a SARIF log, JSON text that is the same on every machine.

    Args:
        findings: errors and warnings.
        root: the folder of the repository; names of files below it are written relative to it.
        base: the folder that relative names of files count from; the root without it.
    """
    import json

    codes = sorted({found.code for found in findings})
    log = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": _driver(codes)},
                "originalUriBaseIds": {
                    _ROOT: {"description": {"text": "The root folder of the repository."}}
                },
                "columnKind": "unicodeCodePoints",
                "results": _results(findings, codes, _Folders(Path(root), Path(base or root))),
            }
        ],
    }
    return json.dumps(log, indent=2)


def _driver(codes: Sequence[str]) -> dict[str, Any]:
    from pipeline import __version__

    return {
        "name": "orbyard",
        "semanticVersion": __version__,
        "informationUri": DOCS_URL,
        "rules": [_rule(code) for code in codes],
    }


def _rule(name: str) -> dict[str, Any]:
    from pipeline.code_pages import CODE_PAGES, page_markdown

    code, page = CODES[name], CODE_PAGES[name]
    properties: dict[str, Any] = {
        "tags": ["circleci", *(["security"] if name in _SECURITY else ["correctness"])],
        "precision": "very-high" if code.severity == "error" else "high",
        "problem.severity": code.severity,
    }
    if name in _SECURITY:
        properties["security-severity"] = _SECURITY[name]
    return {
        "id": name,
        "name": "".join(part.capitalize() for part in name.split("-")),
        "shortDescription": {"text": code.title.replace("`", "")},
        "fullDescription": {"text": page.text.replace("`", "")},
        "helpUri": f"{DOCS_URL}{name}",
        "help": {"text": page.text.replace("`", ""), "markdown": page_markdown(page)},
        "defaultConfiguration": {"level": code.severity},
        "properties": properties,
    }


def _results(
    findings: Sequence[Finding], codes: Sequence[str], folders: _Folders
) -> list[dict[str, Any]]:
    seen: Counter[str] = Counter()
    results = []
    for found in findings:
        fingerprint = _fingerprint(found, _uri(found.where.file, folders))
        seen[fingerprint] += 1
        results.append(_result(found, codes, folders, f"{fingerprint}:{seen[fingerprint]}"))
    return results


def _result(
    found: Finding, codes: Sequence[str], folders: _Folders, fingerprint: str
) -> dict[str, Any]:
    text = found.message if not found.hint else f"{found.message}\n{found.hint}"
    location = _location(found.where, folders, end=_end_column(found))
    if found.where.key:
        location["logicalLocations"] = [{"fullyQualifiedName": found.where.key}]
    result: dict[str, Any] = {
        "ruleId": found.code,
        "ruleIndex": codes.index(found.code),
        "level": found.severity,
        "message": {"text": text},
        "locations": [location],
        "partialFingerprints": {"primaryLocationLineHash": fingerprint},
    }
    if found.calls:
        result["relatedLocations"] = [
            {**_location(call.where, folders), "id": number, "message": {"text": str(call)}}
            for number, call in enumerate(found.calls, 1)
        ]
    return result


def _location(where: Location, folders: _Folders, end: int = 0) -> dict[str, Any]:
    region = {"startLine": max(where.line, 1)}
    if where.line and where.column:
        region["startColumn"] = where.column
        if end > where.column:
            region["endColumn"] = end
    return {
        "physicalLocation": {"artifactLocation": _artifact(where.file, folders), "region": region}
    }


def _artifact(file: str, folders: _Folders) -> dict[str, str]:
    uri = _uri(file, folders)
    return {"uri": uri} if ":" in uri else {"uri": uri, "uriBaseId": _ROOT}


def _uri(file: str, folders: _Folders) -> str:
    """Return a file's name as a URI: relative to the root where it is below it."""
    if file.startswith(("https://", "http://")):
        return quote(file, safe="/:?#[]@!$&'()*+,;=%~")
    path = Path(os.path.normpath(folders.base.absolute() / file))
    for base in (folders.root.absolute(), folders.root.resolve()):
        if path.is_relative_to(base):
            return quote(path.relative_to(base).as_posix())
    return path.as_uri()


def _end_column(found: Finding) -> int:
    if not found.line_text or len(found.line_text) > _LONGEST_LINE or not found.where.column:
        return 0
    start = found.where.column - 1
    return end_of_place(found.line_text, start) + 1 if start < len(found.line_text) else 0


def _fingerprint(found: Finding, uri: str) -> str:
    """Return what stays the same when lines above a finding come or go.

    The line's text tells places apart best. Of a line with a secret it is left out, since a short
    secret could be guessed from its hash; the path of keys stands for it.
    """
    line = found.where.key if found.code == "plain-secret" else " ".join(found.line_text.split())
    text = "\0".join((found.code, uri, line))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
