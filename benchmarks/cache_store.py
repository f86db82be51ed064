"""Caches: saving and restoring 300 MB in many files against `tar | zstd` on the same disk.

The store should reach 0.8 of its speed, although it also counts the files, sums the archive and checks
it before anything is unpacked. The folder is where temporary files go (TMPDIR).
"""

from __future__ import annotations

import os
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pipeline.runner.archive import pack_paths, unpack_safely
from pipeline.runner.store import Store

ROUNDS = 5
TREE_BYTES = 300_000_000
MEAN_FILE_BYTES = 15_000
FILES_PER_FOLDER = 25


def main() -> None:
    """Print the medians and ratios; the two ways take turns."""
    if shutil.which("zstd") is None or shutil.which("tar") is None:
        print("tar and zstd are wanted to compare with (apt-get install zstd)")
        return
    with tempfile.TemporaryDirectory(prefix="orbyard-bench-") as name:
        root = Path(name)
        source = root / "source"
        files = make_tree(source)
        print(f"{files:,} files, {TREE_BYTES / 1e6:.0f} MB, {ROUNDS} rounds")
        seconds: dict[str, list[float]] = {}
        for number in range(ROUNDS):
            measure_round(root, source, number, seconds)
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    for name, median in medians.items():
        print(f"{name:24} {median * 1000:7.0f} ms")
    save = medians["tar | zstd"] / medians["save_cache"]
    restore = medians["zstd -d | tar"] / medians["restore_cache"]
    print(f"save {save:.2f} and restore {restore:.2f} of the speed of tar and zstd")


def measure_round(root: Path, source: Path, number: int, seconds: dict[str, list[float]]) -> None:
    """Save and restore in both ways, the first way changing from round to round."""
    # Nothing is removed meanwhile: ext4 takes long to make files where many were removed a minute ago.
    theirs, ours = root / f"theirs-{number}", root / f"ours-{number}"
    theirs.mkdir()
    ours.mkdir()
    packed = root / "theirs.tar.zst"
    store = Store(root / "store", size_limit_bytes=TREE_BYTES * ROUNDS, warn=print)

    def save() -> None:
        store.save_cache("bench", f"k{number}", pack_paths(source, ["."]), created_by="bench")

    def restore() -> None:
        restored = store.restore_cache("bench", [f"k{number}"])
        assert restored is not None
        unpack_safely(restored[1], ours)

    saving = {
        "tar | zstd": lambda: shell(f"tar -C {source} -cf - . | zstd -q -f -o {packed}"),
        "save_cache": save,
    }
    restoring = {
        "zstd -d | tar": lambda: shell(f"zstd -q -d -c {packed} | tar -C {theirs} -xf -"),
        "restore_cache": restore,
    }
    for ways in (saving, restoring):
        for name, work in list(ways.items())[:: 1 if number % 2 else -1]:
            seconds.setdefault(name, []).append(timed(work))


def make_tree(folder: Path) -> int:
    """Make files half of words, half of noise, as a cache of packages is; return how many."""
    chance = random.Random(1)
    letters = b"abcdefghijklmnopqrstuvwxyz"
    words = [bytes(chance.choices(letters, k=chance.randint(2, 9))) for _ in range(3000)]
    count = total = 0
    while total < TREE_BYTES:
        parent = folder / f"package-{count // FILES_PER_FOLDER}" / "lib"
        parent.mkdir(parents=True, exist_ok=True)
        size = int(chance.expovariate(1 / MEAN_FILE_BYTES)) // 2
        content = b" ".join(chance.choices(words, k=size // 6)) + chance.randbytes(size)
        (parent / f"file-{count}.rb").write_bytes(content)
        count, total = count + 1, total + len(content)
    return count


def shell(command: str) -> None:
    """Run a pipeline."""
    subprocess.run(["bash", "-o", "pipefail", "-c", command], check=True)


def timed(work: Callable[[], None]) -> float:
    """Return how many seconds it takes, on a disk that has nothing left to write."""
    os.sync()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
