"""A checkout with a configuration, run by ``orbyard ci.run`` as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.runner.owner import RUN_LABEL, owner_of_labels

Done = subprocess.CompletedProcess[str]
PROJECT = Path(__file__).resolve().parents[3]
IMAGE = os.environ.get("ORBYARD_TEST_JOB_IMAGE", "cimg/ruby:3.1-node")
"""An image with bash and git whose user is not root."""
PLAIN_IMAGE = "debian:bookworm-slim"


def containers_of(docker_engine: Any, pid: int) -> list[str]:
    """The containers that a process of this machine has made and not removed; others' runs may go on."""
    found = docker_engine.api.containers(all=True, filters={"label": RUN_LABEL})
    owned = [(item["Id"], owner_of_labels(item["Labels"])) for item in found]
    return [container for container, owner in owned if owner is not None and owner.pid == pid]


@dataclass
class Checkout:
    """A repository with a configuration, and a store of its own."""

    folder: Path
    store: Path

    def write(self, config: str) -> None:
        path = self.folder / ".circleci" / "config.yml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(config.replace("IMAGE", IMAGE).replace("PLAIN", PLAIN_IMAGE))

    def environ(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(PROJECT), "XDG_CACHE_HOME": str(self.store)}

    def argv(self, *words: str, task: str = "ci.run") -> list[str]:
        return [sys.executable, "-c", "from pipeline.program import main; main()", task, *words]

    def run(self, *words: str, task: str = "ci.run", timeout_s: float = 180) -> Done:
        return subprocess.run(
            self.argv(*words, task=task),
            cwd=self.folder,
            env=self.environ(),
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
        )

    def record(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.newest() / "run.json").read_text())
        return found

    def statuses(self) -> dict[str, str]:
        return {name: job["status"] for name, job in self.jobs().items()}

    def newest(self) -> Path:
        """The folder of the last run."""
        runs = (self.folder / ".orbyard" / "runs").iterdir()
        return max(runs, key=lambda path: path.stat().st_ctime_ns)

    def jobs(self) -> dict[str, dict[str, Any]]:
        """The jobs of all workflows by their names, each with the steps and facts of its first instance."""
        found = {}
        for flow in self.record()["workflows"]:
            for job in flow["jobs"]:
                first = job["instances"][0] if job["instances"] else {"steps": [], "facts": {}}
                found[job["name"]] = {**job, "steps": first["steps"], "facts": first["facts"]}
        return found

    def instances(self, job: str) -> list[dict[str, Any]]:
        """The instances of a job in their order, as the record has them."""
        for flow in self.record()["workflows"]:
            for one in flow["jobs"]:
                if one["name"] == job:
                    return sorted(one["instances"], key=lambda each: each["node_index"])
        raise LookupError(job)

    def steps(self, job: str = "build") -> dict[str, dict[str, Any]]:
        """The steps of a job by their names, each with the lines of its log."""
        found = {}
        for step in self.jobs()[job]["steps"]:
            log = Path(step["log"]).read_text() if step["log"] else ""
            found[step["name"]] = {**step, "lines": log.splitlines(), "text": log}
        return found

    def build(self, steps: str, *words: str, image: str = "IMAGE", keys: str = "") -> Done:
        """Run a job ``build`` with these steps, in a container or, with ``--executor host``, here."""
        self.write(
            "version: 2.1\njobs:\n  build:\n"
            f"    docker: [{{image: {image}}}]\n"
            + textwrap.indent(textwrap.dedent(keys), "    ")
            + "    steps:\n"
            + textwrap.indent(textwrap.dedent(steps), "      ")
        )
        return self.run(*words)

    def git(self, *words: str, cwd: Path | None = None) -> str:
        """Run git in the checkout."""
        who = [
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@example.com",
            "-c",
            "protocol.file.allow=always",
        ]
        done = subprocess.run(
            ["git", *who, *words],
            cwd=cwd or self.folder,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout
