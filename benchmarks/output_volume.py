"""Steps that print much: the runner's memory and time at 1 MB and at 1 GB, and before a slow terminal.

The memory should be the same whatever a step prints. The time is that of the step, beside what the same
command takes with its output in a file. A slow terminal, which takes some kilobytes a second, should not
make the step slower. The job runs in a container where an engine answers, and on this machine.
"""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

IMAGE = os.environ.get("ORBYARD_TEST_JOB_IMAGE", "debian:bookworm-slim")
PROJECT = Path(__file__).resolve().parents[1]
SIZES = {"1 MB": 10**6, "1 GB": 10**9}
LINE = "Fetching something 1.2.3 from a mirror, which is a line of an ordinary length"
CONFIG = """
version: 2.1
jobs:
  build:
    docker: [{{image: {image}}}]
    steps: [run: {{name: Print much, command: '{command}'}}]
"""


def main() -> None:
    """Print memory and time of each combination."""
    for executor in ("host", "docker"):
        if executor == "docker" and not engine_answers():
            print("no Docker engine answers: only jobs on this machine are measured")
            return
        for name, size in SIZES.items():
            command = f'head -c {size} < <(yes "{LINE}")'
            print(f"{executor:6} {name}, output to a file    {to_file(executor, command):6.1f} s")
            for screen in ("plain", "live", "slow"):
                memory, seconds, busy = measure(executor, command, screen)
                words = f"{memory:6.1f} MB {seconds:6.1f} s, {busy:5.1f} s of processor"
                print(f"{executor:6} {name}, {screen:5} view: {words}")


def engine_answers() -> bool:
    """Return whether jobs can run in containers."""
    return subprocess.run(["docker", "version"], capture_output=True, check=False).returncode == 0


def to_file(executor: str, command: str) -> float:
    """Return the seconds that the command takes without the runner."""
    argv = ["/bin/bash", "-c", command]
    if executor == "docker":
        argv = ["docker", "run", "--rm", "--log-driver", "none", IMAGE, *argv]
    with tempfile.TemporaryFile() as file:
        began = time.monotonic()
        subprocess.run(argv, stdout=file, check=True)
        return time.monotonic() - began


def measure(executor: str, command: str, screen: str) -> tuple[float, float, float]:
    """Return the runner's peak memory in MB, the step's seconds, and the processor's for all of it."""
    with tempfile.TemporaryDirectory(prefix="orbyard-bench-") as name:
        root = Path(name)
        (root / ".circleci").mkdir()
        config = CONFIG.format(image=IMAGE, command=command)
        (root / ".circleci" / "config.yml").write_text(config)
        subprocess.run(["git", "init", "-q"], cwd=root, check=True)
        memory, busy = run(root, executor, screen)
        record = json.loads(next(root.glob(".orbyard/runs/*/run.json")).read_text())
        step = record["workflows"][0]["jobs"][0]["instances"][0]["steps"][0]
        assert step["status"] == "success"
        return memory, step["seconds"], busy


def run(root: Path, executor: str, screen: str) -> tuple[float, float]:
    """Run the job, and return the runner's peak memory in MB, and the seconds of processor."""
    words = ["ci.run", "--job", "build", "--executor", executor, "--no-tty"]
    argv = [sys.executable, "-c", "from pipeline.program import main; main()", *words]
    environ = os.environ | {
        "PYTHONPATH": str(PROJECT),
        "XDG_CACHE_HOME": str(root / "cache"),
        "TERM": "xterm-256color",
        "CI": "",
        "NO_COLOR": "",
    }
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(root)
        os.execve(sys.executable, [*argv, *(["--plain"] if screen == "plain" else [])], environ)
    pace_s = 0.25 if screen == "slow" else 0.0
    reader = threading.Thread(target=read, args=(terminal, pace_s), daemon=True)
    reader.start()
    _, status, usage = os.wait4(pid, 0)
    assert status == 0
    reader.join()
    os.close(terminal)
    return usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime


def read(terminal: int, pace_s: float) -> None:
    """Take what is shown, 1 KB at a time where the terminal is a slow one."""
    try:
        while os.read(terminal, 1024 if pace_s else 65536):
            time.sleep(pace_s)
    except OSError:
        return  # The program at the other end is gone.
