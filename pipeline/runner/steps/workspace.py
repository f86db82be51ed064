"""``persist_to_workspace`` and ``attach_workspace``."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator

from pipeline.config.model import Step
from pipeline.runner.job_run import JobRun, Outcome, StepFailed
from pipeline.runner.relocation import joined, relocated, renamed
from pipeline.runner.step_log import StepLog
from pipeline.runner.workspaces import conflict_message, find_conflicts

__all__ = ["attach_workspace", "persist_to_workspace"]

_MATCH = (
    'cd "$1" || exit 3; shift; IFS=; for pattern in "$@"; do for path in $pattern; do'
    ' if [ -e "$path" ] || [ -L "$path" ]; then printf "%s\\0" "$path"; fi; done; done'
)
"""Prints what the patterns match below the root; the shell's globs are Go's but for hidden files."""


_READ_ALONE = 4
"""Paths of one folder that are read one by one; of more, all that the folder has is read once."""


def persist_to_workspace(run: JobRun, step: Step, log: StepLog) -> Outcome:
    """Add what the paths match below ``root`` as a layer of the workspace."""
    root = run.absolute(str(step.options["root"]))
    written = step.options["paths"]
    patterns = [str(item) for item in written] if isinstance(written, list) else [str(written)]
    code, printed = run.sandbox.capture(["/bin/sh", "-c", _MATCH, "sh", root, *patterns])
    if code:
        log.say(f"Error locating workspace root directory: stat {root}: no such file or directory")
        raise StepFailed
    paths = sorted({part.decode(errors="surrogateescape") for part in printed.split(b"\0") if part})
    if not paths:
        log.say(f"The specified paths did not match any files in {root}")
        raise StepFailed
    run.store.add_layer(
        run.run_id,
        run.spec.of_workflow(run.spec.name),
        run.spec.node_index,
        joined(_packed(run, root, paths)),
    )
    log.say(f"Persisted {', '.join(paths[:10])}{' …' if len(paths) > 10 else ''}")
    return Outcome(note=f"{len(paths)} paths")


def _packed(run: JobRun, root: str, paths: Iterable[str]) -> Iterator[Iterator[bytes]]:
    """Yield archives of the paths, with names below the root."""
    by_folder: dict[str, list[str]] = {}
    for path in paths:
        absolute = posixpath.normpath(posixpath.join(root, path))
        if absolute == root:
            yield _packed_root(run, root)
        else:
            by_folder.setdefault(posixpath.dirname(absolute), []).append(absolute)
    for folder, found in by_folder.items():
        below = posixpath.relpath(folder, root)
        if len(found) > _READ_ALONE:
            yield _packed_of(run, folder, below, {posixpath.basename(path) for path in found})
        else:
            for path in found:
                yield relocated(run.sandbox.read_archive(path), "" if below == "." else below)


def _packed_root(run: JobRun, root: str) -> Iterator[bytes]:
    # The archive of a folder begins with the folder itself; its name must not be part of the layer.
    name = posixpath.basename(root)
    left_out = ".orbyard" if run.in_place else ""
    return relocated(run.sandbox.read_archive(root), "", strip=name, leave_out=left_out)


def _packed_of(run: JobRun, folder: str, below: str, names: set[str]) -> Iterator[bytes]:
    """Return an archive of some of a folder's files, out of one of all of them."""
    top = posixpath.basename(folder)

    def rename(name: str) -> str | None:
        inner = name.removeprefix(f"{top}/") if top else name
        if inner.partition("/")[0] not in names or inner == name == top:
            return None
        return posixpath.normpath(posixpath.join(below, inner))

    return renamed(run.sandbox.read_archive(folder), rename)


def attach_workspace(run: JobRun, step: Step, log: StepLog) -> Outcome:
    """Unpack the layers of the jobs upstream, in the order of the graph."""
    at = run.absolute(str(step.options["at"]))
    named = run.spec.of_workflow
    layers = run.store.layers_of(run.run_id, [named(job) for job in run.spec.upstream])
    if not layers:
        log.say("No workspace layers: no job upstream has persisted anything")
        return Outcome(note="nothing upstream")
    conflicts = find_conflicts(
        layers, {named(job): tuple(map(named, needs)) for job, needs in run.spec.requires.items()}
    )
    if conflicts:
        log.say(conflict_message(conflicts))
        raise StepFailed
    code, _ = run.sandbox.capture(["/bin/sh", "-c", 'mkdir -p "$1"', "sh", at])
    if code:
        log.say(f"{at} cannot be made")
        raise StepFailed
    log.say("Downloading workspace layers")
    for layer in layers:
        log.say(f"  {layer.job}")
        run.sandbox.put_archive(at, run.store.open_layer(layer), outward_links=True)
    log.say("Applying workspace layers")
    return Outcome(note=f"{len(layers)} layers")
