"""``save_cache`` and ``restore_cache``."""

from __future__ import annotations

import posixpath
import time
from collections.abc import Iterator

from pipeline.config.model import Step
from pipeline.runner.cache_keys import MissingChecksumFile, render_key
from pipeline.runner.job_run import JobRun, Outcome
from pipeline.runner.key_context import key_context
from pipeline.runner.relocation import joined, relocated
from pipeline.runner.step_log import StepLog
from pipeline.runner.store import AlreadyThere

__all__ = ["restore_cache", "save_cache"]


def save_cache(run: JobRun, step: Step, log: StepLog) -> Outcome:
    """Keep the paths under a key, unless the key is taken: caches are immutable."""
    try:
        key = render_key(str(step.options["key"]), key_context(run))
    except MissingChecksumFile as error:
        log.say(str(error))
        return Outcome(note="skipped")
    paths = _texts(step.options["paths"])
    saved = run.store.save_cache(
        run.project,
        key,
        joined(_packed(run, path, log) for path in paths),
        created_by=f"{run.run_id}/{run.spec.label}",
    )
    if isinstance(saved, AlreadyThere):
        log.say(f"Skipping cache generation, cache already exists for key: {key}")
        return Outcome(note="already there")
    log.say(f"Stored Cache to {key}")
    run.facts.setdefault("caches", []).append({"key": key, "action": "saved"})
    return Outcome(note="saved")


def _packed(run: JobRun, path: str, log: StepLog) -> Iterator[bytes]:
    absolute = run.absolute(path)
    try:
        archive = run.sandbox.read_archive(absolute)
        if absolute == run.in_place:
            name = posixpath.basename(absolute)
            yield from relocated(archive, run.portable(absolute), strip=name, leave_out=".orbyard")
        else:
            yield from relocated(archive, run.portable(posixpath.dirname(absolute)))
    except FileNotFoundError:
        log.say(f"Warning: skipping this path: {path} does not exist")


def restore_cache(run: JobRun, step: Step, log: StepLog) -> Outcome:
    """Put the newest cache back whose key begins with one of the keys."""
    keys = []
    for template in [*_texts(step.options.get("key")), *_texts(step.options.get("keys"))]:
        try:
            keys.append(render_key(template, key_context(run)))
        except MissingChecksumFile as error:
            log.say(str(error))
    started = time.monotonic()
    for key in keys:
        found = run.store.restore_cache(run.project, [key])
        if found is None:
            log.say(f"No cache is found for key: {key}")
            continue
        entry, content = found
        log.say(f"Found a cache from {entry.created_by} at {entry.key}")
        run.sandbox.put_cache(content)
        log.say(f"Restored in {time.monotonic() - started:.1f}s")
        run.facts.setdefault("caches", []).append({"key": entry.key, "action": "restored"})
        return Outcome(note=f"found {entry.key}")
    run.facts.setdefault("caches", []).append({"key": (keys or [""])[0], "action": "missed"})
    return Outcome(note="not found")


def _texts(value: object) -> list[str]:
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]
