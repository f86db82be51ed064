"""Orbs are found in the repository and its vendored store, and nowhere else."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.config.compiler import check
from pipeline.config.compiler import compile as compile_config
from pipeline.config.findings import ConfigError
from pipeline.config.nodes import Source
from pipeline.config.orb_check import validate_orb
from pipeline.config.orb_references import FoundOrb, OrbProblem, parse_reference
from pipeline.errors import InvalidInput
from pipeline.orb_lock import read_lock, write_lock
from pipeline.orb_store import RepositoryOrbs, open_orb
from pipeline.orb_vendor import vendor

ORB = "version: 2.1\ncommands:\n  hello:\n    steps:\n      - run: {word}\n"
CONFIG = (
    "version: 2.1\norbs:\n  x: {reference}\njobs:\n  build:\n    docker: [image: a]\n"
    "    steps:\n      - x/hello\n"
)


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def put(root: Path, reference: str, word: str = "hi") -> None:
    vendor(root, parse_reference(reference), ORB.format(word=word))


def find(root: Path, reference: str, **overrides: str) -> FoundOrb:
    return RepositoryOrbs(root, overrides).find(parse_reference(reference))


def problem(root: Path, reference: str) -> OrbProblem:
    with pytest.raises(OrbProblem) as caught:
        find(root, reference)
    return caught.value


def test_a_partial_version_is_the_newest_that_is_vendored(tmp_path: Path) -> None:
    for version in ("5.2.0", "5.10.1", "5.10.0", "6.0.0", "dev:alpha"):
        put(tmp_path, f"acme/node@{version}", word=version)
    for wanted, resolved in {
        "5": "5.10.1",
        "5.2": "5.2.0",
        "5.10.0": "5.10.0",
        "volatile": "6.0.0",
        "dev:alpha": "dev:alpha",
    }.items():
        found = find(tmp_path, f"acme/node@{wanted}")
        assert found.resolved == f"acme/node@{resolved}"
        assert found.source.name == f".circleci/orbs/acme/node@{resolved}.yml"
        assert found.locked


def test_an_override_goes_before_the_repository_and_that_before_the_store(tmp_path: Path) -> None:
    put(tmp_path, "acme/x@1.0.0")
    assert find(tmp_path, "acme/x@1").resolved == "acme/x@1.0.0"
    write(tmp_path, {"orbs/x.yml": ORB.format(word="own")})
    assert find(tmp_path, "acme/x@1").resolved == "orbs/x.yml"
    write(tmp_path, {"orbs/x/src/@orb.yml": ORB.format(word="folder")})
    assert find(tmp_path, "acme/x@1").resolved == "orbs/x"
    write(tmp_path, {"elsewhere.yml": ORB.format(word="override")})
    assert find(tmp_path, "acme/x@1", **{"acme/x": "elsewhere.yml"}).resolved == "elsewhere.yml"
    with pytest.raises(OrbProblem, match="not there"):
        find(tmp_path, "acme/x@1", **{"acme/x": "missing.yml"})


def test_a_folder_of_the_same_name_that_is_no_orb_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, {"orbs/x/tasks.py": ""})
    put(tmp_path, "acme/x@1.0.0")
    assert find(tmp_path, "acme/x@1").resolved == "acme/x@1.0.0"


def test_an_orb_by_its_url_is_found_by_the_urls_digest(tmp_path: Path) -> None:
    url = "https://example.com/orbs/x.yml"
    put(tmp_path, url)
    name = hashlib.sha256(url.encode()).hexdigest()[:16]
    found = find(tmp_path, url)
    assert (found.source.name, found.resolved, found.locked) == (
        f".circleci/orbs/url/{name}.yml",
        url,
        True,
    )
    assert read_lock(tmp_path / ".circleci/orbs").keys() == {(url, "")}


def test_a_missing_orb_says_the_command_to_fetch_it_and_what_is_there(tmp_path: Path) -> None:
    found = problem(tmp_path, "acme/node@5")
    assert (found.code, found.hint) == ("orb-not-found", "run `orbyard orb.fetch acme/node@5`")
    put(tmp_path, "acme/node@4.0.0")
    put(tmp_path, "acme/node@4.1.0")
    assert "of its versions there are 4.0.0, 4.1.0" in str(problem(tmp_path, "acme/node@5"))


def test_a_vendored_file_that_was_changed_is_refused_with_what_to_do(tmp_path: Path) -> None:
    put(tmp_path, "acme/node@5.0.0")
    (tmp_path / ".circleci/orbs/acme/node@5.0.0.yml").write_text("version: 2.1\n")
    found = problem(tmp_path, "acme/node@5")
    assert found.code == "orb-checksum"
    assert found.hint is not None
    assert "orbyard orb.vendor acme/node@5.0.0 FILE" in found.hint


def test_a_file_that_the_lock_does_not_name_is_warned_of(tmp_path: Path) -> None:
    write(tmp_path, {".circleci/orbs/acme/x@1.0.0.yml": ORB.format(word="hi")})
    findings = check(CONFIG.format(reference="acme/x@1"), orbs=RepositoryOrbs(tmp_path))
    assert [(f.code, f.where.line) for f in findings] == [("orb-not-locked", 3)]


@pytest.mark.parametrize(
    "text",
    ["orbs: 5\n", "- x\n", "orbs: [{name: a}]\n", "orbs: [{name: a, sha256: zz}]\n", "["],
)
def test_a_lock_file_that_makes_no_sense_is_refused(tmp_path: Path, text: str) -> None:
    put(tmp_path, "acme/x@1.0.0")
    write(tmp_path, {".circleci/orbs/orbs.lock": text})
    found = problem(tmp_path, "acme/x@1")
    assert found.code == "orb-checksum"
    assert "orbs.lock" in str(found)


def test_the_lock_file_is_sorted_and_reads_back(tmp_path: Path) -> None:
    lock = {
        ("b/b", "1.10.0"): "1" * 64,
        ("b/b", "1.9.0"): "0" * 64,
        ("a/a", "dev:x"): "e" * 64,
        ("https://example.com/x.yml", ""): "f" * 64,
    }
    write_lock(tmp_path, lock)
    text = (tmp_path / "orbs.lock").read_text()
    assert [line.split()[-1] for line in text.splitlines() if "name:" in line] == [
        "a/a",
        "b/b",
        "b/b",
        "https://example.com/x.yml",
    ]
    assert text.index("1.9.0") < text.index("1.10.0")
    assert read_lock(tmp_path) == lock


def test_a_label_with_slashes_stays_in_the_stores_folder(tmp_path: Path) -> None:
    label = "acme/x@dev:../../../../etc/passwd"
    put(tmp_path, label)
    assert find(tmp_path, label).resolved == label
    files = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {"x@dev:..%2F..%2F..%2F..%2Fetc%2Fpasswd.yml", "orbs.lock"}


@pytest.mark.parametrize(
    "text",
    [
        "../x/y@1",
        "acme/../y@1",
        "acme/x@../1",
        "acme/x",
        "acme/x@1.2.3.4",
        "/x@1",
        f"a/b@{'9' * 5000}",
    ],
)
def test_a_reference_that_is_a_path_is_refused(text: str) -> None:
    with pytest.raises(OrbProblem) as caught:
        parse_reference(text)
    assert caught.value.code == "orb-reference"


def test_a_link_out_of_the_store_is_not_followed(tmp_path: Path) -> None:
    root = tmp_path / "repository"
    write(tmp_path, {"secret.yml": "password: hunter2\n"})
    (root / ".circleci/orbs/acme").mkdir(parents=True)
    (root / ".circleci/orbs/acme/x@1.0.0.yml").symlink_to(tmp_path / "secret.yml")
    assert "link that leads out" in str(problem(root, "acme/x@1"))
    (root / ".circleci/orbs/evil").symlink_to(tmp_path)
    with pytest.raises(InvalidInput, match="leads out"):
        vendor(root, parse_reference("evil/x@1.0.0"), "version: 2.1\n")


def test_a_name_that_no_file_can_have_is_an_orb_that_is_missing(tmp_path: Path) -> None:
    found = problem(tmp_path, f"{'a' * 3000}/{'b' * 3000}@dev:{'/' * 3000}")
    assert found.code == "orb-not-found"


def test_only_exact_versions_are_vendored(tmp_path: Path) -> None:
    for version in ("1", "1.2", "volatile"):
        with pytest.raises(InvalidInput, match="not an exact version"):
            vendor(tmp_path, parse_reference(f"acme/x@{version}"), "version: 2.1\n")
    assert not list(tmp_path.iterdir())


def test_a_mistake_in_a_folder_is_shown_in_the_file_where_it_was_made(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "orbs/x/src/@orb.yml": "version: 2.1\n",
            "orbs/x/src/commands/hello.yml": "steps:\n  - run: hi\n  - unheard-of\n",
        },
    )
    findings = check(CONFIG.format(reference="acme/x@1"), orbs=RepositoryOrbs(tmp_path))
    (error,) = [finding for finding in findings if finding.severity == "error"]
    assert str(error.where) == "orbs/x/src/commands/hello.yml:3:5 (commands.hello.steps[1])"
    assert [call.name for call in error.calls][-1] == "x/hello"
    (tmp_path / "orbs/x/src/commands/hello.yml").write_text("steps: [\n")
    findings = check(CONFIG.format(reference="acme/x@1"), orbs=RepositoryOrbs(tmp_path))
    errors = [finding for finding in findings if finding.severity == "error"]
    assert [(f.code, f.where.file) for f in errors] == [
        ("yaml-syntax", "orbs/x/src/commands/hello.yml")
    ]


def test_a_step_of_a_folder_knows_its_file(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "orbs/x/src/@orb.yml": "version: 2.1\n",
            "orbs/x/src/commands/hello.yml": "steps:\n  - run: <<include(a.sh)>>\n",
            "orbs/x/src/a.sh": "cat <<EOF\nEOF\n",
        },
    )
    config = compile_config(CONFIG.format(reference="acme/x@1"), orbs=RepositoryOrbs(tmp_path))
    (step,) = config.jobs["build"].steps
    assert step.options["command"] == "cat <<EOF\nEOF\n"
    assert (step.where.file, step.where.line) == ("orbs/x/src/commands/hello.yml", 2)


def test_a_folder_without_a_root_file_inside_is_no_crash(tmp_path: Path) -> None:
    write(tmp_path, {"mine/commands/a.yml": "steps: []\n"})
    orbs = RepositoryOrbs(tmp_path, {"acme/x": "mine"})
    with pytest.raises(ConfigError, match=r"no @orb\.yml in mine"):
        compile_config(CONFIG.format(reference="acme/x@1"), orbs=orbs)


# --- orbs by themselves


def verdict(text: str) -> list[tuple[str, int]]:
    return [(f.code, f.where.line) for f in validate_orb(Source("orb.yml", text))]


def test_an_orbs_elements_are_tried_with_stand_ins_for_arguments() -> None:
    assert (
        verdict(
            """\
