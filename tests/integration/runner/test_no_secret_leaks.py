"""No secret of a run is in its output, its files, the store, a command line or a container's record."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.integration.runner.harness import Checkout, containers_of
from tests.integration.runner.test_variables import encrypt
from tests.integration.sops.support import EXAMPLE_KEY_FILE

TOKEN = "sesame/opens+the='door'&44"
LINES = "-----BEGIN KEY-----\nc2VzYW1lLW9uZS1saW5l\nYW5vdGhlci1saW5lLW9m\n-----END KEY-----\n"
OF_PROJECT = "project-sesame-word"
WIDE = "w1de-" + "0123456789abcdef" * 8
"""Longer than a line of base64."""

CONFIG = """
version: 2.1
jobs:
  build:
    docker:
      - image: PLAIN
      - {image: PLAIN, command: [sleep, "600"]}
    steps:
      - run:
          name: prints
          command: |
            mkdir ~/kept; date > ~/kept/date
            set -x
            echo "$TOKEN"; echo "$KEY"; echo "$OF_PROJECT"; echo "$WIDE"
            printf %s "$TOKEN" | base64; echo "user:$TOKEN" | base64; echo "$WIDE" | base64
            env; declare -p TOKEN KEY
            printf %s "$TOKEN" | head -c 10; sleep 0.3; printf %s "$TOKEN" | tail -c +11; echo
      - save_cache: {key: 'v1-{{ .Environment.TOKEN }}', paths: [~/kept]}
      - restore_cache: {keys: ['v1-{{ .Environment.TOKEN }}']}
      - run: {name: background, command: 'while sleep 0.1; do echo "$TOKEN"; done', background: true}
      - run: {name: holds, command: sleep 3}
      - run: {name: fails, command: 'echo "$TOKEN" >&2; exit 3'}
workflows: {main: {jobs: [build: {context: production}]}}
"""


def forms() -> dict[str, bytes]:
    """How the values may be written."""
    found = {"several lines": b"YW5vdGhlci1saW5lLW9m", "wide": b"0123456789abcdef0123456789"}
    for name, value in (("token", TOKEN), ("of project", OF_PROJECT)):
        found[name] = value.encode()
        found[f"{name} in base64"] = base64.b64encode(value.encode())[:-4]
        found[f"{name} in a URL"] = quote(value, safe="").encode()
        found[f"{name} in JSON"] = json.dumps(value)[1:-1].encode()
    found["token as bash quotes it"] = TOKEN.replace("'", "'\\''").encode()
    found["wide in base64"] = base64.b64encode(WIDE.encode())[8:40]
    return found


def found_in(data: bytes) -> list[str]:
    return [name for name, written in forms().items() if written in data]


class Watcher(threading.Thread):
    """Collects command lines of all processes, and what the engine tells of the run's containers."""

    def __init__(self, docker_engine: Any) -> None:
        super().__init__(daemon=True)
        self.over = threading.Event()
        self.command_lines: set[bytes] = set()
        self.inspected: list[bytes] = []
        self.executions = 0
        self._api = docker_engine.api

    def run(self) -> None:
        while not self.over.wait(0.02):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.command_lines.add(path.read_bytes())
                except OSError:
                    continue
            self._inspect()

    def _inspect(self) -> None:
        for item in self._api.containers(filters={"label": "orbyard.run"}):
            try:
                details = self._api.inspect_container(item["Id"])
                self.inspected.append(json.dumps(details).encode())
                for execution in details.get("ExecIDs") or ():
                    told = json.dumps(self._api.exec_inspect(execution)).encode()
                    self.inspected.append(told)
                    self.executions += 1
            except Exception:  # it is gone by now
                continue


def plain_contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """The names and contents of all files, unpacked where they are compressed."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    for path in folder.rglob("*"):
        yield f"the name {path}", str(path).encode()
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            yield str(path), data
            if data.startswith(b"\x28\xb5\x2f\xfd"):
                yield f"{path}, unpacked", zstd.decompress(data)


def settle(checkout: Checkout) -> list[str]:
    """Write the configuration and its encrypted variables; returns the options of the run."""
    checkout.write(CONFIG)
    context = json.dumps({"TOKEN": TOKEN, "KEY": LINES, "WIDE": WIDE})
    encrypt(checkout, "deploy/contexts/production.json.enc", context)
    encrypt(checkout, "project.env.enc", f"OF_PROJECT={OF_PROJECT}\n")
    return ["--env-file", "project.env.enc"]


@pytest.fixture(autouse=True)
def _age_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", str(EXAMPLE_KEY_FILE))
    monkeypatch.setenv("ORBYARD_DEBUG", "1")


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="command lines need /proc")
@pytest.mark.parametrize("executor", ["docker", "host"])
def test_nothing_secret_is_shown_written_or_passed_as_an_argument(
    checkout: Checkout, docker_engine: Any, tmp_path: Path, executor: str
) -> None:
    options = settle(checkout)
    watcher = Watcher(docker_engine)
    watcher.start()
    done = checkout.run(*options, "--executor", executor)
    watcher.over.set()
    watcher.join()
    assert done.returncode == 1, done.stderr
    steps = checkout.steps()
    assert [steps[name]["status"] for name in ("prints", "holds", "fails")] == [
        "success",
        "success",
        "failed",
    ]
    assert "****" in steps["prints"]["text"]
    places: list[tuple[str, bytes]] = [
        ("standard output", done.stdout.encode()),
        ("standard error", done.stderr.encode()),
        ("command lines", b"\n".join(watcher.command_lines)),
        ("the engine", b"\n".join(watcher.inspected)),
        *plain_contents(tmp_path),
    ]
    assert {place: found for place, data in places if (found := found_in(data))} == {}
    assert any(b"sleep" in line for line in watcher.command_lines)
    if executor == "docker":
        assert watcher.executions > 0
    assert any("unpacked" in place for place, _ in places)


def test_nothing_secret_is_in_what_a_killed_run_leaves(
    checkout: Checkout, docker_engine: Any, tmp_path: Path
) -> None:
    options = settle(checkout)
    child = subprocess.Popen(
        checkout.argv(*options),
        cwd=checkout.folder,
        env=checkout.environ(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )
    try:
        wait_for_step(checkout, child, "holds")
        # Any other run would remove the containers of a dead one: they are looked at before it dies.
        child.send_signal(signal.SIGSTOP)
        found = containers_of(docker_engine, child.pid)
        told = [json.dumps(docker_engine.api.inspect_container(item)) for item in found]
    finally:
        child.kill()
        child.wait()
        for item in containers_of(docker_engine, child.pid):
            docker_engine.api.remove_container(item, force=True, v=True)
    assert len(told) == 2
    places = [("the engine", "".join(told).encode()), *plain_contents(tmp_path)]
    assert {place: leak for place, data in places if (leak := found_in(data))} == {}


def wait_for_step(checkout: Checkout, child: subprocess.Popen[bytes], name: str) -> None:
    deadline = time.monotonic() + 60
    while not list((checkout.folder / ".orbyard").glob(f"runs/*/jobs/build/*{name}.log")):
        assert child.poll() is None, "it ended before"
        assert time.monotonic() < deadline, "the step did not begin within a minute"
        time.sleep(0.05)
