"""``circleci tests glob``, ``split`` and ``run`` as jobs call them: flags, input and output.

What they decide by stands in :mod:`~pipeline.runner.test_splitting`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pipeline.errors import InvalidInput
from pipeline.runner.agent_messages import (
    Answer,
    JobFacts,
    Needed,
    Request,
    lines_of,
    read_options,
    stdin_of,
    text_of,
)
from pipeline.runner.durations import parse_duration
from pipeline.runner.test_splitting import (
    TIMING_TYPES,
    Split,
    SplitBy,
    expand_braces,
    glob_files,
    glob_root,
    has_failed,
    read_items,
    read_timings,
    split_items,
    timing_weights,
)

__all__ = ["answer_glob", "answer_run", "answer_split"]

_SIZES_AT_ONCE = 200
"""Files that one ``wc`` is asked for: a command line has a limit."""

_SPLIT_FLAGS = {
    "--split-by": True,
    "--index": True,
    "--total": True,
    "--timings-type": True,
    "--timings-file": True,
    "--time-default": True,
    "--show-counts": False,
}


def answer_glob(request: Request) -> Answer:
    """Answer ``tests glob PATTERN…``."""
    _, patterns = read_options(request.arguments, {})
    if not patterns:
        raise InvalidInput("it needs a pattern", hint='as "spec/**/*_spec.rb", in quotes')
    roots = _roots(patterns)
    missing = [
        (f"listing.{i}", root)
        for i, root in enumerate(roots)
        if f"listing.{i}" not in request.inputs
    ]
    if missing:
        raise Needed(*(("take_listing", name, roots[root], root) for name, root in missing))
    places = {root: f"listing.{i}" for i, root in enumerate(roots)}

    def listed(root: str) -> list[str]:
        files = text_of(request.inputs[places[_safe_root(root)]]).split("\0")
        return [file.removeprefix("./") for file in files if file]

    return Answer(stdout=lines_of(glob_files(patterns, listed)))


def _roots(patterns: Sequence[str]) -> dict[str, str]:
    """Return the folders to list, and how deep: "" where ``**`` goes all the way down."""
    depths: dict[str, int] = {}
    for pattern in (one for written in patterns for one in expand_braces(written)):
        root = _safe_root(glob_root(pattern))
        below = pattern[len(glob_root(pattern)) :] if glob_root(pattern) != "." else pattern
        depth = 0 if "**" in below else below.strip("/").count("/") + 1
        depths[root] = 0 if 0 in (depth, depths.get(root)) else max(depth, depths.get(root, 1))
    return {root: str(depth or "") for root, depth in depths.items()}


def _safe_root(root: str) -> str:
    """Return a folder's name such that ``cd`` takes it for one: ``-`` is the last folder to it."""
    return f"./{root}" if root.startswith("-") else root


def answer_split(request: Request, facts: JobFacts) -> Answer:
    """Answer ``tests split [FILE]``."""
    options, files = read_options(request.arguments, _SPLIT_FLAGS)
    if len(files) > 1:
        raise InvalidInput("it takes the tests from one file, or from its input")
    part = _part(request, options, facts, files[0] if files else None)
    return Answer(stdout=lines_of(part.items), stderr=lines_of(part.notes))


def answer_run(request: Request, facts: JobFacts) -> Answer:
    """Answer ``tests run --command COMMAND``; the script itself runs the command, in the job."""
    options, rest = read_options(
        request.arguments, {**_SPLIT_FLAGS, "--command": True, "--verbose": False}
    )
    if not options.get("--command"):
        raise InvalidInput("it needs --command", hint='as --command "xargs bundle exec rspec"')
    if rest:
        raise InvalidInput(
            f"it takes no further words: {rest[0]!r}", hint="quote the command as a whole"
        )
    part = _part(request, options, facts, None, failed_alone=True)
    notes = list(part.notes)
    if not part.items:
        return Answer(stderr=lines_of([*notes, "No tests for this node: the command is not run."]))
    if "--verbose" in options:
        notes += [f"Running {options['--command']!r} with these tests:", *part.items]
    return Answer(
        stderr=lines_of(notes),
        exit_code=None,
        calls=(("run_command", options["--command"]),),
        tests=lines_of(part.items),
    )


def _part(
    request: Request,
    options: Mapping[str, str],
    facts: JobFacts,
    file: str | None,
    *,
    failed_alone: bool = False,
) -> Split:
    items = _items(request, file)
    if failed_alone and facts.only_failed is not None:
        items = [item for item in items if has_failed(item, facts.only_failed, request.folder)]
    index = _number(options, "--index", request.node_index, 0)
    total = _number(options, "--total", request.node_total, 1)
    weights, notes = _weights(request, options, facts, items)
    part = split_items(items, index=index, total=total, weights=weights, notes=notes)
    if "--show-counts" in options:
        count = f"Node {index} of {total} has {len(part.items)} of {part.total} tests"
        part = replace(part, notes=(*part.notes, count))
    return part


def _items(request: Request, file: str | None) -> list[str]:
    if file is None:
        return read_items(text_of(stdin_of(request, "the list of tests")))
    return read_items(text_of(_file(request, "items", file)))


def _weights(
    request: Request, options: Mapping[str, str], facts: JobFacts, items: Sequence[str]
) -> tuple[Mapping[str, float] | None, list[str]]:
    by = options.get("--split-by", "name")
    kind = options.get("--timings-type", "autodetect")
    kind = "testname" if kind == "name" else kind
    for flag, value, known in (("--split-by", by, SplitBy), ("--timings-type", kind, TIMING_TYPES)):
        if value not in known:
            raise InvalidInput(f"{flag} {value!r} is not one of {', '.join(known)}")
    if by == "filesize":
        return _sizes(request, items), []
    if by == "name" or not items:
        return None, []
    default = options.get("--time-default")
    timings = facts.timings
    if path := options.get("--timings-file"):
        timings = read_timings(_file(request, "timings", path), path)
    return timing_weights(
        items,
        timings,
        kind=kind,
        default_s=None if default is None else parse_duration(default, key="--time-default"),
        folder=request.folder,
    )


def _sizes(request: Request, items: Sequence[str]) -> dict[str, float]:
    if not items:
        return {}
    if "sizes" not in request.inputs:
        raise Needed(
            *(
                ("take_sizes", *items[i : i + _SIZES_AT_ONCE])
                for i in range(0, len(items), _SIZES_AT_ONCE)
            )
        )
    sizes = {}
    for line in text_of(request.inputs["sizes"]).split("\n"):
        size, _, name = line.lstrip().partition(" ")
        if size.isdecimal() and name not in sizes:
            sizes[name] = float(size)
    lost = [item for item in items if item not in sizes]
    if lost:
        raise InvalidInput(
            f"{lost[0]!r} has no size: there is no such file"
            + (f" (nor {len(lost) - 1} others)" if len(lost) > 1 else ""),
            hint=f"--split-by=filesize takes names of files, seen from {request.folder}",
        )
    return {item: sizes[item] for item in items}


def _number(options: Mapping[str, str], flag: str, variable: str, default: int) -> int:
    text = options.get(flag, variable) or str(default)
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        source = flag if flag in options else f"CIRCLE_NODE_{flag[2:].upper()}"
        raise InvalidInput(f"{source}: {text!r} is not a number")
    return int(text)


def _file(request: Request, name: str, path: str) -> bytes:
    if f"{name}.missing" in request.inputs:
        raise InvalidInput(f"{path}: cannot be read", hint=f"seen from {request.folder}")
    if name not in request.inputs:
        raise Needed(("take_file", name, path))
    return request.inputs[name]
