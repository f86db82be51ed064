"""``save_cache`` and ``restore_cache``: keys, paths, which cache is found, and what never stops a job."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from pipeline.runner.engine import open_engine
from tests.integration.runner.debian_images import debian_image
from tests.integration.runner.harness import PLAIN_IMAGE, Checkout

EXECUTORS = pytest.mark.parametrize("executor", ["docker", "host"])
KEYS = {
    "v-{{ .Branch }}-{{ .BuildNum }}": "v-main-1",
    "v-{{ .Revision }}": "v-REVISION",
    "v-{{.Environment.CIRCLE_JOB}}-{{ .Environment.OF_PROJECT }}": "v-build-p1",
    "v-{{ .Environment.OF_STEP }}": "v-<no value>",
    'v-{{ checksum "Gemfile.lock" }}': "v-LOCK",
    'v-{{ checksum "~/in-home" }}-{{ checksum `Gemfile.lock` }}': "v-HOME-LOCK",
    "v with {{ .Branch }}  spaces": "v with main  spaces",
}


@EXECUTORS
def test_keys_are_templates(checkout: Checkout, executor: str) -> None:
    checkout.git("branch", "-m", "main")
    saves = "".join(
        f"- save_cache: {{name: '{number}', key: '{key}', paths: [Gemfile.lock]}}\n"
        for number, key in enumerate(KEYS)
    )
    done = checkout.build(
        "- checkout\n- run: echo home > ~/in-home\n"
        "- save_cache: {name: epoch, key: 'e-{{ epoch }}-{{ arch }}', paths: [Gemfile.lock]}\n"
        + saves,
        "--executor",
        executor,
        "--env",
        "OF_PROJECT=p1",
        keys="environment: {OF_STEP: x}\n",
    )
    assert done.returncode == 0, done.stderr
    steps = checkout.steps()
    known = {
        "REVISION": checkout.git("rev-parse", "HEAD").strip(),
        "LOCK": checksum(b"rails\n"),
        "HOME": checksum(b"home\n"),
    }
    for number, key in enumerate(KEYS.values()):
        for word, value in known.items():
            key = key.replace(word, value)
        assert steps[str(number)]["lines"] == [f"Stored Cache to {key}"]
    assert "linux-" in steps["epoch"]["text"]


def checksum(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


@EXECUTORS
def test_a_file_that_is_not_there_for_a_checksum_stops_nothing(
    checkout: Checkout, executor: str
) -> None:
    done = checkout.build(
        """
        - save_cache: {name: save, key: 'v-{{ checksum "package.json" }}', paths: [a]}
        - restore_cache: {name: restore, keys: ['v-{{ checksum "package.json" }}', v-]}
        """,
        "--executor",
        executor,
    )
    assert done.returncode == 0, done.stderr
    steps = checkout.steps()
    message = (
        'error computing cache key: template: cacheKey:1:5: executing "cacheKey" at'
        ' <checksum "package.json">: error calling checksum: open'
    )
    for step in steps.values():
        assert step["text"].startswith(message)
        assert "package.json: no such file or directory" in step["text"]
    assert "No cache is found for key: v-" in steps["restore"]["text"]


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("v-{{ checksum package.json }}", 'checksum "file"'),
        ("v-{{ .Brunch }}", "did you mean"),
        ("v-{{ .Branch", "unclosed action"),
        ("k" * 901, "900 are allowed"),
    ],
)
def test_a_key_that_is_none_is_told_before_anything_runs(
    checkout: Checkout, key: str, words: str
) -> None:
    done = checkout.build(
        f"""
        - run: echo
        - save_cache:
            key: '{key}'
            paths: [a]
        """
    )
    assert done.returncode == 2
    assert words in done.stderr
    assert ".circleci/config.yml:8" in done.stderr
    assert not (checkout.folder / ".orbyard").exists()


@EXECUTORS
def test_the_first_cache_of_a_key_stays_and_the_newest_of_a_prefix_is_found(
    checkout: Checkout, executor: str
) -> None:
    done = checkout.build(
        """
        - run: echo 1 > made
        - save_cache: {key: v-exact, paths: [made]}
        - run: echo 2 > made
        - save_cache: {key: v-exact-longer, paths: [made]}
        - run: echo 3 > made
        - save_cache: {name: again, key: v-exact, paths: [made]}
        - save_cache: {key: other, paths: [made]}
        - restore_cache: {name: newest, keys: [nothing, v-exact, other]}
        - run: {name: look, command: cat made}
        - restore_cache: {name: one key, key: oth}
        - restore_cache: {name: missed, keys: [no-1, no-2]}
        - run: {name: look again, command: cat made}
        """,
        "--executor",
        executor,
    )
    assert done.returncode == 0, done.stderr
    steps = checkout.steps()
    assert steps["again"]["lines"][0] == (
        "Skipping cache generation, cache already exists for key: v-exact"
    )
    assert steps["newest"]["lines"][0] == "No cache is found for key: nothing"
    assert steps["newest"]["note"] == "found v-exact-longer"
    assert steps["look"]["lines"][-1] == "2"
    assert steps["missed"]["lines"] == [
        "No cache is found for key: no-1",
        "No cache is found for key: no-2",
    ]
    assert steps["look again"]["lines"][-1] == "3"


@EXECUTORS
def test_paths_are_relative_absolute_or_in_the_home_folder(
    checkout: Checkout, executor: str
) -> None:
    done = checkout.build(
        """
        - run: |
            mkdir -p "a b/c" ~/.gem bin
            echo a > "a b/c/file"; echo g > ~/.gem/file; echo s > bin/run; chmod 750 bin/run
            ln -s run bin/link; ln -s /nowhere bin/dangling; touch -d 2001-02-03 bin/run
        - save_cache: {name: save, key: k, paths: ["a b", ~/.gem, bin, missing, '*.glob']}
        - run: rm -rf "a b" ~/.gem bin
        - restore_cache: {key: k}
        - run:
            name: look
            command: |
              cat "a b/c/file" ~/.gem/file; ls -l bin/run | cut -c1-10
              readlink bin/link bin/dangling; date -r bin/run +%Y; test -O "a b/c/file" && echo mine
        - save_cache: {name: nothing, key: empty, paths: [missing]}
        """,
        "--executor",
        executor,
    )
    assert done.returncode == 0, done.stderr
    steps = checkout.steps()
    assert "Warning: skipping this path: missing does not exist" in steps["save"]["text"]
    assert "*.glob does not exist" in steps["save"]["text"]
    assert steps["look"]["lines"][3:] == [
        "a", "g", "-rwxr-x---", "run", "/nowhere", "2001", "mine",
    ]  # fmt: skip
    assert steps["nothing"]["status"] == "success"


def test_a_cache_of_one_executor_and_user_is_good_for_others(checkout: Checkout) -> None:
    checkout.write("""
