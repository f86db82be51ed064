"""The templates of cache keys: the part of Go's text/template that CircleCI documents.

    {{ .Branch }} {{ .BuildNum }} {{ .Revision }} {{ .CheckoutKey }} {{ .Environment.NAME }}
    {{ checksum "file" }} {{ epoch }} {{ arch }}

Messages are those of Go's template package, because that is what people look up: a position counts
bytes of its line, from 0.
"""

from __future__ import annotations

import base64
import hashlib
import json
import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipeline.errors import InvalidInput, did_you_mean
from pipeline.runner.cache_entry import LONGEST_KEY

__all__ = [
    "CacheKeyError",
    "KeyContext",
    "MissingChecksumFile",
    "architecture",
    "render_key",
]


class CacheKeyError(InvalidInput):
    """A key cannot be computed from its template."""


class MissingChecksumFile(CacheKeyError):
    """`checksum` names a file that cannot be read. CircleCI passes the step over and goes on."""


@dataclass(frozen=True, slots=True)
class KeyContext:
    """What a template can ask for.

    Args:
        branch: the branch's name, empty on a tag.
        build_num: the job's number.
        revision: the commit.
        checkout_key: the SSH key that the repository was checked out with.
        environment: what `.Environment` sees: built-in, context and project variables.
        working_directory: the job's, absolute; relative files count from it.
        home: what `~` stands for.
        read_file: returns the bytes of an absolute path inside of the job; raises OSError.
        epoch_s: seconds since 1970.
        arch: as :func:`architecture` says it.
    """

    branch: str
    build_num: str
    revision: str
    checkout_key: str
    environment: Mapping[str, str]
    working_directory: str
    home: str
    read_file: Callable[[str], bytes]
    epoch_s: int
    arch: str


