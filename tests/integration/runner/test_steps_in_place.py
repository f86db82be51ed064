"""``--in-place``: jobs that work on the working tree itself."""

from __future__ import annotations

import os

import pytest

from tests.integration.runner.harness import Checkout

EXECUTORS = pytest.mark.parametrize("executor", ["docker", "host"])


@EXECUTORS
def test_a_job_reads_and_changes_the_files_themselves(checkout: Checkout, executor: str) -> None:
    checkout.write("""
version: 2.1
jobs:
  build:
    docker: [{image: IMAGE}]
    steps:
      - checkout
      - restore_cache: {name: restore, key: v}
      - run: {name: look, command: 'cat secret.env untracked.txt; ls vendor 2>/dev/null || true'}
      - run: {name: where, command: 'test ~/project -ef . && echo linked; git status --short .gitignore'}
      - run: mkdir -p vendor out && echo made > vendor/gem && echo built > out/file && echo new > new.txt
      - save_cache: {key: v, paths: [vendor, ~/.bundle]}
      - persist_to_workspace: {root: ., paths: [out]}
      - persist_to_workspace: {root: ~/project, paths: [new.txt]}
      - store_artifacts: {path: ~/project/out}
  after:
    docker: [{image: IMAGE}]
    steps:
      - run: rm -r out new.txt
      - attach_workspace: {at: .}
      - run: {name: look, command: 'cat out/file new.txt'}
workflows:
  main:
    jobs:
      - build
      - after: {requires: [build]}
""")
    done = checkout.run("--executor", executor, "--in-place")
    assert done.returncode == 0, done.stderr
    steps = checkout.steps()
    assert steps["Checkout code"]["note"] == "in place"
    assert steps["look"]["lines"][-2:] == ["not for jobs", "new"]
    assert steps["where"]["lines"][-1] == "linked"
    assert checkout.steps("after")["look"]["lines"][-2:] == ["built", "new"]
    made = checkout.folder / "new.txt"
    assert made.read_text() == "new\n"
    assert made.stat().st_uid == (checkout.folder / "vendor/gem").stat().st_uid == os.getuid()
    assert (checkout.newest() / "jobs/build/artifacts/project/out/file").exists()


@EXECUTORS
def test_a_cache_of_a_copy_is_restored_in_place_and_back(checkout: Checkout, executor: str) -> None:
    save = (
        "- run: mkdir -p vendor ~/.gem; echo $CIRCLE_BUILD_NUM > vendor/made; echo h > ~/.gem/h\n"
    )
    save += "- save_cache: {key: KEY, paths: [vendor, ~/.gem]}\n"
    restore = (
        "- restore_cache: {key: KEY}\n- run: {name: look, command: cat vendor/made ~/.gem/h}\n"
    )
    checkout.build(save.replace("KEY", "copy"), "--executor", executor)
    done = checkout.build(restore.replace("KEY", "copy"), "--executor", executor, "--in-place")
    assert done.returncode == 0, done.stderr
    assert (checkout.folder / "vendor/made").read_text() == "1\n"
    checkout.build(save.replace("KEY", "place"), "--executor", executor, "--in-place")
    done = checkout.build(restore.replace("KEY", "place"), "--executor", executor)
    assert done.returncode == 0, done.stderr
    assert checkout.steps()["look"]["lines"][-2:] == ["3", "h"]


def test_it_goes_with_no_copy(checkout: Checkout) -> None:
    done = checkout.build("- checkout: {name: other, path: elsewhere}", "--in-place")
    assert done.returncode == 1
    assert "no copy of the files" in checkout.steps()["other"]["text"]
    for other in ("--committed", "--watch"):
        done = checkout.build("- checkout", "--in-place", other)
        assert done.returncode == 2
        assert "take one" in done.stderr
