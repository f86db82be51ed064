"""Stores that several share: machines a bucket, runs a folder; and runs that are old. With real runs."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipeline.runner.archive import write_archive
from pipeline.runner.bucket_records import name_of
from tests.integration.runner.bucket_service import CREDENTIALS, BucketService, Refusal, free_port
from tests.integration.runner.harness import PROJECT, Checkout, Done

SECRET = CREDENTIALS["AWS_SECRET_ACCESS_KEY"]
CACHING = """
- restore_cache: {keys: [v1-gems-exact, v1-gems-]}
- run: mkdir -p ~/gems; cat ~/gems/who 2>/dev/null || echo "$WHO" > ~/gems/who
- save_cache: {key: v1-gems-exact, paths: [~/gems]}
"""
MEETING = """
- run: |
    mkdir -p ~/gems; head -c 3000000 /dev/urandom > ~/gems/noise; echo "$WHO" > ~/gems/who
    touch "$PLACE/$WHO"
    for i in $(seq 600); do test $(ls "$PLACE" | wc -l) = 2 && break; sleep 0.05; done
- save_cache: {key: same, paths: [~/gems]}
"""


@dataclass
class Laptop:
    """A checkout on a machine of its own: own files, own store; the same remote."""

    checkout: Checkout
    name: str

    def environ(self) -> dict[str, str]:
        return {**self.checkout.environ(), "USER": self.name, "LOGNAME": self.name}

    def build(self, steps: str, *words: str) -> Done:
        """Run a job with these steps on the machine itself."""
        return self.checkout.build(steps, "--executor", "host", *words)

    def cached(self, *words: str) -> Done:
        """Run the job that restores, makes and saves a cache."""
        return self.build(CACHING, "--env", f"WHO={self.name}", *words)

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.checkout.argv("--executor", "host", *words),
            cwd=self.checkout.folder,
            env=self.checkout.environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )

    def orbyard(self, *words: str) -> Done:
        return subprocess.run(
            [sys.executable, "-c", "from pipeline.program import main; main()", *words],
            cwd=self.checkout.folder,
            env=self.checkout.environ(),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def log(self) -> str:
        return "".join(step["text"] for step in self.checkout.steps().values())

    def caches(self, *words: str) -> dict[str, dict[str, Any]]:
        done = self.orbyard("ci.cache.ls", "--json", *words)
        assert done.returncode == 0, done.stderr
        return {row["key"]: row for row in json.loads(done.stdout)}


@pytest.fixture
def laptop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Laptop]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)

    def make(name: str) -> Laptop:
        folder = tmp_path / name / "app"
        folder.mkdir(parents=True)
        checkout = Checkout(folder, tmp_path / name / "cache")
        checkout.git("init", "-q")
        checkout.git("remote", "add", "origin", "git@github.com:acme/app.git")
        checkout.git("commit", "-q", "--allow-empty", "-m", "first")
        return Laptop(checkout, name)

    return make


@pytest.fixture
def alice(laptop: Callable[[str], Laptop]) -> Laptop:
    return laptop("alice")


@pytest.fixture
def bob(laptop: Callable[[str], Laptop]) -> Laptop:
    return laptop("bob")


@pytest.fixture
def shared(service: BucketService, monkeypatch: pytest.MonkeyPatch) -> BucketService:
    """The bucket, set as the store of all laptops."""
    for name, value in service.settings().items():
        monkeypatch.setenv(name, value)
    return service


def gems(service: BucketService, key: str = "v1-gems-exact") -> str:
    return f"team/{name_of('gh/acme/app', key)}"


# Sharing


def test_two_laptops_share_what_one_of_them_saved(
    shared: BucketService, alice: Laptop, bob: Laptop
) -> None:
    first = alice.cached()
    assert first.returncode == 0, first.stderr
    assert "Stored Cache to v1-gems-exact" in alice.log()
    assert "saved v1-gems-exact" in first.stderr
    assert shared.names() == [gems(shared)]
    done = bob.cached()
    assert done.returncode == 0, done.stderr
    assert "Found a cache from" in bob.log()
    assert "fetched v1-gems-exact" in done.stderr
    assert "cache already exists for key" in bob.log()
    here = bob.caches()["v1-gems-exact"]
    assert here["created_by"].startswith(alice.checkout.newest().name)
    assert bob.build("- restore_cache: {key: v1-}\n- run: cat ~/gems/who\n").returncode == 0
    assert "alice" in bob.log()
    assert "bob" not in bob.log()


def test_caches_in_the_bucket_are_listed_and_removed(
    shared: BucketService, alice: Laptop, bob: Laptop
) -> None:
    alice.cached()
    assert bob.caches() == {}
    assert bob.caches("--bucket")["v1-gems-exact"]["where"] == "bucket"
    assert alice.caches("--bucket")["v1-gems-exact"]["where"] == "here, bucket"
    kept = alice.orbyard("ci.cache.rm", "v1-gems-exact")
    assert "--bucket removes it there, too" in kept.stderr
    assert alice.caches("--bucket")["v1-gems-exact"]["where"] == "bucket"
    assert bob.orbyard("ci.cache.rm", "--bucket", "--prefix", "v1-").returncode == 0
    assert shared.names() == []
    assert alice.caches("--bucket") == {}


def test_of_two_laptops_that_save_at_once_the_bucket_keeps_one_and_both_have_it(
    shared: BucketService, alice: Laptop, bob: Laptop, tmp_path: Path
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    for each in (alice, bob):
        each.checkout.write(
            "version: 2.1\njobs:\n  build:\n    machine: true\n    steps:\n"
            + "\n".join("      " + line for line in MEETING.splitlines())
        )
    racing = [
        each.start("--env", f"WHO={each.name}", "--env", f"PLACE={place}") for each in (alice, bob)
    ]
    for child in racing:
        _out, err = child.communicate(timeout=120)
        assert child.returncode == 0, err
    assert shared.names() == [gems(shared, "same")]
    said = [each.log() for each in (alice, bob)]
    assert sorted("Stored Cache to same" in log for log in said) == [False, True]
    assert sorted("cache already exists" in log for log in said) == [False, True]
    restored = []
    for each in (alice, bob):
        each.build("- restore_cache: {key: same}\n- run: {name: who, command: cat ~/gems/who}\n")
        restored.append(each.checkout.steps()["who"]["text"])
    assert restored[0] == restored[1]
    assert [name for name in ("alice", "bob") if name in restored[0]] == [
        "alice" if "Stored Cache" in said[0] else "bob"
    ]


# Trouble


def test_a_bucket_that_does_not_answer_is_one_warning(
    shared: BucketService, alice: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORBYARD_CI_STORE_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    done = alice.cached()
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("is not used in this run") == 1
    again = alice.cached()
    assert "Found a cache from" in alice.log()
    assert again.returncode == 0
    monkeypatch.setenv("ORBYARD_CI_STORE_ENDPOINT", shared.endpoint)
    assert alice.cached().returncode == 0
    assert shared.names() == [gems(shared)]


def test_whoever_may_only_read_takes_caches_and_saves_none(
    shared: BucketService, alice: Laptop, bob: Laptop
) -> None:
    alice.cached()
    shared.refusals.append(Refusal("PUT", "403 Forbidden", "AccessDenied"))
    done = bob.build(
        "- restore_cache: {key: v1-}\n"
        "- run: mkdir -p ~/own && date > ~/own/date\n"
        "- save_cache: {key: own-1, paths: [~/own]}\n"
        "- save_cache: {key: own-2, paths: [~/own]}\n"
    )
    assert done.returncode == 0, done.stderr
    assert "Found a cache from" in bob.log()
    assert done.stderr.count("nothing is saved to the shared store in this run") == 1
    assert sorted(bob.caches()) == ["own-1", "own-2", "v1-gems-exact"]
    assert shared.names() == [gems(shared)]


def test_a_damaged_object_is_a_miss_with_a_warning(
    shared: BucketService, alice: Laptop, bob: Laptop
) -> None:
    alice.cached()
    name = gems(shared)
    found = shared.client.head_object(Bucket="acme-ci", Key=name)
    content = shared.read(name)
    shared.client.put_object(
        Bucket="acme-ci", Key=name, Body=content[:-4] + b"evil", Metadata=found["Metadata"]
    )
    done = bob.cached()
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("is passed over: its SHA-256 is another one") == 1
    assert "No cache is found for key: v1-gems-" in bob.log()
    assert "Stored Cache to v1-gems-exact" in bob.log()
    assert bob.orbyard("ci.cache.rm", "--bucket", "v1-gems-exact").returncode == 0
    assert shared.names() == []


def test_hostile_objects_put_nothing_anywhere(
    shared: BucketService, bob: Laptop, tmp_path: Path
) -> None:
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        info = tarfile.TarInfo("~/../../escaped")
        info.size = 4
        archive.addfile(info, io.BytesIO(b"evil"))
    made = write_archive([tar.getvalue()], tmp_path / "archive")
    content = (tmp_path / "archive").read_bytes()
    facts = {"sha256": made.digest, "tar_bytes": str(made.tar_bytes)}
    shared.put(gems(shared, "v1-gems-a"), content, **facts, created_by="%1B%5B2J")
    shared.put(gems(shared, "v1-gems-b"), content, sha256="../../../x", tar_bytes="1")
    shared.put(gems(shared, "v1-gems-c"), b"no archive", **facts)
    shared.put(gems(shared, "v1-gems-d").replace("gems-d", "gems-!1B!5B2J"), content, **facts)
    done = bob.cached()
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("is passed over") == 3
    assert "\x1b[2J" not in done.stderr
    assert "No cache is found for key: v1-gems-" in bob.log()
    assert list(tmp_path.rglob("escaped")) == []
    assert list(bob.caches()) == ["v1-gems-exact"]


def test_no_credentials_are_a_warning_and_credentials_are_nowhere(
    shared: BucketService, alice: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    leak = f"env; printf %s {SECRET[:6]}; printf '%s\\n' {SECRET[6:]}"
    done = alice.build(f"- run: {leak}\n" + CACHING.lstrip("\n"))
    assert done.returncode == 0
    files = [path for path in alice.checkout.folder.rglob("*") if path.is_file()]
    kept = [path for path in files if ".orbyard" in path.parts]
    assert kept
    assert "****" in alice.log()
    assert SECRET not in done.stderr + "".join(path.read_text() for path in kept)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    without = alice.cached()
    assert without.returncode == 0
    assert without.stderr.count("Unable to locate credentials") == 1
    assert "AWS_PROFILE" in without.stderr


# One folder


def test_two_runs_at_once_save_the_same_key_in_the_same_folder(
    alice: Laptop, bob: Laptop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "store"
    monkeypatch.setenv("ORBYARD_CI_STORE", str(store))
    place = tmp_path / "place"
    place.mkdir()
    racing = []
    for each in (alice, bob):
        each.checkout.write(
            "version: 2.1\njobs:\n  build:\n    machine: true\n    steps:\n"
            + "\n".join("      " + line for line in MEETING.splitlines())
        )
        racing.append(each.start("--env", f"WHO={each.name}", "--env", f"PLACE={place}"))
    for child in racing:
        _out, err = child.communicate(timeout=120)
        assert child.returncode == 0, err
    said = [each.log() for each in (alice, bob)]
    assert sorted("Stored Cache to same" in log for log in said) == [False, True]
    winner = alice if "Stored Cache" in said[0] else bob
    assert list(alice.caches()) == ["same"]
    assert alice.caches()["same"]["created_by"].startswith(winner.checkout.newest().name)
    for each in (alice, bob):
        each.build("- restore_cache: {key: same}\n- run: {name: who, command: cat ~/gems/who}\n")
        assert winner.name in each.checkout.steps()["who"]["text"]
    assert list((store / "tmp").iterdir()) == []
    assert len(list(store.glob("blobs/*/*"))) == 1


# Old runs

PERSISTING = """
- run: echo "$CIRCLE_WORKFLOW_ID" > id
- store_artifacts: {path: id}
- persist_to_workspace: {root: ., paths: [id]}
"""


def workspaces(laptop: Laptop) -> int:
    stats: dict[str, int] = json.loads(laptop.orbyard("ci.cache.stats", "--json").stdout)
    return stats["workspaces"]


def test_old_runs_go_with_their_workspaces(alice: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORBYARD_CI_KEEP_RUNS", "2")
    runs = alice.checkout.folder / ".orbyard" / "runs"
    for _ in range(3):
        assert alice.build(PERSISTING).returncode == 0
    kept = sorted(path.name for path in runs.iterdir())
    assert len(kept) == 2
    assert all((runs / run / "run.json").exists() for run in kept)
    assert workspaces(alice) == 2
    assert alice.orbyard("ci.cache.rm", "--workspaces").returncode == 0
    assert workspaces(alice) == 0


def test_a_run_that_goes_on_is_not_removed_by_a_later_one(
    alice: Laptop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORBYARD_CI_KEEP_RUNS", "1")
    go = tmp_path / "go"
    os.mkfifo(go)
    alice.checkout.write(
        "version: 2.1\njobs:\n  build:\n    machine: true\n    steps:\n"
        "      - run: 'echo first > id; echo started > \"$GO\"'\n"
        "      - persist_to_workspace: {root: ., paths: [id]}\n"
        "      - run: 'cat \"$GO\"'\n"
        "      - attach_workspace: {at: again}\n"
    )
    first = alice.start("--env", f"GO={go}")
    assert go.read_text() == "started\n"
    runs = alice.checkout.folder / ".orbyard" / "runs"
    (older,) = runs.iterdir()
    for _ in range(2):
        assert alice.build("- run: 'true'\n").returncode == 0
    assert older.exists()
    assert len(list(runs.iterdir())) == 2
    assert workspaces(alice) == 1
    go.write_text("go\n")
    _out, err = first.communicate(timeout=60)
    assert first.returncode == 0, err
    assert older.exists()
    assert alice.build("- run: 'true'\n").returncode == 0
    assert not older.exists()
    assert workspaces(alice) == 0


def test_a_project_can_do_without_boto3_until_it_names_a_bucket(
    alice: Laptop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hiding = tmp_path / "hiding"
    hiding.mkdir()
    (hiding / "sitecustomize.py").write_text(
        "import sys\nsys.modules['boto3'] = sys.modules['botocore'] = None\n"
    )
    path = f"{hiding}{os.pathsep}{PROJECT}"
    monkeypatch.setattr(
        Checkout, "environ", lambda self: {**os.environ, "PYTHONPATH": path, "HOME": str(tmp_path)}
    )
    assert alice.cached().returncode == 0
    monkeypatch.setenv("ORBYARD_CI_STORE", "s3://acme-ci")
    refused = alice.cached()
    assert refused.returncode == 3
    assert "pip install 'orbyard[s3]'" in refused.stderr


@contextmanager
def silent_service(method: str) -> Iterator[tuple[str, threading.Event]]:
    """A service that has nothing, and never answers one kind of requests; it tells when one has come."""
    come, over = threading.Event(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline()
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            if self.command == method:
                come.set()
                over.wait(60)
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", come
        finally:
            over.set()
            server.shutdown()


@pytest.mark.parametrize("method", ["HEAD", "PUT"])
def test_a_bucket_that_is_silent_does_not_hold_up_a_run_that_is_stopped(
    alice: Laptop, method: str
) -> None:
    pytest.importorskip("boto3")
    with silent_service(method) as (endpoint, come):
        (alice.checkout.folder / "orbyard.yml").write_text(
            f"ci: {{store: 's3://acme/ci', store_endpoint: '{endpoint}'}}\n"
        )
        alice.checkout.write("""
version: 2.1
jobs:
  build:
    machine: true
    steps: [run: echo x > file, save_cache: {key: one, paths: [file]}]
""")
        run = alice.start()
        assert come.wait(60)
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=15)
        assert run.returncode == 130, err
        assert "Traceback" not in err
        assert alice.checkout.statuses() == {"build": "canceled"}