# Atomic groups: `(…)*+` takes too much in Python before 3.11.3, where its last round fails.
_ACTION = re.compile(
    r"""\{\{(?:-(?=\s))?
    (?P<body>(?>(?:"(?>(?:[^"\\\n]|\\.)*)" | `[^`]*` | (?!\}\}|(?<=\s)-\}\}).)*))
    (?:(?<=\s)-)?\}\}""",
    re.VERBOSE | re.DOTALL,
)
_COMMENT = re.compile(r"/\*.*\*/", re.DOTALL)
_WORD = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\\n]|\\.)*")|`(?P<raw>[^`]*)`
    |(?P<field>\.[\w.]*)|(?P<name>[^\W\d]\w*)|(?P<number>\d+)|(?P<other>\S))""",
    re.VERBOSE,
)
_FUNCTIONS = {"checksum": 1, "epoch": 0, "arch": 0}
_FIELDS = ("Branch", "BuildNum", "Revision", "CheckoutKey", "Environment")
_NO_VALUE = "<no value>"
"""What Go prints for a key that a map does not have."""


def render_key(template: str, context: KeyContext) -> str:
    """Return the key that a template stands for.

    Raises:
        MissingChecksumFile: a file to be summed cannot be read; the step is to be passed over.
        CacheKeyError: the template has a mistake, or the key is empty or has over 900 characters.
    """
    parts: list[str] = []
    position = 0
    trim = False
    for action in _ACTION.finditer(template):
        text = template[position : action.start()]
        _check_text(template, position, text)
        if trim:
            text = text.lstrip(" \t\r\n")
        if action[0].startswith("{{-") and action[0][3:4].isspace():
            text = text.rstrip(" \t\r\n")
        parts.append(text)
        if not _COMMENT.fullmatch(action["body"].strip()):
            parts.append(_Action(template, action, context).value())
        trim = action[0].endswith("-}}") and action[0][-4].isspace()
        position = action.end()
    rest = template[position:]
    _check_text(template, position, rest)
    parts.append(rest.lstrip(" \t\r\n") if trim else rest)
    key = "".join(parts)
    if not key:
        raise CacheKeyError("error computing cache key: the key is empty")
    if len(key) > LONGEST_KEY:
        raise CacheKeyError(
            f"error computing cache key: the key has {len(key)} characters,"
            f" {LONGEST_KEY} are allowed",
            hint="shorten it, as with a checksum of a file that has the long part",
        )
    return key


def architecture(machine: str, cpuinfo: str) -> str:
    """Return what `arch` says: `linux-amd64-6_85`, the processor's family and model at the end.

    Args:
        machine: as `uname -m` says it.
        cpuinfo: the text of /proc/cpuinfo; empty where there is none.
    """
    name = {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
    family = re.search(r"^cpu family\s*:\s*(\d+)", cpuinfo, re.MULTILINE)
    model = re.search(r"^model\s*:\s*(\d+)", cpuinfo, re.MULTILINE)
    return f"linux-{name}-{family[1]}_{model[1]}" if family and model else f"linux-{name}"


def _check_text(template: str, start: int, text: str) -> None:
    opened = text.find("{{")
    if opened >= 0:
        raise _parse_error(template, start + opened, "unclosed action", "write }} behind it")


class _Action:
    """One `{{ … }}`: a value, or a function with its arguments."""

    def __init__(self, template: str, action: re.Match[str], context: KeyContext) -> None:
        self._template = template
        self._start = action.start("body")
        self._context = context
        body = action["body"].rstrip()
        self._words: list[re.Match[str]] = []
        at = 0
        while at < len(body):
            word = _WORD.match(body, at)
            if word is None:
                break
            self._words.append(word)
            at = word.end()
        self._source = " ".join(word[0].strip() for word in self._words)

    def value(self) -> str:
        """Return what the action prints."""
        if not self._words:
            raise self._wrong("missing value for command", self._start)
        for word in self._words:
            self._check_word(word)
        first, *others = self._words
        if first["name"] is None:
            if others:
                raise self._wrong(
                    f"unexpected {others[0][0].strip()!r} in operand", self._at(others[0])
                )
            return self._operand(first)
        wanted = _FUNCTIONS[first["name"]]
        if len(others) != wanted:
            raise self._failed(
                first,
                f"wrong number of args for {first['name']}: want {wanted} got {len(others)}",
            )
        if first["name"] == "checksum":
            return self._checksum(first, self._operand(others[0]))
        return str(self._context.epoch_s) if first["name"] == "epoch" else self._context.arch

    def _check_word(self, word: re.Match[str]) -> None:
        name = word["name"]
        if name is not None and name not in _FUNCTIONS:
            quote = 'a file name stands in quotes: checksum "file"'
            raise self._wrong(
                f'function "{name}" not defined',
                self._at(word),
                quote
                if self._words[0]["name"] == "checksum" and word is not self._words[0]
                else did_you_mean(name, _FUNCTIONS) or _known_words(),
            )
        if word["other"] in {'"', "`"}:
            raise self._wrong("unterminated quoted string", self._at(word))
        if word["other"] is not None:
            raise self._wrong(f"unexpected {word['other']!r} in command", self._at(word))

    def _operand(self, word: re.Match[str]) -> str:
        if word["text"] is not None:
            try:
                return str(json.loads(word["text"]))
            except ValueError:
                raise self._wrong(f"invalid syntax: {word['text']}", self._at(word)) from None
        if word["raw"] is not None:
            return word["raw"]
        if word["field"] is not None:
            return self._field(word)
        if word["number"] is not None:
            return word["number"]
        raise self._failed(word, f"{word['name']} is not a value")

    def _field(self, word: re.Match[str]) -> str:
        field, _, name = word["field"][1:].partition(".")
        values = {
            "Branch": self._context.branch,
            "BuildNum": self._context.build_num,
            "Revision": self._context.revision,
            "CheckoutKey": self._context.checkout_key,
        }
        if field == "Environment" and name and "." not in name:
            return self._context.environment.get(name, _NO_VALUE)
        if field in values and not name:
            return values[field]
        unknown = name or field
        raise self._failed(
            word,
            f"can't evaluate field {unknown} in type cache.TemplateValues",
            f"{{{{ .Environment.{field} }}}} is the variable {field}"
            if field and did_you_mean(field, _FIELDS) is None
            else did_you_mean(field, _FIELDS),
        )

    def _checksum(self, word: re.Match[str], file: str) -> str:
        home = self._context.home
        expanded = home + file[1:] if file == "~" or file.startswith("~/") else file
        path = posixpath.normpath(posixpath.join(self._context.working_directory, expanded))
        try:
            content = self._context.read_file(path)
        except IsADirectoryError:
            problem = f"read {path}: is a directory"
        except PermissionError:
            problem = f"open {path}: permission denied"
        except FileNotFoundError:
            problem = f"open {path}: no such file or directory"
        except OSError as error:
            problem = f"open {path}: {error.strerror or error}"
        else:
            return base64.b64encode(hashlib.sha256(content).digest()).decode("ascii")
        raise MissingChecksumFile(self._failure(word, f"error calling checksum: {problem}"))

    def _at(self, word: re.Match[str]) -> int:
        return self._start + word.end() - len(word[0].lstrip())

    def _failure(self, word: re.Match[str], problem: str) -> str:
        line, column = _line_and_column(self._template, self._at(word))
        return (
            f"error computing cache key: template: cacheKey:{line}:{column}: executing"
            f' "cacheKey" at <{self._source}>: {problem}'
        )

    def _failed(self, word: re.Match[str], problem: str, hint: str | None = None) -> CacheKeyError:
        return CacheKeyError(self._failure(word, problem), hint=hint)

    def _wrong(self, problem: str, position: int, hint: str | None = None) -> CacheKeyError:
        return _parse_error(self._template, position, problem, hint)


def _parse_error(
    template: str, position: int, problem: str, hint: str | None = None
) -> CacheKeyError:
    line, _ = _line_and_column(template, position)
    return CacheKeyError(
        f"error computing cache key: template: cacheKey:{line}: {problem}", hint=hint
    )


def _line_and_column(template: str, position: int) -> tuple[int, int]:
    before = template[:position]
    return before.count("\n") + 1, len(before.rpartition("\n")[2].encode("utf-8", "replace"))


def _known_words() -> str:
    return f"a key knows {', '.join(_FUNCTIONS)} and the fields .{', .'.join(_FIELDS)}"
