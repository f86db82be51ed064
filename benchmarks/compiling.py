"""Compiling: 1,000 and 2,000 jobs of ten steps through parameterised commands; and `ci.validate`.

Doubling the jobs should double the time and the memory, and 1,000 jobs should take about a second;
`ci.validate` of an ordinary configuration should take 0.3 s, start-up included.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

ROUNDS = 5
ORDINARY = Path(__file__).resolve().parent.parent / ".circleci" / "config.yml"


def configuration(jobs: int) -> str:
    """Return a configuration with so many jobs, each of ten calls of parameterised commands."""
    lines = ["version: 2.1", "commands:"]
    for command in range(10):
        lines += [
            f"  command{command}:",
            "    parameters:",
            "      name: {type: string}",
            "      times: {type: integer, default: 1}",
            "    steps:",
            "      - run:",
            f"          name: step {command} of << parameters.name >>",
            "          command: |",
            "            echo << parameters.name >>",
            "            bin/work --times << parameters.times >>",
        ]
    lines += ["executors:", "  ruby:", "    docker: [{image: cimg/ruby:3.2.2}]", "jobs:"]
    for job in range(jobs):
        lines += [f"  job{job}:", "    executor: ruby", "    steps:"]
        for command in range(10):
            lines += [
                f"      - command{command}:",
                f"          name: job{job}",
                f"          times: {job}",
            ]
    lines += ["workflows:", "  main:", "    jobs:", *(f"      - job{job}" for job in range(jobs))]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print medians, ratios and memory."""
    from pipeline.config import compile as compile_config
    from pipeline.config import to_yaml

    medians = {}
    for jobs in (500, 1000, 2000):
        text = configuration(jobs)
        compiling, printing = [], []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            compiled = compile_config(text)
            compiling.append(time.perf_counter() - started)
            started = time.perf_counter()
            printed = to_yaml(compiled.data)
            printing.append(time.perf_counter() - started)
        tracemalloc.start()
        compile_config(text)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        medians[jobs] = statistics.median(compiling)
        ratio = f"{medians[jobs] / medians[jobs // 2]:.2f} x" if jobs // 2 in medians else ""
        print(
            f"{jobs:5} jobs, {len(text) / 1e6:.1f} MB: compile {medians[jobs]:.2f} s {ratio:7}"
            f" print {statistics.median(printing):.2f} s ({len(printed) / 1e6:.1f} MB),"
            f" memory {peak / len(printed):.0f} x the output"
        )
    orbyard = str(Path(sys.executable).with_name("orbyard"))
    environ = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    commands = {
        "import invoke": [sys.executable, "-c", "import invoke"],
        "ci.validate of this project's configuration": [orbyard, "ci.validate", str(ORDINARY)],
    }
    for name, argv in commands.items():
        taken = []
        for _ in range(15):
            started = time.perf_counter()
            subprocess.run(argv, capture_output=True, check=True, env=environ)
            taken.append(time.perf_counter() - started)
        print(f"{name}: {statistics.median(taken) * 1000:.0f} ms")


if __name__ == "__main__":
    main()
