"""Start-up: `orbyard --list` against `python -c "import invoke"`. It should be at most 1.5 times it."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 15


def main() -> None:
    """Print the medians and their ratio; the two commands take turns."""
    orbyard = str(Path(sys.executable).with_name("orbyard"))
    commands = {
        "import invoke": [sys.executable, "-c", "import invoke"],
        "orbyard --list": [orbyard, "--list"],
        "orbyard --help deploy": [orbyard, "--help", "deploy"],
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, argv in commands.items():
            started = time.perf_counter()
            subprocess.run(argv, capture_output=True, check=True)
            seconds[name].append(time.perf_counter() - started)
    base = statistics.median(seconds["import invoke"])
    for name, taken in seconds.items():
        median = statistics.median(taken)
        print(f"{name:24} {median * 1000:7.0f} ms   {median / base:.2f} x import invoke")


if __name__ == "__main__":
    main()
