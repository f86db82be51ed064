"""Folders of small files are packed to the document that they stand for, and mistakes have their place."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config.findings import ConfigError, Report
from pipeline.config.nodes import Mark, Source, from_data, to_data
from pipeline.config.packing import pack_config, pack_orb, packed_data, read_orb
from pipeline.config.printer import to_yaml
from pipeline.config.reader import Limits, read_document
from pipeline.errors import InvalidInput


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def orb(folder: Path, files: Mapping[str, str]) -> Path:
    return write(folder, {"@orb.yml": "version: 2.1\n", **files})


def packed(folder: Path) -> Any:
    return to_data(pack_orb(folder))


def complaints(folder: Path, **options: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        pack_orb(folder, root=folder, **options)
    return [f"{f.where}: {f.message} [{f.code}]" for f in caught.value.findings]


def test_files_at_the_root_are_merged_and_folders_are_sections(tmp_path: Path) -> None:
    orb(
        tmp_path,
        {
            "@display.yml": "display: {home_url: https://example.com}\n",
            "commands/hello.yml": "steps: [run: hello]\n",
            "commands/deeper/still/bye.yaml": "steps: [run: bye]\n",
            "commands/@more.yml": "ciao: {steps: [run: ciao]}\n",
            "commands/README.md": "words",
            "commands/.hidden.yml": "not: read",
            "scripts/hello.sh": "echo hello",
            "examples/notes.txt": "words",
        },
    )
    assert packed(tmp_path) == {
        "version": 2.1,
        "display": {"home_url": "https://example.com"},
        "commands": {
            "hello": {"steps": [{"run": "hello"}]},
            "bye": {"steps": [{"run": "bye"}]},
            "ciao": {"steps": [{"run": "ciao"}]},
        },
    }


def test_the_source_may_stand_in_src(tmp_path: Path) -> None:
    orb(tmp_path / "src", {"jobs/build.yml": "steps: [run: x]\n"})
    assert set(packed(tmp_path)) == {"version", "jobs"}


def test_elements_are_sorted_and_numbers_in_their_names_count(tmp_path: Path) -> None:
    names = ["b10", "b9", "a", "B"]
    orb(tmp_path, {f"commands/{name}.yml": "steps: []\n" for name in names})
    assert list(packed(tmp_path)["commands"]) == ["B", "a", "b9", "b10"]
    assert list(
        packed_data(from_data({"b": 1, "a": {"d": 1, "c": 2}}, Mark(Source(""), 1, 1)))["a"]
    ) == [
        "c",
        "d",
    ]


def test_an_empty_file_is_an_empty_element(tmp_path: Path) -> None:
    orb(tmp_path, {"commands/nothing.yml": "# only a comment\n"})
    assert packed(tmp_path)["commands"] == {"nothing": {}}


def test_an_anchor_of_one_file_is_known_in_the_others(tmp_path: Path) -> None:
    orb(
        tmp_path,
        {
            "@anchors.yml": "description: &text said once\n",
            "commands/a.yml": "description: *text\nsteps: []\n",
            "commands/z.yml": "description: &own mine\nsteps: [run: {name: *own, command: *text}]\n",
        },
    )
    found = packed(tmp_path)["commands"]
    assert found["a"]["description"] == "said once"
    assert found["z"]["steps"] == [{"run": {"name": "mine", "command": "said once"}}]


def test_an_alias_that_no_file_has_an_anchor_of_is_a_mistake_of_its_file(tmp_path: Path) -> None:
    orb(tmp_path, {"commands/a.yml": "steps: []\ndescription: *nowhere\n"})
    (complaint,) = complaints(tmp_path)
    assert complaint.startswith("commands/a.yml:2:14")
    assert complaint.endswith("[yaml-syntax]")


def test_two_files_with_one_name_are_refused_with_both_places(tmp_path: Path) -> None:
    orb(tmp_path, {"commands/login.yml": "steps: []\n", "commands/aws/login.yml": "steps: []\n"})
    (complaint,) = complaints(tmp_path)
    assert complaint == (
        "commands/aws/login.yml:1:1: 'commands/login' is in commands/login.yml already [pack]"
    )


def test_every_broken_file_is_reported_at_once(tmp_path: Path) -> None:
    orb(
        tmp_path,
        {
            "commands/a.yml": "steps: [\n",
            "commands/b.yml": "- a list\n",
            "commands/c.yml": "steps: []\nsteps: []\n",
        },
    )
    (tmp_path / "commands/d.yml").write_bytes(b"\xff\xfe")
    found = complaints(tmp_path)
    assert [text.split(":")[0] for text in found] == [f"commands/{name}.yml" for name in "abcd"]
    assert [text.rpartition("[")[2] for text in found] == [
        "yaml-syntax]",
        "not-a-mapping]",
        "yaml-duplicate-key]",
        "yaml-syntax]",
    ]


def test_a_key_that_was_torn_off_its_job_is_found(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"workflows/ship.yml": "jobs:\n  - test\n  - deploy:\n    requires:\n      - test\n"},
    )
    with pytest.raises(ConfigError) as caught:
        pack_config(tmp_path, root=tmp_path)
    (finding,) = caught.value.findings
    assert (finding.where.file, finding.where.line) == ("workflows/ship.yml", 4)
    assert finding.hint == "indent 'requires' further, to be below 'deploy'"


def test_what_is_not_there_or_no_orb_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no file or folder"):
        pack_orb(tmp_path / "missing")
    (tmp_path / "commands").mkdir()
    assert "there is no @orb.yml" in complaints(tmp_path)[0]
    with pytest.raises(ConfigError, match="no YAML files"):
        pack_config(tmp_path)


def test_a_packed_file_packs_to_itself(tmp_path: Path) -> None:
    orb(tmp_path / "src", {"commands/a.yml": "steps:\n  - run: cat \\<<EOF\n"})
    once = to_yaml(packed_data(pack_orb(tmp_path)))
    write(tmp_path, {"packed.yml": once})
    assert to_yaml(packed_data(pack_orb(tmp_path / "packed.yml"))) == once


# --- scripts


def test_a_script_comes_in_with_its_here_documents_escaped_and_its_last_line_end(
    tmp_path: Path,
) -> None:
    orb(
        tmp_path,
        {
            "commands/go.yml": "steps:\n  - run: <<include(scripts/a.sh)>>\n",
            "scripts/a.sh": "cat <<EOF\nx\nEOF\n",
        },
    )
    assert packed(tmp_path)["commands"]["go"]["steps"] == [{"run": "cat \\<<EOF\nx\nEOF\n"}]


def test_scripts_may_stand_amid_text_and_more_than_once(tmp_path: Path) -> None:
    orb(
        tmp_path,
        {
            "jobs/go.yml": (
                "steps: [{run: 'a; << include(x.sh) >>; <<include(x.sh)>>; << parameters.p >>'}]\n"
            ),
            "x.sh": "b",
        },
    )
    assert packed(tmp_path)["jobs"]["go"]["steps"] == [{"run": "a; b; b; << parameters.p >>"}]


def test_outside_of_commands_jobs_and_executors_the_tag_is_text(tmp_path: Path) -> None:
    text = "<<include(x.sh)>>"
    orb(tmp_path, {"examples/e.yml": f"description: {text}\nusage: {{a: {text}}}\n"})
    write(tmp_path, {"@orb.yml": f"version: 2.1\ndescription: {text}\n", "x.sh": "b"})
    found = packed(tmp_path)
    assert found["description"] == found["examples"]["e"]["usage"]["a"] == text


def test_a_missing_script_is_named_where_it_is_included(tmp_path: Path) -> None:
    orb(
        tmp_path,
        {
            "commands/go.yml": (
                "steps:\n  - run:\n      command: |\n        set -e\n"
                "        << include(scripts/b.sh) >>\n"
            ),
            "scripts/a.sh": "",
        },
    )
    with pytest.raises(ConfigError) as caught:
        pack_orb(tmp_path, root=tmp_path)
    (finding,) = caught.value.findings
    assert finding.code == "include"
    assert (finding.where.file, finding.where.line, finding.where.column) == (
        "commands/go.yml",
        5,
        9,
    )
    assert finding.where.key == "commands.go.steps[0].run.command"
    assert finding.hint == "did you mean 'scripts/a.sh'?"


@pytest.mark.parametrize(
    "name", ["../secret", "scripts/../../secret", "/etc/hostname", "link", "way/secret"]
)
def test_nothing_outside_of_the_folder_is_taken_in(tmp_path: Path, name: str) -> None:
    write(tmp_path, {"secret": "hidden words"})
    folder = orb(
        tmp_path / "orb",
        {"commands/go.yml": f"steps: [run: <<include({name})>>]\n", "scripts/a": ""},
    )
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "way").symlink_to(tmp_path)
    (complaint,) = complaints(folder)
    assert "outside of the orb's folder" in complaint
    assert "hidden words" not in complaint


def test_a_link_inside_of_the_folder_is_followed(tmp_path: Path) -> None:
    orb(
        tmp_path, {"commands/go.yml": "steps: [run: <<include(link)>>]\n", "scripts/a.sh": "inside"}
    )
    (tmp_path / "link").symlink_to("scripts/a.sh")
    assert packed(tmp_path)["commands"]["go"]["steps"] == [{"run": "inside"}]


def test_a_yaml_file_that_is_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"other.yml": "steps: []\n"})
    folder = orb(tmp_path / "orb", {"commands/a.yml": "steps: []\n"})
    (folder / "commands/b.yml").symlink_to(tmp_path / "other.yml")
    assert complaints(folder) == [
        "commands/b.yml: this is a link that leads out of the folder that is packed [pack]"
    ]


def test_folders_in_a_circle_and_pipes_are_passed_over(tmp_path: Path) -> None:
    orb(tmp_path, {"commands/a.yml": "steps: []\n"})
    (tmp_path / "commands/again").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "commands/pipe.yml")
    assert list(packed(tmp_path)["commands"]) == ["a"]


def test_a_script_in_a_circle_of_links_or_a_folder_is_refused(tmp_path: Path) -> None:
    orb(tmp_path, {"commands/go.yml": "steps: [run: <<include(a)>>, run: <<include(commands)>>]\n"})
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert [text.rpartition("[")[2] for text in complaints(tmp_path)] == ["include]"] * 2


@pytest.mark.parametrize("name", ["a" * 4000, "a/" * 4000, "."])
def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path, name: str) -> None:
    orb(tmp_path, {"commands/go.yml": f"steps: [run: <<include({name})>>]\n"})
    assert complaints(tmp_path)[0].endswith("[include]")


def test_yaml_files_in_a_circle_of_links_are_refused_or_passed_over(tmp_path: Path) -> None:
    orb(tmp_path, {"commands/a.yml": "steps: []\n"})
    (tmp_path / "commands/b.yml").symlink_to("c.yml")
    (tmp_path / "commands/c.yml").symlink_to("b.yml")
    assert list(packed(tmp_path)["commands"]) == ["a"]


def test_more_than_the_limit_is_not_taken_in(tmp_path: Path) -> None:
    many = ", ".join(["run: <<include(x.sh)>>"] * 30)
    orb(tmp_path, {"commands/go.yml": f"steps: [{many}]\n", "x.sh": "x" * 100})
    found = complaints(tmp_path, limits=Limits(text_length=2000))
    assert found
    assert all("more than 2,000 characters are included" in text for text in found)
    assert "bytes together" in complaints(tmp_path, limits=Limits(text_length=100))[0]


def test_aliases_of_aliases_across_files_do_not_grow_without_end(tmp_path: Path) -> None:
    levels = "\n".join(f"  l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]" for i in range(1, 12))
    orb(tmp_path, {"commands/@bomb.yml": f"x:\n  l0: &l0 [a]\n{levels}\n"})
    assert "[too-large]" in complaints(tmp_path)[0]


def test_places_point_into_the_files_that_were_packed(tmp_path: Path) -> None:
    orb(tmp_path, {"commands/go.yml": "steps:\n  - run: hello\n"})
    report = Report()
    root = read_orb(tmp_path, report, Limits(), root=tmp_path)
    assert root is not None
    step = root.entries["commands"].entries["go"].entries["steps"].items[0]  # type: ignore[union-attr]
    where = report.location(step.mark)
    assert (where.file, where.line, where.key) == ("commands/go.yml", 2, "commands.go.steps[0]")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab<>: #-*&\n", max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(
    content=st.dictionaries(
        st.text("abcdef", min_size=1, max_size=5), VALUES, min_size=1, max_size=5
    )
)
def test_what_is_split_into_files_packs_to_what_it_was(
    content: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("split")
    sections = {
        f"section{i}": {"one": {"value": value}} for i, value in enumerate(content.values())
    }
    write(
        folder, {f"{name}/one.yml": to_yaml(section["one"]) for name, section in sections.items()}
    )
    found = to_data(pack_config(folder))
    assert found == sections
    report = Report()
    again = read_document(Source("x", to_yaml(found)), report)
    assert again is not None
    assert to_data(again) == sections
