"""What stays behind when a run is interrupted or killed, whatever it does at that moment: nothing."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.runner.docker_image import make_docker_image
from tests.integration.runner.engine_gate import Gate, engine_socket
from tests.integration.runner.harness import Checkout
from tests.integration.runner.session import Session

CONFIG = """
version: 2.1
jobs:
  make:
    docker: [{image: PLAIN}]
    steps:
      - run: head -c 1000000 /dev/zero > big
      - save_cache: {key: big, paths: [big]}
      - persist_to_workspace: {root: ., paths: [big]}
  use:
    docker: [{image: PLAIN}, {image: PLAIN, name: db, command: [sleep, "600"]}]
    steps:
      - attach_workspace: {at: .}
      - restore_cache: {key: big}
      - run: touch /tmp/begun; echo the step has begun; sleep 600
  quick: {docker: [{image: PLAIN}], steps: [run: echo fine]}
workflows: {main: {jobs: [make, use: {requires: [make]}]}}
"""
PHASES = {
    "create": (r"containers/create", 1),
    "start": (r"containers/[0-9a-f]+/start", 1),
    "ask": (r"exec/[0-9a-f]+/start", 1),
    "save": (r"containers/[0-9a-f]+/archive\?path=\S*big", 1),
    "persist": (r"containers/[0-9a-f]+/archive\?path=\S*big", 2),
    "create-next": (r"containers/create", 2),
    "service-create": (r"containers/create", 3),
    "service-start": (r"containers/[0-9a-f]+/start", 3),
    "attach": (r"containers/[0-9a-f]+/archive\?path=\S*project", 1),
}


def start(checkout: Checkout, *words: str, **environ: str) -> subprocess.Popen[bytes]:
    log = (checkout.folder.parent / "run.log").open("wb")
    with log:
        return subprocess.Popen(
            checkout.argv(*words),
            cwd=checkout.folder,
            env=checkout.environ() | environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def printed(checkout: Checkout) -> str:
    return (checkout.folder.parent / "run.log").read_text()


def wait_until(holds: Callable[[], Any], what: Callable[[], str] = lambda: "") -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, f"it did not happen within a minute\n{what()}"
        time.sleep(0.05)


def left(engine: Any, checkout: Checkout) -> list[str]:
    """What runs of the checkout have left, in the engine and on this machine."""
    found = []
    for run in (checkout.folder / ".orbyard" / "runs").glob("*"):
        chosen = {"label": f"orbyard.run={run.name}"}
        found += [item["Names"][0] for item in engine.api.containers(all=True, filters=chosen)]
        found += [item["Name"] for item in engine.api.volumes(filters=chosen)["Volumes"] or ()]
        found += [str(path) for path in run.glob("scratch")]
    return found


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Callable[[str, int], Gate]]:
    made: list[Gate] = []

    def make(kind: str, nth: int) -> Gate:
        made.append(Gate(tmp_path / "engine.sock", engine_socket(), kind, nth))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
@pytest.mark.parametrize("phase", PHASES)
def test_nothing_is_left_when_the_engine_is_about_to_answer(
    checkout: Checkout,
    docker_engine: Any,
    gate: Callable[[str, int], Gate],
    phase: str,
    number: signal.Signals,
) -> None:
    """The engine has done what was asked, and the run does not know yet."""
    checkout.write(CONFIG)
    held = gate(*PHASES[phase])
    run = start(checkout, DOCKER_HOST=f"unix://{checkout.folder.parent}/engine.sock")
    wait_until(lambda: held.reached.is_set() or run.poll() is not None, lambda: printed(checkout))
    assert run.poll() is None, printed(checkout)
    time.sleep(0.3)
    run.send_signal(number)
    if number == signal.SIGINT:
        time.sleep(0.3)
        held.released.set()
        assert run.wait(timeout=60) == 130, printed(checkout)
        assert "Traceback" not in printed(checkout)
    else:
        run.wait()
        held.released.set()
        assert left(docker_engine, checkout)
        assert checkout.run("--job", "quick").returncode == 0
    assert left(docker_engine, checkout) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_of_a_step_that_runs(
    checkout: Checkout, docker_engine: Any, number: signal.Signals
) -> None:
    checkout.write(CONFIG)
    run = start(checkout)
    logs = checkout.folder / ".orbyard" / "runs"
    wait_until(lambda: any("has begun\n" in p.read_text() for p in logs.glob("*/jobs/use/*touch*")))
    run.send_signal(number)
    if number == signal.SIGKILL:
        run.wait()
        assert checkout.run("--job", "quick").returncode == 0
    else:
        assert run.wait(timeout=60) == 130
    assert left(docker_engine, checkout) == []


@pytest.mark.parametrize("job", ["step", "services", "dind"])
def test_an_engine_that_hangs_is_not_waited_for(
    checkout: Checkout, docker_engine: Any, gate: Callable[[str, int], Gate], job: str
) -> None:
    image = make_docker_image(docker_engine)
    (checkout.folder / "orbyard.yml").write_text(
        f"ci: {{remote_docker: dind, dind_image: '{image}'}}\n"
    )
    checkout.write("""
