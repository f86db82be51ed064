"""What is said while an image is pulled."""

from __future__ import annotations

from typing import Any

from pipeline.runner.pull_progress import PullProgress, format_size


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def line(layer: str, status: str, **detail: int) -> dict[str, Any]:
    return {"id": layer, "status": status, "progressDetail": detail}


def test_sizes_are_written_as_docker_does() -> None:
    assert [format_size(n) for n in (900, 12_345, 3_400_000, 1_234_000_000)] == [
        "1 kB",
        "12 kB",
        "3.4 MB",
        "1.2 GB",
    ]


def test_a_terminal_has_one_line_with_percent_and_bytes() -> None:
    clock, said, drawn = Clock(), list[str](), list[str]()
    progress = PullProgress("a:1", said.append, drawn.append, clock=clock)
    progress.take({"status": "Pulling from a", "id": "1"})
    for layer, loaded in (("x", 500_000), ("y", 1_000_000)):
        clock.now += 1
        progress.take(line(layer, "Downloading", current=loaded, total=1_000_000))
    progress.take(line("y", "Pull complete"))
    clock.now += 1
    progress.take(line("z", "Already exists"))
    assert drawn[-1] == "pulling a:1: 75%, 1.5 MB of 2.0 MB, 2 of 3 layers"
    assert said == []
    progress.finish()
    assert drawn[-1] == ""
    assert said == ["pulled a:1 (2.0 MB in 3.0s)"]


def test_elsewhere_there_are_few_lines() -> None:
    clock, said = Clock(), list[str]()
    progress = PullProgress("a:1", said.append, None, clock=clock)
    for second in range(40):
        clock.now = second
        progress.take(line("x", "Downloading", current=second, total=40))
    progress.finish()
    assert said[0] == "pulling a:1"
    assert len(said) == 4
    assert "37%" in said[1]


def test_the_line_goes_when_the_pull_fails() -> None:
    drawn: list[str] = []
    PullProgress("a:1", drawn.append, drawn.append).give_up()
    assert drawn[-1] == ""


def test_unpacking_is_told_from_loading() -> None:
    progress = PullProgress("a:1", lambda _: None, lambda _: None)
    progress.take(line("x", "Downloading", current=2_000_000, total=2_000_000))
    progress.take(line("x", "Extracting", current=10, total=2_000_000))
    assert progress.text == "pulling a:1: 2.0 MB are here, unpacking, 0 of 1 layers"
