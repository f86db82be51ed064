"""Run every benchmark of this folder, or those named: `python -m benchmarks startup`."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import benchmarks

names = sys.argv[1:] or sorted(
    module.name for module in pkgutil.iter_modules(benchmarks.__path__) if module.name != "__main__"
)
for name in names:
    print(f"# {name}")
    importlib.import_module(f"benchmarks.{name}").main()
