"""Feeds the compiler broken configurations: `python -m tests.conformance.fuzz --minutes 60`.

Each is one of the suite's own with a few mutations, of its text or of its structure. What must hold:
nothing but a finding comes out, in bounded time; what compiles, compiles the same way twice, and its
processed form compiles to itself.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback
from typing import Any

from pipeline.config.compiler import check, compile
from pipeline.config.findings import ConfigError, Report
from pipeline.config.nodes import Source, to_data
from pipeline.config.printer import to_yaml
from pipeline.config.reader import Limits, read_document
from tests.conformance.support import load_cases

SLOW_S = 5.0
LIMITS = Limits(
    nodes=50_000, steps=5_000, expanded_nodes=100_000, expanded_text=1_000_000, jobs=500
)
WORDS = (
    "<<", ">>", "<< parameters.x >>", "<<# parameters.x >>", "<</ parameters.x >>", "\\<<", "<< pipeline.number >>",
    "<< matrix.x >>", "true", "null", "[]", "{}", "0", "1e999", "-", "- ", ": ", "&a ", "*a", "<<: *a", "!!str ",
    "|", ">", "'", '"', "#", "\t", "\r\n", "\0", "\ufeff", "\ud800", "é", "steps", "jobs", "when", "unless", "matrix",
    "requires", "name", "parameters", "executor", "docker", "environment", "orbs", "version: 2", "version: 2.1",
    "job-groups", "pre-steps", "filters", "/(a+)+$/", "pipeline.git.branch == \"main\"",
)  # fmt: skip
SCALARS: tuple[Any, ...] = (
    None, True, False, 0, -1, 3, 2**70, 1.5, float("nan"), float("inf"), "", " ", "x", "<< parameters.x >>",
    "v<< pipeline.number >>", "<< pipeline.parameters.p >>", "<<", "a/b", "orb/job", "build", "2019-01-01", "\n",
)  # fmt: skip


def mutate_text(text: str, rng: random.Random) -> str:
    """Insert, remove, double or replace a piece of a text."""
    at = rng.randrange(len(text) + 1)
    length = rng.choice((1, 2, 5, 20))
    action = rng.randrange(4)
    if action == 0:
        return text[:at] + rng.choice(WORDS) + text[at:]
    if action == 1:
        return text[:at] + text[at + length :]
    if action == 2:
        lines = text.splitlines(keepends=True) or [""]
        line = rng.randrange(len(lines))
        lines.insert(rng.randrange(len(lines) + 1), lines[line])
        return "".join(lines)
    return text[:at] + rng.choice(WORDS) + text[at + length :]


def mutate_data(value: Any, pool: list[Any], rng: random.Random) -> Any:
    """Replace, remove, move or rename one thing somewhere in a structure."""
    if isinstance(value, dict) and value and rng.random() < 0.8:
        key = rng.choice(list(value))
        if rng.random() < 0.6:
            return {**value, key: mutate_data(value[key], pool, rng)}
        changed = dict(value)
        action = rng.randrange(3)
        if action == 0:
            del changed[key]
        elif action == 1:
            changed[rng.choice(("x", "name", "steps", "jobs", "when", "run", "", key.upper()))] = (
                changed.pop(key)
            )
        else:
            changed[key] = rng.choice(pool)
        return changed
    if isinstance(value, list) and value and rng.random() < 0.8:
        at = rng.randrange(len(value))
        if rng.random() < 0.6:
            return [*value[:at], mutate_data(value[at], pool, rng), *value[at + 1 :]]
        return [*value[:at], rng.choice(pool), *value[at + rng.randrange(2) :]]
    return rng.choice((rng.choice(SCALARS), rng.choice(pool)))


def pieces(value: Any, into: list[Any]) -> None:
    """Collect every part of a structure."""
    into.append(value)
    if isinstance(value, dict):
        for item in value.values():
            pieces(item, into)
    elif isinstance(value, list):
        for item in value:
            pieces(item, into)


def examine(text: str, parameters: dict[str, Any]) -> None:
    """Compile a text, and raise AssertionError where it does not behave."""
    started = time.process_time()
    found = check(text, parameters=parameters, limits=LIMITS, all_workflows=True)
    assert found == check(text, parameters=parameters, limits=LIMITS, all_workflows=True)
    try:
        compiled = compile(text, parameters=parameters, limits=LIMITS)
    except ConfigError as error:
        assert error.findings, "refused without a reason"
        str(error)
        return
    finally:
        assert time.process_time() - started < SLOW_S, "too slow"
    printed = to_yaml(compiled.data)
    again = compile(printed, limits=LIMITS)
    assert to_yaml(again.data) == printed, "processing twice changes something"


def main(argv: list[str]) -> int:
    """Run for the given time; 1 where something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    rng = random.Random(options.seed)
    seeds = [case.data["config"] for case in load_cases() if "config" in case.data]
    pool: list[Any] = []
    for text in seeds:
        root = read_document(Source("seed", text), Report())
        if root is not None:
            pieces(to_data(root), pool)
    end = time.monotonic() + options.minutes * 60
    count = failures = compiled = 0
    while time.monotonic() < end and failures < 20:
        text = _mutated(rng.choice(seeds), pool, rng)
        count += 1
        try:
            examine(text, {"p": rng.choice(SCALARS)} if rng.random() < 0.1 else {})
            compiled += 1
        except Exception:
            failures += 1
            print(
                f"--- seed {options.seed}, input {count}\n{text}\n---",
                traceback.format_exc(),
                flush=True,
            )
    print(f"{count:,} configurations, {failures} failures")
    return 1 if failures else 0


def _mutated(text: str, pool: list[Any], rng: random.Random) -> str:
    for _ in range(rng.choice((1, 1, 2, 4))):
        if rng.random() < 0.5:
            text = mutate_text(text, rng)
            continue
        root = read_document(Source("seed", text), Report(), LIMITS)
        if root is not None:
            changed = to_yaml(mutate_data(to_data(root), pool, rng))
            text = changed if len(changed) < 20_000 else text
    return text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
