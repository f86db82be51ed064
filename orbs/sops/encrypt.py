"""Plain text to encrypted text, by the rules of ``.sops.yaml``; and writing it to disk, whole or not."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from pathlib import Path

from orbs.sops.messages import explain
from orbs.sops.program import Sops
from orbs.sops.sniff import conflict_marker_line, format_of_plain_file, sniff
from pipeline.errors import InvalidInput, Location, Problem
from pipeline.whole_file import write_whole
from pipeline.yamlfile import Document, parse_documents

__all__ = ["encrypt_text", "secret_problems", "write_encrypted"]


def encrypt_text(sops: Sops, text: str, name: str, *, source: str = "") -> str:
    """Return the encrypted form of ``text`` for the file ``name``.

    Args:
        sops: the program.
        text: the plain text, in the format of the name without ``.enc``.
        name: the file it is for, from the root; the rules of ``.sops.yaml`` go by it.
        source: the file the text comes from, for messages; default ``name``.

    Raises:
        InvalidInput: it is encrypted already, not valid, or no rule is for it.
        Unavailable: a key service cannot be used.
    """
    source = source or name
    text = text.removeprefix("\ufeff")
    format_ = format_of_plain_file(name)
    _check_plain(text, source, is_yaml=format_ in {"yaml", "json"})
    words = ["encrypt", "--filename-override", name]
    words += ["--input-type", format_, "--output-type", format_, "/dev/stdin"]
    done = sops.run(words, stdin=text.encode(), name=source)
    if done.exit_code != 0:
        raise explain(done.exit_code, done.error_text, source)
    if sniff(done.text) is None:
        raise InvalidInput("sops returned a text that is not encrypted", where=Location(source))
    return done.text


def _check_plain(text: str, source: str, *, is_yaml: bool) -> None:
    line = conflict_marker_line(text)
    if line:
        raise InvalidInput("git left a conflict marker here", where=Location(source, line))
    if sniff(text) is not None:
        raise explain(203, "", source)
    if not is_yaml:
        return
    documents = parse_documents(text, source)
    if not documents:
        raise explain(92, "", source)
    problems = [problem for document in documents for problem in secret_problems(document)]
    if problems:
        raise InvalidInput(
            f"{len(problems)} value{'s'[: len(problems) != 1]} that Kubernetes would refuse",
            problems=problems,
        )


def secret_problems(document: Document) -> Iterator[Problem]:
    """Find what an API server refuses in a Secret: values that are no text, ``data`` no base64."""
    value = document.value
    if not isinstance(value, dict) or value.get("kind") != "Secret":
        return
    for section in ("data", "stringData"):
        entries = value.get(section)
        if entries is not None and not isinstance(entries, dict):
            yield Problem("expected a mapping of names to texts", document.where((section,)))
            continue
        for key, entry in (entries or {}).items():
            where = document.where((section, key))
            if entry is not None and not isinstance(entry, str):
                yield Problem("a Secret's value has to be text", where, "put it in quotes")
            elif section == "data" and not _is_base64(entry or ""):
                yield Problem(
                    "not base64, as `data` has to be", where, "put plain text into `stringData`"
                )


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def write_encrypted(path: Path, text: str) -> None:
    """Write an encrypted text in place of what stands there, in one step; never a plain one."""
    if sniff(text) is None:
        raise InvalidInput(
            "refused to write a text that is not encrypted", where=Location(str(path))
        )
    write_whole(path, text)