version: 2.1
jobs:
  step: {docker: [{image: PLAIN}], steps: [run: echo has begun; sleep 600]}
  services:
    docker: [{image: PLAIN}, {image: PLAIN, name: db, command: [sleep, "600"]}]
    steps: [run: echo has begun; sleep 600]
  dind: {docker: [{image: PLAIN}], steps: [setup_remote_docker, run: echo has begun; sleep 600]}
  quick: {docker: [{image: PLAIN}], steps: [run: echo fine]}
""")
    held = gate("nothing", 1)
    run = start(checkout, "--job", job, DOCKER_HOST=f"unix://{checkout.folder.parent}/engine.sock")
    logs = checkout.folder / ".orbyard" / "runs"
    wait_until(
        lambda: any("has begun\n" in p.read_text() for p in logs.glob(f"*/jobs/{job}/*.log")),
        lambda: printed(checkout),
    )
    held.freeze()
    run.send_signal(signal.SIGINT)
    assert run.wait(timeout=30) == 130, printed(checkout)
    assert "has stopped to answer, and may still have containers of this run" in printed(checkout)
    assert "the next run removes them" in printed(checkout)
    assert "Traceback" not in printed(checkout)
    assert checkout.record()["status"] == "canceled"
    assert left(docker_engine, checkout)
    assert checkout.run("--job", "quick").returncode == 0
    assert left(docker_engine, checkout) == []


def test_an_engine_that_hangs_before_anything_is_run_is_not_waited_for(
    checkout: Checkout, docker_engine: Any, gate: Callable[[str, int], Gate]
) -> None:
    checkout.write(CONFIG)
    held = gate("containers/json", 1)
    run = start(checkout, DOCKER_HOST=f"unix://{checkout.folder.parent}/engine.sock")
    wait_until(held.reached.is_set, lambda: printed(checkout))
    held.freeze()
    run.send_signal(signal.SIGINT)
    assert run.wait(timeout=30) == 130, printed(checkout)
    assert "Traceback" not in printed(checkout)


def test_nothing_is_left_when_the_terminal_is_closed(
    checkout: Checkout, docker_engine: Any
) -> None:
    checkout.write(CONFIG)
    session = Session(checkout)
    session.shows("the step has begun")
    assert session.close() == 130
    assert left(docker_engine, checkout) == []
    assert checkout.statuses() == {"make": "success", "use": "canceled"}


def test_nothing_is_left_of_a_step_that_a_second_interrupt_does_not_wait_for(
    checkout: Checkout, docker_engine: Any
) -> None:
    checkout.write("""
version: 2.1
jobs:
  build: {docker: [{image: PLAIN}], steps: [run: 'trap "" TERM; echo has begun; while :; do sleep 1; done']}
""")
    run = start(checkout)
    logs = checkout.folder / ".orbyard" / "runs"
    wait_until(lambda: any("has begun\n" in p.read_text() for p in logs.glob("*/jobs/build/*.log")))
    run.send_signal(signal.SIGINT)
    wait_until(lambda: "Stopping" in printed(checkout))
    run.send_signal(signal.SIGINT)
    assert run.wait(timeout=60) == 130
    assert "Traceback" not in printed(checkout)
    assert left(docker_engine, checkout) == []


def test_a_pull_from_a_silent_registry_ends_at_once(checkout: Checkout) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        name = f"127.0.0.1:{silent.getsockname()[1]}/app:1"
        checkout.write(f"""
