"""Reads the cases of the conformance suite, and runs each as its kind says."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.config.codes import CODES
from pipeline.config.compiler import check, compile
from pipeline.config.continuation import continue_with, parse_mapping, select
from pipeline.config.findings import ConfigError, Finding, Report
from pipeline.config.nodes import Source, to_data
from pipeline.config.printer import to_yaml
from pipeline.config.reader import read_document
from pipeline.config.values import same

CASES = Path(__file__).parent / "cases"
CONFIG = ".circleci/config.yml"
_PATH = re.compile(r'"([^"]*)"|\[(\d+)\]|([^.\[\]"]+)')


@dataclass(frozen=True)
class Case:
    """One case: the rule it belongs to, and what its file says."""

    rule: str
    title: str
    data: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """What is tried: ``compile`` or one of the other kinds."""
        return str(self.data.get("kind", "compile"))

    @property
    def is_refused(self) -> bool:
        """Whether an error is expected."""
        return "refused" in self.data

    def __str__(self) -> str:
        return f"{self.rule}: {self.title}"


@cache
def load_cases(folder: Path = CASES) -> tuple[Case, ...]:
    """Return every case, by rule."""
    found = []
    for path in sorted(folder.glob("c*.yml")):
        rule = f"C{int(path.stem[1:])}"
        report = Report()
        root = read_document(Source(path.name, path.read_text(encoding="utf-8")), report)
        assert root is not None, report.findings
        found += [Case(rule, data["title"], data) for data in to_data(root)]
    return tuple(found)


def load_rules() -> dict[str, str]:
    """Return what each rule is about."""
    rules: dict[str, str] = read_yaml((CASES.parent / "rules.yml").read_text(encoding="utf-8"))
    return rules


def run_case(case: Case, folder: Path) -> list[str]:
    """Return what is not as the case says; nothing where all is."""
    return list(_RUNNERS[case.kind](case.data, folder))


def _expect_findings(data: Mapping[str, Any], findings: Sequence[Finding]) -> Iterator[str]:
    errors = [finding for finding in findings if finding.severity == "error"]
    yield from _unmatched(data.get("refused") or [], errors, strict=True)
    warnings = [finding for finding in findings if finding.severity == "warning"]
    yield from _unmatched(data.get("warns") or [], warnings, strict=False)


def _unmatched(
    wanted: Sequence[Mapping[str, Any]], found: Sequence[Finding], *, strict: bool
) -> Iterator[str]:
    for entry in wanted:
        if not any(_fits(entry, finding) for finding in found):
            shown = [f"{f.code} at {f.where}: {f.message}" for f in found]
            yield f"expected {dict(entry)}, found {shown}"
    if strict:
        for finding in found:
            if not any(_fits(entry, finding) for entry in wanted):
                yield f"not expected: {finding.code} at {finding.where}: {finding.message}"


def _fits(entry: Mapping[str, Any], finding: Finding) -> bool:
    said = "\n".join([finding.message, *map(str, finding.calls), finding.hint or ""])
    assert entry.get("code", "yaml-syntax") in CODES, entry
    return (
        entry.get("code", finding.code) == finding.code
        and entry.get("line", finding.where.line) == finding.where.line
        and str(entry.get("says", "")) in said
    )


def _expect_output(data: Mapping[str, Any], output: Any) -> Iterator[str]:
    for path, value in (data.get("gives") or {}).items():
        found = at_path(output, path)
        if not same(found, value):
            yield f"{path} is {found!r}, expected {value!r}"
    for path in data.get("absent") or ():
        if at_path(output, path) is not _MISSING:
            yield f"{path} is there"
    if "output" in data:
        wanted = read_yaml(data["output"])
        if not same(output, wanted):
            yield f"the output is\n{to_yaml(output)}\nexpected\n{to_yaml(wanted)}"


class _Missing:
    def __repr__(self) -> str:
        return "missing"


_MISSING = _Missing()


def at_path(value: Any, path: str) -> Any:
    """Return the value at ``jobs.build.steps[0].run``."""
    for quoted, index, name in _PATH.findall(path):
        if index:
            inside = isinstance(value, list) and int(index) < len(value)
            value = value[int(index)] if inside else _MISSING
        else:
            value = value.get(quoted or name, _MISSING) if isinstance(value, dict) else _MISSING
    return value


def read_yaml(text: str) -> Any:
    """Return a YAML text's values, as the compiler reads them."""
    report = Report()
    root = read_document(Source("text", text), report)
    assert root is not None, report.findings
    return to_data(root)


def _write_files(files: Mapping[str, str], folder: Path) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    lock = folder / ".circleci/orbs/orbs.lock"
    if lock.exists() and "auto" in lock.read_text():
        lock.write_text(_with_sums(lock.read_text(), folder / ".circleci/orbs"))


