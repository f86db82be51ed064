"""No secret value of a deploy is in any output, file or command line, however it ends."""

from __future__ import annotations

import base64
import os
import threading
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from examples.support.workbench import Workbench


def forms(value: str) -> set[bytes]:
    """Return how a value may be written."""
    texts = {value, quote(value, safe=""), base64.b64encode(value.encode()).decode()}
    return {text.encode() for text in texts}


class CommandLines(threading.Thread):
    """Collects the command lines of all processes while something runs."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.over = threading.Event()
        self.seen: set[bytes] = set()

    def run(self) -> None:
        while not self.over.is_set():
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(path.read_bytes())
                except OSError:
                    continue
            time.sleep(0.005)


def files_below(*folders: Path) -> dict[Path, bytes]:
    found = {}
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                found[path] = path.read_bytes()
    return found


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="command lines need /proc")
def test_nothing_secret_is_printed_written_or_passed_as_an_argument(
    bench: Workbench, tmp_path: Path
) -> None:
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    environ = {
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "DOCKER_CONFIG": os.environ.get("DOCKER_CONFIG", str(Path.home() / ".docker")),
        "ORBYARD_IMAGE_REPRODUCIBLE": "false",
    }
    needles = {form for value in bench.secrets.values() for form in forms(value)}
    watcher = CommandLines()
    watcher.start()
    runs = [
        bench.orbyard(*words, **environ)
        for words in (
            ("render", "--env", "staging"),
            ("plan", "--env", "staging"),
            ("deploy", "--env", "staging", "--debug"),
            ("status", "--env", "staging", "--json"),
            ("logs", "--env", "staging"),
        )
    ]
    bench.write_secret("postgresql://hoge:wrong-password-1@hoge-db/hoge")
    needles |= forms("wrong-password-1")
    failing = bench.orbyard(
        "migrate", "--env", "staging", "--debug", "--image", image(bench), **environ
    )
    watcher.over.set()
    watcher.join()
    assert [run.code for run in runs] == [0] * len(runs), "\n".join(run.text for run in runs)
    assert failing.code == 1, failing.text
    for run in [*runs, failing]:
        assert not [one for one in needles if one in run.text.encode()]
    written = files_below(bench.root, home, temporary)
    assert not {str(path) for path, content in written.items() for one in needles if one in content}
    assert any(b"sops" in one for one in watcher.seen)
    assert not [one for one in needles if any(one in line for line in watcher.seen)]


def image(bench: Workbench) -> str:
    from orbs.kubernetes.cluster import DEPLOYMENT

    with bench.cluster() as cluster:
        found = cluster.get(DEPLOYMENT, "hoge-app")
    assert found is not None
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"])


def test_a_child_that_prints_a_secret_is_masked(bench: Workbench) -> None:
    """The app itself prints its DATABASE_URL in a migration; the log shows it masked."""
    bench.write(
        "db/migrate/20240701120000_show.rb",
        "class Show < ActiveRecord::Migration[6.1]\n"
        "  def up\n    puts \"url is #{ENV['DATABASE_URL']}\"\n    $stdout.flush\n  end\nend\n",
    )
    bench.write_secret(bench.secrets["DATABASE_URL"])
    done = bench.orbyard("deploy", "--env", "staging", ORBYARD_IMAGE_REPRODUCIBLE="false")
    assert done.code == 0, done.text
    assert "url is ****" in done.err
