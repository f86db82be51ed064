"""``checkout``: which files a job gets, whose they are, and what git says of them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.integration.runner.harness import Checkout

EXECUTORS = pytest.mark.parametrize("executor", ["docker", "host"])


@EXECUTORS
def test_files_of_any_kind_come_along_as_they_are(checkout: Checkout, executor: str) -> None:
    folder = checkout.folder
    (folder / "new\nline").write_text("n")
    (folder / os.fsdecode(b"bytes-\xff")).write_text("b")
    (folder / "script").write_text("#!/bin/sh\necho ran\n")
    (folder / "script").chmod(0o755)
    (folder / "link").symlink_to("Gemfile.lock")
    (folder / "dangling").symlink_to("/nowhere/at all")
    (folder / "sub").mkdir()
    (folder / "sub/outward").symlink_to("../../../elsewhere")
    (folder / "empty").mkdir()
    (folder / "gone").write_text("")
    checkout.git("add", "gone", "script")
    checkout.git("commit", "-qm", "second")
    (folder / "gone").unlink()
    done = checkout.build(
        r"""
        - checkout
        - run: {name: script, command: ./script}
        - run: {name: links, command: readlink link dangling sub/outward}
        - run: {name: status, command: git status --porcelain | sort; git branch --show-current}
        - run: {name: owner, command: '[ -O . ] && [ -O Gemfile.lock ] && [ -O .git/index ] && touch made'}
        - run: git add made; git -c user.name=a -c user.email=a commit -qm third
        - run: {name: owners, command: 'test -z "$(find . ! -user $(id -u))"'}
        - run: {name: git, command: git log}
        - run: {name: nothing else, command: "test ! -e gone && test ! -e secret.env"}
        """,
        "--executor",
        executor,
    )
    assert done.returncode == 0, done.stderr
    steps = checkout.steps()
    assert steps["script"]["lines"][-1] == "ran"
    assert steps["links"]["lines"][-3:] == [
        "Gemfile.lock",
        "/nowhere/at all",
        "../../../elsewhere",
    ]
    branch = checkout.git("branch", "--show-current").strip()
    # The status of the checkout itself, but for what the configuration's own folder adds.
    assert (
        steps["status"]["lines"][2:]
        == [
            *sorted(checkout.git("status", "--porcelain").splitlines()),
            branch,
        ]
        or steps["status"]["lines"][-1] == branch
    )
    assert " D gone" in steps["status"]["lines"]
    assert "?? untracked.txt" in steps["status"]["lines"]
    assert "    second" in steps["git"]["lines"]


@EXECUTORS
def test_submodules_worktrees_and_nested_repositories_have_their_files(
    checkout: Checkout, executor: str, tmp_path: Path
) -> None:
    library = tmp_path / "library"
    library.mkdir()
    checkout.git("init", "-q", cwd=library)
    (library / ".gitignore").write_text("ignored\n")
    (library / "code.rb").write_text("library\n")
    checkout.git("add", ".", cwd=library)
    checkout.git("commit", "-qm", "library", cwd=library)
    checkout.git("submodule", "--quiet", "add", str(library), "vendor/library")
    checkout.git("commit", "-qm", "with a submodule")
    worktree = tmp_path / "worktree"
    checkout.git("worktree", "add", "-q", "-b", "other", str(worktree))
    checkout.git("submodule", "--quiet", "update", "--init", cwd=worktree)
    (worktree / "vendor/library/ignored").write_text("not for jobs")
    (worktree / "vendor/library/new.rb").write_text("new")
    shutil.copytree(library, worktree / "nested")
    (worktree / "nested/ignored").write_text("not for jobs")
    there = Checkout(worktree, checkout.store)
    done = there.build(
        r"""
        - checkout
        - run: {name: files, command: find . -path ./.git -prune -o -type f -print | sort}
        - run: {name: git, command: git status --short; git branch --show-current; git log -1 --format=%s}
        """,
        "--executor",
        executor,
    )
    assert done.returncode == 0, done.stderr
    steps = there.steps()
    files = steps["files"]["lines"]
    assert {"./vendor/library/code.rb", "./vendor/library/new.rb", "./nested/code.rb"} <= set(files)
    assert not [name for name in files if "ignored" in name.rpartition("/")[2].removeprefix(".git")]
    assert steps["git"]["lines"][-2:] == ["other", "with a submodule"]


@EXECUTORS
def test_a_checkout_goes_where_it_is_told_but_not_over_other_files(
    checkout: Checkout, executor: str
) -> None:
    done = checkout.build(
        """
        - checkout
        - run: {name: edit, command: echo edited > Gemfile.lock; echo own > own}
        - checkout: {name: again}
        - run: {name: result, command: cat Gemfile.lock own}
        - checkout: {name: elsewhere, path: ~/else where}
        - run: {name: there, working_directory: ~/else where, command: ls -1; git log -1 --format=%s}
        - checkout: {name: full, path: sub, method: full}
        - run: mkdir -p /tmp/full-$CIRCLE_WORKFLOW_JOB_ID x; touch x/y
        - checkout: {name: over, path: x}
        """,
        "--executor",
        executor,
    )
    assert done.returncode == 1
    steps = checkout.steps()
    assert steps["result"]["lines"][-2:] == ["rails", "own"]
    assert "Gemfile.lock" in steps["there"]["lines"]
    assert steps["full"]["status"] == "success"
    assert steps["over"]["status"] == "failed"
    assert "not empty and not a git repository" in steps["over"]["text"]


@pytest.mark.parametrize("image", ["IMAGE", "PLAIN"])
def test_what_a_step_before_has_written_is_not_mixed_with_the_files(
    checkout: Checkout, image: str
) -> None:
    done = checkout.build("- run: touch made\n- checkout\n", image=image)
    assert done.returncode == 1
    assert "not empty and not a git repository" in checkout.steps()["Checkout code"]["text"]


@pytest.mark.parametrize("image", ["IMAGE", "PLAIN"])
@pytest.mark.parametrize("folder", ["~/my app's", "/srv/a $HOME/b", "~/up/../across"])
def test_a_working_directory_may_have_any_name(checkout: Checkout, image: str, folder: str) -> None:
    done = checkout.build(
        """
        - checkout
        - run: {name: here, command: 'test -O . && test -O Gemfile.lock && pwd'}
        - checkout
        """,
        image=image,
        keys=f'working_directory: "{folder}"\n',
    )
    assert done.returncode == 0, done.stderr
    home = "/root" if image == "PLAIN" else "/home/circleci"
    here = folder.replace("~", home).replace("up/../", "")
    assert checkout.steps()["here"]["lines"][-1] == here


def test_the_last_commit_alone_can_be_checked_out(checkout: Checkout) -> None:
    (checkout.folder / "Gemfile.lock").write_text("edited\n")
    done = checkout.build(
        "- checkout\n- run: {name: look, command: cat Gemfile.lock; ls -1; git status --short}",
        "--committed",
    )
    assert done.returncode == 0, done.stderr
    lines = checkout.steps()["look"]["lines"]
    assert "rails" in lines
    assert "untracked.txt" not in lines
    assert lines[-1] == "'name with spaces.txt'"


@EXECUTORS
@pytest.mark.parametrize("kind", ["no commits", "no repository"])
def test_a_folder_without_history_is_run_too(checkout: Checkout, executor: str, kind: str) -> None:
    shutil.rmtree(checkout.folder / ".git")
    (checkout.folder / "orbyard.yml").write_text("{}\n")
    if kind == "no commits":
        checkout.git("init", "-q")
    done = checkout.build(
        "- checkout\n- run: {name: look, command: ls -1A; cat untracked.txt}",
        "--executor",
        executor,
    )
    assert done.returncode == 0, done.stderr
    lines = checkout.steps()["look"]["lines"]
    assert lines[-1] == "new"
    assert ".orbyard" not in lines
    assert (".git" in lines) == (kind == "no commits")


def test_ten_thousand_files_are_checked_out(checkout: Checkout) -> None:
    for number in range(100):
        folder = checkout.folder / f"many/{number}"
        folder.mkdir(parents=True)
        for other in range(100):
            (folder / f"{other}.rb").write_text(f"{number} {other}\n")
    done = checkout.build("- checkout\n- run: {name: count, command: find many -type f | wc -l}")
    assert done.returncode == 0, done.stderr
    assert checkout.steps()["count"]["lines"][-1] == "10000"
