from __future__ import annotations

from pathlib import Path

import pytest

from orbs.sops.edit import private_folder
from orbs.sops.encrypt import secret_problems, write_encrypted
from orbs.sops.plain import plain_files, value_text
from orbs.sops.rotate import belongs_to, encrypted_files
from pipeline.errors import InvalidInput
from pipeline.yamlfile import parse_documents
from tests.unit.orbs.sops.samples import secret
from tests.unit.orbs.sops.test_masking import decrypted


def problems(text: str) -> list[str]:
    """The problems of one document, as lines."""
    return [str(problem) for problem in secret_problems(parse_documents(text, "a.yml")[0])]


def test_a_number_in_a_secret_is_named_with_line_and_key() -> None:
    found = problems("kind: Secret\nstringData:\n  PORT: 5432\n  ZIP: '01234'\n")
    assert found == [
        "a.yml:3:3 (stringData.PORT): a Secret's value has to be text\n  put it in quotes"
    ]


def test_words_that_yaml_takes_for_something_else_are_named() -> None:
    found = problems("kind: Secret\nstringData:\n  A: yes\n  B: 1e3\n  C: 0o14\n  D: '='\n")
    assert [line.partition(" (")[2].partition(")")[0] for line in found] == [
        "stringData.A",
        "stringData.B",
        "stringData.C",
    ]


def test_data_that_is_not_base64_is_named() -> None:
    found = problems(
        "kind: Secret\ndata:\n  A: not base64!\n  B: Zm9v\n  C: |\n    Zm9v\n    Zm9v\n"
    )
    assert len(found) == 1
    assert "data.A" in found[0]
    assert "stringData" in found[0]


def test_other_kinds_may_hold_numbers() -> None:
    assert problems("kind: ConfigMap\ndata:\n  A: 1\n") == []


def test_plain_text_is_never_written(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="refused to write"):
        write_encrypted(tmp_path / "a.enc", "kind: Secret\n")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_replaced_whole_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "a.enc"
    path.write_text("before")
    path.chmod(0o640)
    write_encrypted(path, secret())
    assert path.read_text() == secret()
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_the_editors_folder_is_private_and_goes_whatever_happens(tmp_path: Path) -> None:
    seen = []

    def edit_and_be_interrupted() -> None:
        with private_folder({"XDG_RUNTIME_DIR": str(tmp_path)}) as folder:
            seen.append((folder.parent, folder.stat().st_mode & 0o777))
            (folder / "copy.yml").write_text("plain text")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        edit_and_be_interrupted()
    assert seen == [(tmp_path, 0o700)]
    assert list(tmp_path.iterdir()) == []


def test_files_of_an_environment_are_told_by_name_or_folder(tmp_path: Path) -> None:
    names = [
        "secrets/staging.secret.yml.enc",
        "secrets/production.secret.yml.enc",
        "secrets/staging/x.enc",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "secrets/staging.secret.yml").touch()
    found = encrypted_files(tmp_path, ["secrets", "missing"])
    assert [path.relative_to(tmp_path).as_posix() for path in found] == [
        names[1],
        names[2],
        names[0],
    ]
    chosen = encrypted_files(tmp_path, ["secrets"], "staging")
    assert [path.name for path in chosen] == ["x.enc", "staging.secret.yml.enc"]
    assert not belongs_to(tmp_path / "staging2.secret.yml.enc", "staging")


def test_a_folder_and_a_glob_stand_for_their_plain_files(tmp_path: Path) -> None:
    for name in ("a.secret.yml", "b.secret.yml", "a.secret.yml.enc", ".gitkeep"):
        (tmp_path / name).touch()
    expected = [tmp_path / "a.secret.yml", tmp_path / "b.secret.yml"]
    assert plain_files(tmp_path.parent, tmp_path.name) == expected
    assert plain_files(tmp_path, "*.yml") == expected
    with pytest.raises(InvalidInput, match="no plain text"):
        plain_files(tmp_path, "*.json")
    with pytest.raises(InvalidInput, match="encrypted file"):
        plain_files(tmp_path, "a.secret.yml.enc")


def test_one_value_is_found_by_its_path() -> None:
    file = decrypted(
        {"kind": "Secret", "stringData": {"URL": "a b", "config.json": "{}"}, "n": [{"a": 1}]}
    )
    assert value_text(file, "stringData.URL") == "a b"
    assert value_text(file, 'stringData."config.json"') == "{}"
    assert value_text(file, "n[0].a") == "1"
    with pytest.raises(InvalidInput, match=r"no value 'stringData\.URI'") as caught:
        value_text(file, "stringData.URI")
    assert caught.value.hint == "did you mean 'stringData.URL'?"