version: 2.1
commands:
  look:
    steps:
      - restore_cache: {key: shared}
      - run:
          name: look
          command: cat vendor/v ~/.cache/h && [ -O vendor/v ] && [ -O ~/.cache/h ] && echo mine
jobs:
  saves:
    docker: [{image: IMAGE}]
    steps:
      - run: mkdir -p ~/.cache vendor; echo h > ~/.cache/h; echo v > vendor/v
      - save_cache: {key: shared, paths: [vendor, ~/.cache]}
  same-user: {docker: [{image: IMAGE}], steps: [look]}
  other-user: {docker: [{image: PLAIN}], steps: [look]}
  machine: {machine: true, steps: [look]}
workflows:
  main:
    jobs:
      - saves
      - same-user: {requires: [saves]}
      - other-user: {requires: [saves]}
      - machine: {requires: [saves]}
""")
    done = checkout.run()
    assert done.returncode == 0, done.stderr
    for job in ("same-user", "other-user", "machine"):
        assert checkout.steps(job)["look"]["lines"][-3:] == ["v", "h", "mine"]


@pytest.mark.parametrize("image", ["IMAGE", "PLAIN"])
def test_folders_on_the_way_to_what_is_restored_are_the_user_s(
    checkout: Checkout, image: str
) -> None:
    done = checkout.build(
        """
        - run: |
            mkdir -p ~/.npm/_cacache/a ~/project/vendor/bundle ~/mine
            chmod 700 ~/mine; touch ~/.npm/_cacache/a/f ~/project/vendor/bundle/f ~/mine/f
        - save_cache: {key: k, paths: [~/.npm/_cacache, vendor/bundle, ~/mine/f]}
        - run: rm -r ~/.npm ~/project/vendor ~/mine/f
        - restore_cache: {key: k}
        - run: touch ~/.npm/log vendor/other ~/mine/g ~/.npm/_cacache/a/f
        - run: {name: modes, command: "stat -c %a ~/.npm ~/mine"}
        """,
        image=image,
    )
    assert done.returncode == 0, done.stderr
    assert checkout.steps()["modes"]["lines"][-2:] == ["755", "700"]


_LARGE_TREE = """
mkdir -p "large/a b/$LONG" large/empty large/closed && cd large
head -c 3000000 /dev/zero > zeros
head -c 200000 /dev/urandom > "a b/$LONG/file-$LONG"
printf 'x' > "$(printf 'new\\nline')"; printf 'y' > ü; printf 'z' > "$(printf 'raw-\\351')"
printf '#!/bin/sh' > run && chmod 750 run && ln run same
ln -s run link; ln -s /etc/passwd absolute; ln -s ../../../elsewhere outward; ln -s nowhere dangling
echo in > closed/file && chmod 400 closed/file && chmod 500 closed && touch -d 2001-02-03 zeros empty
"""
_LIST = (
    "cd large && find . ! -type f -printf '%P %y %m %U:%G %l\\n' | LC_ALL=C sort;"
    " find . -type f -printf '%P %m %n %U:%G %s %Td.%Tm.%TY\\n' | LC_ALL=C sort;"
    " find . -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum"
)


@pytest.mark.parametrize("image", ["IMAGE", "PLAIN", "busybox"])
def test_a_large_cache_comes_back_as_it_was(
    checkout: Checkout, docker_engine: Any, image: str
) -> None:
    if image == "busybox":
        image = debian_image(docker_engine, "busybox")
    checkout.write(f"""
