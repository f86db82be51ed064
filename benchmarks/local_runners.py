"""`orbyard ci.run` against gitlab-ci-local, and against Docker by hand, with the same work in the same run.

gitlab-ci-local is taken from PATH or from GITLAB_CI_LOCAL; `npm install -g gitlab-ci-local` installs it (it
wants Node.js 22, rsync, and its image firecow/gitlab-ci-local-util). Each way takes its turn in each round;
the medians are printed, whole commands as a user runs them, start-up included.

Then the runner's own overhead, from its records: of a step over the same program started by hand in a
running container, of a docker job over `docker run`, and of a host job over a shell. Fifty docker jobs, one
after the other and several at once, stand beside as many `docker run` by xargs: how much an engine does at
once is not ours to choose.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

IMAGE = os.environ.get("ORBYARD_BENCH_IMAGE", "debian:bookworm-slim")
ROUNDS = 5
STEPS = 20
JOBS = 8
MANY = 50
TIMEOUT_S = 300


def main() -> None:
    """Print what each pipeline takes, and the runner's overhead."""
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        print("no Docker engine answers: nothing is measured")
        return
    subprocess.run(["docker", "pull", "-q", IMAGE], capture_output=True, check=False)
    with tempfile.TemporaryDirectory(prefix="orbyard-bench-") as name:
        root = Path(name)
        compare(root)
        overhead(root)


def compare(root: Path) -> None:
    """Print the same pipelines run by both."""
    theirs = os.environ.get("GITLAB_CI_LOCAL") or shutil.which("gitlab-ci-local")
    print(f"whole commands, median of {ROUNDS} rounds")
    pipelines = {
        "one job": 1,
        f"{JOBS} jobs at once": JOBS,
    }
    for title, jobs in pipelines.items():
        folder = project(root / title.replace(" ", "-"), jobs)
        ways: dict[str, list[str]] = {
            "orbyard": [orbyard(), "ci.run", "--jobs", "4"],
            "orbyard --executor host": [orbyard(), "ci.run", "--jobs", "4", "--executor", "host"],
        }
        if theirs:
            flags = ["--pull-policy", "if-not-present", "--concurrency", "4"]
            ways["gitlab-ci-local"] = [theirs, *flags]
            ways["gitlab-ci-local --force-shell-executor"] = [
                theirs,
                *flags,
                "--force-shell-executor",
            ]
        for way, seconds in in_turns(ways, folder).items():
            print(f"  {title:20} {way:40} {seconds * 1000:7.0f} ms")
    if not theirs:
        print("  gitlab-ci-local is not here: npm install -g gitlab-ci-local")


def overhead(root: Path) -> None:
    """Print what the runner adds to the work itself."""
    by_hand, stop = running_container()
    try:
        step = statistics.median(by_hand() for _ in range(ROUNDS * 4))
    finally:
        stop()
    plain = median_of(["docker", "run", "--rm", IMAGE, "true"], root)
    shell = median_of(["bash", "-c", "true"], root)
    steps = runs(project(root / "steps", 1, STEPS + 1), "--job", "job-0")
    one = runs(project(root / "one", 1), "--job", "job-0")
    host = runs(root / "one", "--job", "job-0", "--executor", "host")
    per_step = (steps - one) / STEPS
    print("overhead, without start-up")
    print(f"  a step        {per_step * 1000:6.0f} ms, by hand {step * 1000:.0f}")
    print(f"  a docker job  {one * 1000:6.0f} ms, docker run {plain * 1000:.0f}")
    print(f"  a host job    {host * 1000:6.0f} ms, bash -c {shell * 1000:.0f}")
    many = project(root / "many", MANY)
    for at_once in (1, 2, 4):
        ours = runs(many, "--jobs", str(at_once), rounds=1)
        shell_line = f"seq {MANY} | xargs -P{at_once} -I_ docker run --rm {IMAGE} true"
        by_xargs = seconds_of(["bash", "-c", shell_line], root)
        print(f"  {MANY} docker jobs, {at_once} at once {ours:6.1f} s, docker run {by_xargs:.1f} s")


def project(folder: Path, jobs: int, steps: int = 1) -> Path:
    """Return a repository in which both have the same jobs to run."""
    (folder / ".circleci").mkdir(parents=True)
    names = [f"job-{number}" for number in range(jobs)]
    circle = {
        "version": 2.1,
        "jobs": {
            name: {"docker": [{"image": IMAGE}], "steps": ["checkout", *[{"run": "true"}] * steps]}
            for name in names
        },
        "workflows": {"all": {"jobs": names}},
    }
    gitlab = {name: {"image": IMAGE, "script": ["true"] * steps} for name in names}
    # JSON is YAML.
    (folder / ".circleci" / "config.yml").write_text(json.dumps(circle))
    (folder / ".gitlab-ci.yml").write_text(json.dumps(gitlab))
    (folder / ".gitignore").write_text(".gitlab-ci-local/\n")
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for words in (
        ["init", "-q"],
        ["remote", "add", "origin", "git@example.com:team/app.git"],
        ["add", "."],
        ["commit", "-qm", "first"],
    ):
        subprocess.run([*git, *words], check=True)
    return folder


def in_turns(ways: dict[str, list[str]], folder: Path) -> dict[str, float]:
    """Return the median seconds of each way; the first round does not count."""
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS + 1):
        for way, argv in ways.items():
            taken[way].append(seconds_of(argv, folder))
    return {way: statistics.median(seconds[1:]) for way, seconds in taken.items()}


def median_of(argv: list[str], folder: Path) -> float:
    """Return the median seconds of a command."""
    return statistics.median(seconds_of(argv, folder) for _ in range(ROUNDS))


def seconds_of(argv: list[str], folder: Path) -> float:
    """Return the seconds that a command takes; it has to go well."""
    environ = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    started = time.perf_counter()
    done = subprocess.run(
        argv, cwd=folder, env=environ, capture_output=True, timeout=TIMEOUT_S, check=False
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"{' '.join(argv)} failed:\n{done.stderr.decode()[-2000:]}")
    return seconds


def runs(folder: Path, *words: str, rounds: int = ROUNDS) -> float:
    """Return the median seconds of a run's jobs, as its record tells them."""
    taken = []
    for _ in range(rounds):
        seconds_of([orbyard(), "ci.run", *words], folder)
        newest = max(
            (folder / ".orbyard" / "runs").iterdir(), key=lambda path: path.stat().st_mtime
        )
        taken.append(json.loads((newest / "run.json").read_text())["seconds"])
    return statistics.median(taken)


def running_container() -> tuple[Callable[[], float], Callable[[], None]]:
    """Return what times `true` in a running container through the engine's API, and what ends it."""
    import docker

    client = docker.from_env()
    container = client.containers.run(IMAGE, ["sleep", "600"], detach=True, init=True)

    def once() -> float:
        started = time.perf_counter()
        container.exec_run(["/bin/sh", "-c", "true"])
        return time.perf_counter() - started

    return once, lambda: container.remove(force=True)


def orbyard() -> str:
    """Return the command beside this Python."""
    return str(Path(sys.executable).with_name("orbyard"))