version: 2.1
jobs: {{build: {{docker: [{{image: '{name}'}}], steps: [run: echo]}}}}
""")
        run = start(checkout)
        asked, _ = silent.accept()
        began = time.monotonic()
        run.send_signal(signal.SIGINT)
        assert run.wait(timeout=60) == 130
        assert time.monotonic() - began < 20
        asked.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
def test_nothing_is_left_of_a_daemon_of_the_job_s_own(
    checkout: Checkout, docker_engine: Any, number: signal.Signals
) -> None:
    image = make_docker_image(docker_engine)
    (checkout.folder / "orbyard.yml").write_text(
        f"ci: {{remote_docker: dind, dind_image: '{image}'}}\n"
    )
    checkout.write(f"""
version: 2.1
jobs:
  build:
    docker: [{{image: '{image}'}}]
    steps: [setup_remote_docker, run: docker volume create one; echo has begun; sleep 600]
  quick: {{docker: [{{image: PLAIN}}], steps: [run: echo fine]}}
workflows: {{main: {{jobs: [build]}}}}
""")
    run = start(checkout)
    logs = checkout.folder / ".orbyard" / "runs"
    begun = "has begun\n"
    wait_until(
        lambda: any(p.read_text().count(begun) > 0 for p in logs.glob("*/jobs/build/01*")),
        lambda: printed(checkout),
    )
    run.send_signal(number)
    assert run.wait(timeout=60) == (130 if number == signal.SIGINT else -9)
    if number == signal.SIGKILL:
        assert len(left(docker_engine, checkout)) == 4
        assert checkout.run("--job", "quick").returncode == 0
    assert left(docker_engine, checkout) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
def test_nothing_is_left_of_a_job_on_the_machine_itself(
    checkout: Checkout, docker_engine: Any, number: signal.Signals
) -> None:
    checkout.write("""
version: 2.1
jobs:
  build:
    machine: true
    steps:
      - run: {command: sleep 611, background: true}
      - run: setsid sleep 612 & echo "pids $!"
      - run: echo has begun; sleep 613
  quick: {machine: true, steps: [run: echo fine]}
workflows: {main: {jobs: [build]}}
""")
    run = start(checkout)
    home = str(checkout.folder)
    wait_until(lambda: len(sleepers(home)) == 3, lambda: printed(checkout))
    run.send_signal(number)
    assert run.wait(timeout=60) == (130 if number == signal.SIGINT else -9)
    if number == signal.SIGKILL:
        assert sleepers(home)
        assert checkout.run("--job", "quick").returncode == 0
    assert sleepers(home) == []
    assert left(docker_engine, checkout) == []


def sleepers(home: str) -> list[int]:
    """The sleeping programs whose home folder is below a folder."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            sleeps = (folder / "cmdline").read_bytes().startswith(b"sleep\x0061")
            if sleeps and f"HOME={home}".encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def test_what_others_made_is_never_touched(
    checkout: Checkout, docker_engine: Any, tmp_path: Path
) -> None:
    """Neither what has such a name, nor what has such a label, nor what a live run made."""
    own = {"orbyard.run": "20260101-000000-abcdef"}
    elsewhere = own | {"orbyard.owner": f"{'0' * 16}/0123456789abcdef/1/1"}
    made = [
        docker_engine.containers.create("debian:bookworm-slim", "true", name=name, labels=labels)
        for name, labels in (
            ("orbyard-abcdef-build-123456", {}),
            ("orbyard-test-without-owner", own),
            ("orbyard-test-of-another-machine", elsewhere),
        )
    ]
    volume = docker_engine.volumes.create("orbyard-test-volume", labels=elsewhere)
    checkout.write(CONFIG)
    live = start(checkout)

    def left_after_the_first_job() -> set[str]:
        return {name for name in left(docker_engine, checkout) if "-make-" not in name}

    try:
        # The two containers of the second job, and the folder; those of the first may still be going.
        wait_until(lambda: len(left_after_the_first_job()) == 3, lambda: printed(checkout))
        before = left_after_the_first_job()
        failures: list[int] = []
        runs = [
            threading.Thread(
                target=lambda: failures.append(checkout.run("--job", "quick").returncode)
            )
            for _ in range(2)
        ]
        for run in runs:
            run.start()
        for run in runs:
            run.join()
        assert failures == [0, 0]
        assert before <= set(left(docker_engine, checkout))
        assert live.poll() is None
        for container in made:
            container.reload()
        volume.reload()
    finally:
        live.send_signal(signal.SIGINT)
        live.wait(timeout=60)
        for container in made:
            container.remove(force=True)
        volume.remove()
    assert left(docker_engine, checkout) == []