version: 2.1
executors:
  one: {{docker: [{{image: "{image}"}}], environment: {{LONG: {"long-name-" * 12}}}}}
jobs:
  save:
    executor: one
    steps:
      - run: {json.dumps(_LARGE_TREE)}
      - run: {{name: list, command: {json.dumps(_LIST)}}}
      - save_cache: {{key: large, paths: [large]}}
  restore:
    executor: one
    steps:
      - restore_cache: {{key: large}}
      - run: {{name: list, command: {json.dumps(_LIST)}}}
  restore-over:
    executor: one
    steps:
      - run: mkdir -p large/zeros large/more && touch large/more/kept && echo old > large/ü
      - restore_cache: {{key: large}}
      - run: rm -r large/more
      - run: {{name: list, command: {json.dumps(_LIST)}}}
workflows:
  all: {{jobs: [save, restore: {{requires: [save]}}, restore-over: {{requires: [save]}}]}}
""")
    done = checkout.run()
    assert done.returncode == 0, done.stderr
    saved, restored, over = (
        checkout.steps(job)["list"]["lines"] for job in ("save", "restore", "restore-over")
    )
    assert len(saved) > 20
    assert restored == saved
    assert over == saved


def test_a_program_s_capabilities_come_back_in_a_large_cache(
    checkout: Checkout, docker_engine: Any
) -> None:
    done = checkout.build(
        """
        - run: mkdir large && head -c 3000000 /dev/zero > large/ping && setcap cap_net_raw+ep large/ping
        - save_cache: {key: large, paths: [large]}
        - run: rm -r large
        - restore_cache: {key: large}
        - run: {name: read, command: getcap large/ping}
        """,
        image=debian_image(docker_engine, "capabilities"),
    )
    assert done.returncode == 0, done.stderr
    assert checkout.steps()["read"]["lines"][-1] == "large/ping cap_net_raw=ep"


def test_a_cache_is_kept_after_a_success_unless_it_says_otherwise(checkout: Checkout) -> None:
    checkout.build(
        """
        - run: touch made
        - run: exit 1
        - save_cache: {name: default, key: a, paths: [made]}
        - save_cache: {name: always, key: b, when: always, paths: [made]}
        - save_cache: {name: on fail, key: c, when: on_fail, paths: [made]}
        """,
        "--executor",
        "host",
    )
    steps = checkout.steps()
    assert steps["default"]["status"] == "skipped"
    assert steps["always"]["lines"] == ["Stored Cache to b"]
    assert steps["on fail"]["lines"] == ["Stored Cache to c"]


def test_an_archive_that_nobody_reads_to_its_end_locks_no_container(docker_engine: Any) -> None:
    engine = open_engine()
    container = docker_engine.containers.run(
        PLAIN_IMAGE, ["sh", "-c", "head -c 300000000 /dev/zero > /tmp/big; sleep 60"], detach=True
    )
    try:
        while container.exec_run(["test", "-s", "/tmp/big"]).exit_code:
            pass
        unread = engine.get_archive(container.id, "/etc")
        unread.close()
        begun = engine.get_archive(container.id, "/tmp")
        next(begun)
        begun.close()
        assert container.exec_run(["echo", "free"]).output == b"free\n"
    finally:
        container.remove(force=True)
        engine.close()