def _with_sums(text: str, store: Path) -> str:
    entries = read_yaml(text)["orbs"]
    for entry in entries:
        path = store / f"{entry['name']}@{entry['version']}.yml"
        if entry["sha256"] == "auto":
            entry["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    return to_yaml({"orbs": entries})


def _options(data: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    _write_files(data.get("files") or {}, folder)
    values = {"pipeline.git.branch": "main"} | (data.get("values") or {})
    if values.get("pipeline.git.tag") and "pipeline.git.branch" not in (data.get("values") or {}):
        del values["pipeline.git.branch"]
    if "orbs:" not in data["config"]:
        return {"values": values, "orbs": None}
    from pipeline.orb_store import RepositoryOrbs

    return {"values": values, "orbs": RepositoryOrbs(folder)}


def _compile(data: Mapping[str, Any], folder: Path) -> Iterator[str]:
    options = _options(data, folder) | {
        "parameters": data.get("parameters") or {},
        "all_workflows": bool(data.get("all-workflows")),
    }
    source = Source(CONFIG, data["config"])
    yield from _expect_findings(data, check(source, **options))
    if "refused" not in data:
        try:
            compiled = compile(source, **options)
        except ConfigError:
            return  # Reported above as errors that were not expected.
        yield from _expect_output(data, compiled.data)


def _expression(data: Mapping[str, Any], _: Path) -> Iterator[str]:
    declared = "".join(
        f"  {name}: {{type: {_type(value)}, default: {to_yaml(value).strip()}}}\n"
        for name, value in (data.get("parameters") or {}).items()
    )
    expression = to_yaml(f"<< {data['expression']} >>").strip()
    config = (
        "version: 2.1\n"
        + (f"parameters:\n{declared}" if declared else "")
        + "jobs:\n  build:\n    docker: [{image: a}]\n    steps: [checkout]\n"
        + f"    environment:\n      RESULT: {expression}\n"
    )
    values = {"pipeline.git.branch": "main"} | (data.get("values") or {})
    source = Source(CONFIG, config)
    findings = check(source, values=values)
    yield from _expect_findings(data, [f for f in findings if f.severity == "error"])
    if "refused" not in data and not any(f.severity == "error" for f in findings):
        result = compile(source, values=values).data["jobs"]["build"]["environment"]["RESULT"]
        if not same(result, data["value"]):
            yield f"{data['expression']} is {result!r}, expected {data['value']!r}"


def _type(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "integer" if isinstance(value, int) else "string"


def _scalar(data: Mapping[str, Any], _: Path) -> Iterator[str]:
    report = Report()
    root = read_document(Source("text", f"value: {data['yaml']}\n"), report)
    yield from _expect_findings(data, report.findings)
    if root is not None and "value" in data:
        value = to_data(root)["value"]
        wanted = data["value"]
        nan = str(value) == str(wanted) == "nan"
        if not nan and not (same(value, wanted) and isinstance(value, type(wanted))):
            yield f"{data['yaml']} is {value!r}, expected {wanted!r}"


def _pack(data: Mapping[str, Any], folder: Path) -> Iterator[str]:
    from pipeline.config.packing import pack_config, pack_orb

    _write_files(data["files"], folder)
    pack = pack_orb if data["kind"] == "pack-orb" else pack_config
    try:
        packed = pack(folder)
    except ConfigError as error:
        yield from _expect_findings(data, error.findings)
        return
    yield from _expect_findings(data, [])
    if "packed" in data:
        found = packed if isinstance(packed, dict) else to_data(packed)
        if not same(found, read_yaml(data["packed"])):
            yield f"packed to\n{to_yaml(found)}\nexpected\n{data['packed']}"


def _validate_orb(data: Mapping[str, Any], _: Path) -> Iterator[str]:
    from pipeline.config.orb_check import validate_orb

    findings = validate_orb(Source("orb.yml", data["orb"]))
    yield from _expect_findings(data, [f for f in findings if f.severity == "error"])


def _path_filtering(data: Mapping[str, Any], _: Path) -> Iterator[str]:
    try:
        selection = select(
            parse_mapping(data["mapping"]), data["changed"], exclude=data.get("exclude", "")
        )
    except ConfigError as error:
        yield from _expect_findings(data, error.findings)
        return
    yield from _expect_findings(data, [])
    wanted = data.get("parameters-given") or {}
    if "parameters-given" in data and not same(dict(selection.parameters), wanted):
        yield f"gives {dict(selection.parameters)!r}, expected {wanted!r}"
    if "configs" in data and list(selection.configs) != data["configs"]:
        yield f"selects {selection.configs}, expected {data['configs']}"


def _continuation(data: Mapping[str, Any], folder: Path) -> Iterator[str]:
    options = _options(data, folder)
    given = data.get("parameters") or {}
    try:
        setup = compile(Source(CONFIG, data["config"]), parameters=given, **options)
        source = Source(".circleci/continue_config.yml", data["continuation"])
        compiled = continue_with(
            setup, source, passed=data.get("passed") or {}, given=given, orbs=options["orbs"]
        )
    except ConfigError as error:
        yield from _expect_findings(data, error.findings)
        return
    yield from _expect_findings(data, [])
    yield from _expect_output(data, compiled.data)


def _output_text(data: Mapping[str, Any], folder: Path) -> Iterator[str]:
    from pipeline.config.printer import print_config

    options = _options(data, folder)
    try:
        text = print_config(compile(Source(CONFIG, data["config"]), **options))
    except ConfigError as error:
        yield from _expect_findings(data, error.findings)
        return
    yield from _expect_findings(data, [])
    at = 0
    for part in data.get("text-has") or ():
        found = text.find(part, at)
        if found < 0:
            yield f"{part!r} is not in, or not in that order:\n{text}"
            return
        at = found + len(part)


_RUNNERS: Mapping[str, Callable[[Mapping[str, Any], Path], Iterator[str]]] = {
    "compile": _compile,
    "expression": _expression,
    "scalar": _scalar,
    "pack-orb": _pack,
    "pack-config": _pack,
    "validate-orb": _validate_orb,
    "path-filtering": _path_filtering,
    "continuation": _continuation,
    "output-text": _output_text,
}
