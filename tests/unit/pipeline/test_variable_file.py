"""Files of variables: what is encrypted, what form it has, and what cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import InvalidInput, Location, Unavailable
from pipeline.variable_file import is_encrypted, read_variable_file
from tests.unit.pipeline.variables_run import VariablesRun


def read(root: Path, name: str, text: str | bytes) -> dict[str, str]:
    file = read_variable_file(VariablesRun(root, {name: text}), root / name)
    assert (file.name, file.is_encrypted) == (name, False)
    return dict(file.variables)


def decrypt(root: Path, name: str, text: str) -> dict[str, str]:
    run = VariablesRun(root, {name: "sops"}, decrypted={name: text})
    file = read_variable_file(run, root / name)
    assert (file.name, file.is_encrypted) == (name, True)
    return dict(file.variables)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.env.enc", "", True),
        ("a.enc", "", True),
        ("a.enc.yaml", "", True),
        ("a.enc.env", "", True),
        ("a.env", "A=ENC[AES256_GCM,data:xx,iv:y,tag:z,type:str]\nsops_version=3.9.0\n", True),
        ("a.env", "A=b\n", False),
        ("enc.env", "A=b\n", False),
        ("a.encoded.env", "A=b\n", False),
    ],
)
def test_an_encrypted_file_is_told_by_its_name_or_its_text(
    name: str, text: str, expected: bool
) -> None:
    assert is_encrypted(name, text) is expected


def test_a_plain_file_is_dotenv_unless_its_name_says_otherwise(tmp_path: Path) -> None:
    assert read(tmp_path, "a.env", "A='b c'\n") == {"A": "b c"}
    assert read(tmp_path, "plain", "A=b\n") == {"A": "b"}
    assert read(tmp_path, "a.yml", 'A: b=c\nB: "1.10"\n') == {"A": "b=c", "B": "1.10"}
    assert read(tmp_path, "a.json", '{\n "A": "b",\n "C": 5432\n}\n') == {"A": "b", "C": "5432"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.env.enc", "# comment\nA='b: c'\nB=1\n"),
        ("a.enc", "export A='b: c'\nB=1\n"),
        ("a.enc", "A\nA='b: c'\nB=1\n"),
        ("a.enc", '\ufeffA="b: c"\nB=1\n'),
        ("a.yml.enc", '"A": "b: c"\n"B": 1\n'),
        ("a.enc.yaml", "---\n# comment\nA: 'b: c'\nB: 1\n"),
        ("a.env.enc", "A: 'b: c'\nB: 1\n"),
        ("a.json.enc", '{\n  "A": "b: c",\n  "B": 1\n}\n'),
        ("a.enc", '{"A": "b: c", "B": 1}'),
    ],
)
def test_the_text_of_an_encrypted_file_decides_its_form(
    tmp_path: Path, name: str, text: str
) -> None:
    assert decrypt(tmp_path, name, text) == {"A": "b: c", "B": "1"}


def test_scalars_of_a_mapping_are_texts_as_they_are_written(tmp_path: Path) -> None:
    text = 'FLAG: true\nOFF: false\nPORT: 5432\nLONG: 1234567\nEMPTY: ""\nLINES: |\n  a\n  b\n'
    assert decrypt(tmp_path, "a.yml.enc", text) == {
        "FLAG": "true",
        "OFF": "false",
        "PORT": "5432",
        "LONG": "1234567",
        "EMPTY": "",
        "LINES": "a\nb\n",
    }


def test_each_entry_that_is_no_variable_is_told_with_its_place(tmp_path: Path) -> None:
    text = "A: fine\nB: 1.10\nC:\nD: [s3cret]\nE: {x: s3cret}\nF G: s3cret\n"
    with pytest.raises(InvalidInput) as caught:
        decrypt(tmp_path, "a.yml.enc", text)
    told = [(p.where.line, p.message) for p in caught.value.problems if p.where]
    assert told == [
        (2, "the value of B is a number with a fraction, and a variable holds text"),
        (3, "the value of C is missing, and a variable holds text"),
        (4, "the value of D is a list, and a variable holds text"),
        (5, "the value of E is a mapping, and a variable holds text"),
        (6, "'F G' is not a variable's name"),
    ]
    assert "s3cret" not in str(caught.value)


def test_a_list_is_no_file_of_variables(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="one mapping of variables"):
        read(tmp_path, "a.yml", "- A=b\n")


def test_a_file_that_is_not_text_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(tmp_path, "a.env", b"A=b\nB=\xff\n")
    assert str(caught.value) == "a.env:2: not UTF-8 text"
    with pytest.raises(InvalidInput, match="not UTF-8"):
        read(tmp_path, "a.env", "A=b\n".encode("utf-16"))


def test_a_file_that_is_not_there_is_told_where_it_is_named(tmp_path: Path) -> None:
    run = VariablesRun(tmp_path)
    with pytest.raises(InvalidInput, match=r"^nope\.env: there is no such file"):
        read_variable_file(run, tmp_path / "nope.env")
    with pytest.raises(InvalidInput, match=r"orbyard\.yml \(ci\.env_file\): there is no file nope"):
        read_variable_file(
            run, tmp_path / "nope.env", named_at=Location("orbyard.yml", key="ci.env_file")
        )
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_variable_file(run, tmp_path)


def test_an_encrypted_file_without_an_orb_for_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"a\.env\.enc: the file is encrypted, and no orb") as e:
        read(tmp_path, "a.env.enc", "")
    assert e.value.hint
    assert e.value.exit_code == 3


def test_a_bare_name_takes_the_callers_value(tmp_path: Path) -> None:
    run = VariablesRun(tmp_path, {"a.env": "MINE\nNOT_THERE\n"}, environ={"MINE": "yes"})
    assert read_variable_file(run, tmp_path / "a.env").variables == {"MINE": "yes"}