version: 2.1
executors:
  default:
    parameters: {tag: {type: string}, size: {type: enum, enum: [small, large]}}
    docker: [image: "cimg/base:<< parameters.tag >>"]
    resource_class: << parameters.size >>
commands:
  go:
    parameters:
      when: {type: string}
      count: {type: integer}
      before: {type: steps}
      name: {type: env_var_name}
    steps:
      - steps: << parameters.before >>
      - run: {command: echo $<< parameters.name >> << parameters.count >>, when: << parameters.when >>}
jobs:
  build:
    parameters: {image: {type: executor}, fast: {type: boolean}, nodes: {type: integer}}
    executor: << parameters.image >>
    parallelism: << parameters.nodes >>
    steps:
      - when: {condition: << parameters.fast >>, steps: [go: {when: always, count: 1, before: [], name: A}]}
"""
        )
        == []
    )


def test_a_mistake_behind_a_condition_is_found_whichever_way_it_goes() -> None:
    assert verdict(
        """\
version: 2.1
commands:
  go:
    parameters: {fast: {type: boolean, default: false}}
    steps:
      - when: {condition: << parameters.fast >>, steps: [nowhere]}
      - unless: {condition: << parameters.fast >>, steps: [nowhere-else]}
"""
    ) == [("unknown-command", 7), ("unknown-command", 6)]


def test_what_is_wrong_in_an_orb_is_found_without_a_caller() -> None:
    found = verdict(
        """\
commands:
  go: {steps: [run: << parameters.x >>, stop: {why: x}]}
  stop: {parameters: {code: {type: integer}}, steps: [go]}
jobs:
  build: {executor: nowhere, steps: [checkout]}
examples:
  one: {descripton: x}
workflows: {}
"""
    )
    assert found == [
        ("version", 1),
        ("unknown-variable", 2),
        ("missing-argument", 2),
        ("recursion", 2),
        ("unexpected-argument", 2),
        ("unknown-executor", 5),
        ("missing-key", 7),
        ("unknown-key", 7),
        ("unknown-key", 8),
    ]


def test_an_orb_in_a_folder_is_valid_or_shown_by_file(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "@orb.yml": "version: 2.1\n",
            "jobs/build.yml": "docker: [image: a]\nsteps:\n  - nowhere\n",
        },
    )
    (finding,) = validate_orb(open_orb(tmp_path, tmp_path))
    assert str(finding.where) == "jobs/build.yml:3:5 (jobs.build.steps[0])"
    assert finding.calls == ()
