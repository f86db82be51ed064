"""Where jobs run: containers with their keys, services, engines of their own, the machine itself."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import missing
from tests.integration.runner.docker_image import make_docker_image
from tests.integration.runner.engine_gate import Gate, engine_socket
from tests.integration.runner.harness import Checkout


@pytest.fixture(scope="session")
def docker_image(docker_engine: Any) -> str:
    import docker.errors

    try:
        return make_docker_image(docker_engine)
    except (docker.errors.BuildError, docker.errors.APIError) as error:
        missing(f"an image with Docker cannot be built: {error}")


def image_of(engine: Any, tag: str, lines: str) -> str:
    import io

    text = f"FROM debian:bookworm-slim\n{lines}\n"
    engine.images.build(fileobj=io.BytesIO(text.encode()), tag=tag, rm=True)
    return tag


def job(checkout: Checkout, docker: str, steps: str, *words: str, keys: str = "") -> Any:
    checkout.write(
        f"version: 2.1\njobs:\n  build:\n    docker: {docker}\n    {keys}\n    steps: {steps}\n"
    )
    return checkout.run(*words)


# --- the keys of an image ------------------------------------------------------------------------


def test_the_first_image_s_own_entrypoint_and_command_are_not_run(
    checkout: Checkout, docker_engine: Any
) -> None:
    image = image_of(docker_engine, "orbyard-test/ends:1", 'ENTRYPOINT ["false"]')
    done = job(checkout, f"[{{image: '{image}'}}]", "[run: echo went on]")
    assert done.returncode == 0, done.stderr
    assert "went on" in done.stderr


@pytest.mark.parametrize(
    ("tag", "lines", "step"),
    [
        ("no-path", "ENV PATH=/nowhere", "echo $PATH; /bin/ls Gemfile.lock"),
        ("home-relative", "ENV HOME=place", '[ "$(pwd)" = /place/project ]; ls Gemfile.lock'),
        ("user-unknown", "USER 12345:678", "[ -O . ]; touch Gemfile.lock"),
        ("user-nobody", "USER nobody", "[ -O . ]; touch Gemfile.lock"),
        (
            "sh-is-bash",
            "RUN ln -sf bash /bin/sh && echo 'cd /etc' > /noise\nENV ENV=/noise BASH_ENV=/noise",
            "circleci version; ls Gemfile.lock",
        ),
        ("no-local", "RUN rm -r /usr/local", "circleci version; bash -lc 'circleci version'"),
        ("volumes", "VOLUME /tmp /root", "circleci version; ls Gemfile.lock"),
    ],
)
def test_odd_images_run_jobs(
    checkout: Checkout, docker_engine: Any, tag: str, lines: str, step: str
) -> None:
    image = image_of(docker_engine, f"orbyard-test/odd:{tag}", lines)
    done = job(checkout, f"[{{image: '{image}'}}]", f"[checkout, run: {json.dumps(step)}]")
    assert done.returncode == 0, done.stderr


def test_an_image_in_which_steps_cannot_run_is_told_what_it_lacks(
    checkout: Checkout, docker_engine: Any
) -> None:
    image = image_of(docker_engine, "orbyard-test/odd:no-id", "RUN rm /usr/bin/id")
    done = job(checkout, f"[{{image: '{image}'}}]", "[run: echo never]")
    assert done.returncode == 1
    assert re.search(r"does not tell who its user is: .*id: not found", done.stderr), done.stderr
    assert "orbyard-facts" not in done.stderr


def test_a_working_directory_that_is_relative_counts_from_the_root(checkout: Checkout) -> None:
    keys = "working_directory: place/app"
    done = job(
        checkout,
        "[{image: debian:bookworm-slim}]",
        "[checkout, run: pwd, run: {command: pwd, working_directory: sub}]",
        keys=keys,
    )
    assert done.returncode == 0, done.stderr
    assert "/place/app\n" in done.stderr
    assert "/place/app/sub\n" in done.stderr


def test_an_engine_that_attaches_only_to_what_runs_is_asked_afterwards(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(tmp_path / "engine.sock", engine_socket(), "containers/.*/attach", refuses=True)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/engine.sock")
    done = job(checkout, "[{image: IMAGE}]", "[checkout, run: 'test -O Gemfile.lock && id -un']")
    gate.close()
    assert gate.reached.is_set()
    assert done.returncode == 0, done.stderr
    assert "circleci" in done.stderr


def test_an_entrypoint_that_is_to_be_preserved_is_run(
    checkout: Checkout, docker_engine: Any
) -> None:
    lines = """LABEL com.circleci.preserve-entrypoint=true
ENTRYPOINT ["/bin/sh", "-c", "echo made > /made; exec sleep 600"]"""
    image = image_of(docker_engine, "orbyard-test/preserved:1", lines)
    done = job(checkout, f"[{{image: '{image}'}}]", "[run: cat /made]")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "keys",
    [
        "entrypoint: [/bin/sh, -c], command: ['echo made > /made; exec sleep 600']",
        "entrypoint: /bin/sh -c 'echo made > /made; exec sleep 600'",
        "command: [/bin/sh, -c, 'echo made > /made; exec sleep 600']",
        "command: sh -c 'echo made > /made; exec sleep 600'",
    ],
)
def test_an_entrypoint_and_a_command_that_are_given_are_run(checkout: Checkout, keys: str) -> None:
    done = job(checkout, f"[{{image: PLAIN, {keys}}}]", "[run: cat /made]")
    assert done.returncode == 0, done.stderr


def test_a_container_that_ends_at_once_is_named_with_what_it_printed(checkout: Checkout) -> None:
    entry = "entrypoint: [sh, -c, 'echo no licence; exit 7']"
    done = job(checkout, f"[{{image: PLAIN, {entry}}}]", "[run: echo]")
    assert done.returncode == 1
    assert "ended at once with exit code 7" in done.stderr
    assert "no licence" in done.stderr
    assert done.stderr.count("    written at .circleci/config.yml:4:14\n") == 2
    assert "Traceback" not in done.stderr


def test_steps_in_and_after_which_the_container_has_ended_say_so(checkout: Checkout) -> None:
    done = job(
        checkout,
        "[{image: debian:bookworm-slim}]",
        "[run: {name: ends, command: kill 1; sleep 60}, run: {name: later, command: ls, when: always}]",
    )
    assert done.returncode == 1
    for name in ("ends", "later"):
        assert "the job's container ended with exit code 0" in checkout.steps()[name]["text"]


def test_a_container_that_ends_before_its_services_start_is_named(checkout: Checkout) -> None:
    entry = "entrypoint: [sh, -c, 'echo no licence; exit 7']"
    docker = f"[{{image: PLAIN, {entry}}}, {{image: PLAIN, command: [sleep, '60']}}]"
    done = job(checkout, docker, "[run: echo]")
    assert done.returncode == 1
    assert "ended at once with exit code 7" in done.stderr
    assert "| no licence" in done.stderr


def test_an_image_without_a_shell_is_named(checkout: Checkout, docker_engine: Any) -> None:
    name = f"orbyard-test/empty:{os.getpid()}"
    repository, _, tag = name.partition(":")
    docker_engine.api.import_image(src=b"\0" * 1024, repository=repository, tag=tag)
    try:
        done = job(checkout, f"[{{image: '{name}'}}]", "[run: echo]")
    finally:
        docker_engine.images.remove(name, force=True)
    assert done.returncode == 1
    assert "/bin/sh" in done.stderr


def test_user_and_environment_of_an_image_hold(checkout: Checkout) -> None:
    keys = "user: nobody, environment: {OF_CONTAINER: 1234567, AGAIN: image}"
    steps = '[run: "id -un; echo $OF_CONTAINER $AGAIN $OF_JOB; echo fine > written; ls -l"]'
    done = job(
        checkout,
        f"[{{image: PLAIN, {keys}}}]",
        steps,
        keys="environment: {AGAIN: job, OF_JOB: true}\n    working_directory: /tmp/here",
    )
    assert done.returncode == 0, done.stderr
    lines = next(iter(checkout.steps().values()))["lines"]
    assert "nobody" in lines
    assert "1.234567e+06 job 1" in lines


def test_a_user_that_is_not_there_is_an_error(checkout: Checkout) -> None:
    done = job(checkout, "[{image: PLAIN, user: nobody-here}]", "[run: echo]")
    assert done.returncode == 1
    assert "nobody-here" in done.stderr


# --- services ------------------------------------------------------------------------------------


def test_a_service_sees_the_others_by_name_and_its_log_is_kept(checkout: Checkout) -> None:
    serve = "s = TCPServer.new(8091); loop { c = s.accept; c.puts 'served'; c.close }"
    docker = f"""
      - image: PLAIN
      - {{image: IMAGE, name: web, command: [ruby, -rsocket, -e, "{serve}"]}}
      - image: IMAGE
        name: client
        entrypoint: [bash, -c]
        environment: {{WORD: 1}}
        command: ['until cat < /dev/tcp/web/8091; do sleep 0.1; done 2> /dev/null; echo $WORD; sleep 600']
"""
    done = job(checkout, docker, "[run: sleep 2]")
    assert done.returncode == 0, done.stderr
    log = checkout.newest() / "jobs" / "build" / "service-client.log"
    assert log.read_text() == "served\n1\n"
    assert "warning" not in done.stderr


def test_a_service_that_dies_is_said_while_the_job_goes_on(checkout: Checkout) -> None:
    dies = "command: [sh, -c, 'echo bad setting; exit 3']"
    docker = f"[{{image: PLAIN}}, {{image: PLAIN, name: db, {dies}}}]"
    done = job(checkout, docker, "[run: 'sleep 1; echo still here']")
    assert done.returncode == 0, done.stderr
    warning = done.stderr.index("the service db ended with exit code 3")
    assert "bad setting" in done.stderr
    assert warning < done.stderr.index("still here")


def test_the_last_lines_of_services_are_shown_when_the_job_fails(checkout: Checkout) -> None:
    lasts = "command: [sh, -c, 'seq 100; echo no such relation users; sleep 600']"
    docker = f"[{{image: PLAIN}}, {{image: PLAIN, name: db, {lasts}}}]"
    done = job(checkout, docker, "[run: 'sleep 0.5; exit 1']", "--env", "SECRET=relation")
    assert "the service db printed last:" in done.stderr
    assert "no such **** users" in done.stderr
    kept = (checkout.newest() / "jobs/build/service-db.log").read_text()
    assert "no such **** users" in kept
    assert kept.startswith("1\n2\n")


def test_two_services_on_one_port_are_said(checkout: Checkout, docker_engine: Any) -> None:
    serve = "s = TCPServer.new(8092); sleep"
    image = image_of(docker_engine, "orbyard-test/port:1", "EXPOSE 8092\nCMD sleep 600")
    ruby = f"{{image: IMAGE, command: [ruby, -rsocket, -e, '{serve}']}}"
    exposing = f"{{image: '{image}'}}"
    docker = f"[{{image: PLAIN}}, {ruby}, {ruby}, {exposing}, {exposing}]"
    done = job(checkout, docker, "[run: sleep 3]")
    assert "its port is taken" in done.stderr
    assert "both listen on 8092/tcp by default" in done.stderr


# --- limits --------------------------------------------------------------------------------------


def test_a_job_has_the_memory_of_its_class_and_is_told_when_it_is_used_up(
    checkout: Checkout,
) -> None:
    eats = """ruby -e 'a = []; loop { a.push("x" * 50_000_000) }'"""
    done = job(
        checkout, "[{image: IMAGE}]", f"[run: {json.dumps(eats)}]", keys="resource_class: small"
    )
    assert done.returncode == 1
    assert "had used all of its 2 GiB" in done.stderr
    assert "a larger resource_class has more" in done.stderr


def test_a_class_of_a_runner_and_one_that_nobody_knows_run_without_limits(
    checkout: Checkout,
) -> None:
    for name, said in (("acme/big", ""), ("huge", "resource_class huge is not known")):
        done = job(checkout, "[{image: PLAIN}]", "[run: echo]", keys=f"resource_class: {name}")
        assert done.returncode == 0, done.stderr
        assert said in done.stderr


@pytest.mark.skipif(platform.machine() != "x86_64", reason="needs an engine for amd64")
def test_a_class_for_another_processor_is_told(checkout: Checkout) -> None:
    done = job(checkout, "[{image: PLAIN}]", "[run: echo]", keys="resource_class: arm.medium")
    assert done.returncode == 0, done.stderr
    assert "arm.medium is for arm64, and containers are linux/amd64 here" in done.stderr


# --- pulling -------------------------------------------------------------------------------------


@pytest.fixture
def pushed(docker_engine: Any, registry: str) -> Iterator[str]:
    name = f"{registry}/orbyard-test/pulled:{os.getpid()}"
    image_of(docker_engine, name, f"RUN echo {os.getpid()} > /made")
    docker_engine.images.push(name)
    docker_engine.images.remove(name, force=True)
    yield name
    docker_engine.images.remove(name, force=True)


def test_two_jobs_pull_an_image_that_is_missing_once(checkout: Checkout, pushed: str) -> None:
    checkout.write(f"""
version: 2.1
jobs: {{build: {{docker: [{{image: '{pushed}'}}], parallelism: 3, steps: [run: cat /made]}}}}
""")
    done = checkout.run("--jobs", "3")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(f"pulling {pushed}\n") == 1
    assert done.stderr.count(f"pulled {pushed}") == 1
    again = checkout.run()
    assert "pulling" not in again.stderr
    always = checkout.run("--pull")
    assert always.stderr.count(f"pulling {pushed}\n") == 1


def test_a_container_that_cannot_be_is_told_with_the_place_of_its_image(
    checkout: Checkout, registry: str
) -> None:
    checkout.write(f"""
version: 2.1
executors:
  with-db:
    parameters: {{tag: {{type: string}}}}
    docker:
      - image: PLAIN
      - image: {registry}/no/db:<< parameters.tag >>
jobs:
  service: {{executor: {{name: with-db, tag: '7'}}, steps: [run: echo]}}
  login:
    docker:
      - image: {registry}/no/such:1
        auth: {{username: me, password: $NOBODY_KNOWS}}
    steps: [run: echo]
  user: {{docker: [{{image: PLAIN, user: nobody-knows}}], steps: [run: echo]}}
workflows: {{main: {{jobs: [service, login, user]}}}}
""")
    done = checkout.run()
    assert done.returncode == 1
    summary = done.stderr.partition("==> What failed\n")[2].splitlines()
    places = dict(pairwise(summary))
    for words, line in [
        ("/no/db:7 cannot", "8:9"),
        ("NOBODY_KNOWS", "13:9"),
        ("user nobody", "16:19"),
    ]:
        (told,) = [text for text in places if words in text]
        assert places[told] == f"    written at .circleci/config.yml:{line}"
    assert checkout.jobs()["user"]["instances"][0]["where"] == ".circleci/config.yml:16:19"


def test_an_image_that_is_nowhere_is_an_error_with_what_to_do(
    checkout: Checkout, registry: str
) -> None:
    done = job(checkout, f"[{{image: '{registry}/no/such:1'}}]", "[run: echo]")
    assert done.returncode == 1
    assert f"the image {registry}/no/such:1 cannot be pulled" in done.stderr
    assert "is the name right" in done.stderr


def test_an_image_for_another_processor_is_named(
    checkout: Checkout, docker_engine: Any, registry: str
) -> None:
    """It is pulled although the engine's own platform is not in the list, and cannot be run here."""
    own = docker_engine.info()["Architecture"]
    other = "amd64" if own == "aarch64" else "arm64"
    name = push_for_another(docker_engine, registry, other)
    done = job(checkout, f"[{{image: '{name}'}}]", "[run: uname -m]")
    assert f"taking that for linux/{other}" in done.stderr
    assert "it is emulated" in done.stderr
    if done.returncode:
        assert "binfmt" in done.stderr
    refused = job(checkout, f"[{{image: '{name}'}}]", "[run: echo]", "--platform", "linux/s390x")
    assert refused.returncode == 1
    assert "there is none for linux/s390x" in refused.stderr
    docker_engine.images.remove(name, force=True)


def push_for_another(engine: Any, registry: str, cpu: str) -> str:
    """Push a list of manifests that has nothing but an image said to be for another processor."""
    plain = f"{registry}/orbyard-test/other:plain"
    image_of(engine, plain, "")
    engine.images.push(plain)
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    base = f"http://{registry}/v2/orbyard-test/other"
    asked = urllib.request.Request(f"{base}/manifests/plain", headers={"Accept": kind})
    with urllib.request.urlopen(asked) as answer:
        manifest = json.loads(answer.read())
    with urllib.request.urlopen(f"{base}/blobs/{manifest['config']['digest']}") as answer:
        config = json.loads(answer.read()) | {"architecture": cpu}
    digest, size = put_blob(base, json.dumps(config).encode())
    manifest["config"] |= {"digest": digest, "size": size}
    size = len(body := json.dumps(manifest).encode())
    digest = put_manifest(base, "single", kind, body)
    listed = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.list.v2+json",
        "manifests": [
            {
                "mediaType": kind,
                "size": size,
                "digest": digest,
                "platform": {"architecture": cpu, "os": "linux"},
            }
        ],
    }
    put_manifest(base, "listed", str(listed["mediaType"]), json.dumps(listed).encode())
    return f"{registry}/orbyard-test/other:listed"


def put_blob(base: str, data: bytes) -> tuple[str, int]:
    import hashlib

    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    start = urllib.request.Request(f"{base}/blobs/uploads/", method="POST", data=b"")
    with urllib.request.urlopen(start) as answer:
        place = answer.headers["Location"]
    joint = "&" if "?" in place else "?"
    put = urllib.request.Request(f"{place}{joint}digest={digest}", method="PUT", data=data)
    put.add_header("Content-Type", "application/octet-stream")
    urllib.request.urlopen(put).close()
    return digest, len(data)


def put_manifest(base: str, tag: str, kind: str, body: bytes) -> str:
    put = urllib.request.Request(f"{base}/manifests/{tag}", method="PUT", data=body)
    put.add_header("Content-Type", kind)
    with urllib.request.urlopen(put) as answer:
        return str(answer.headers["Docker-Content-Digest"])


# --- Docker in a job -----------------------------------------------------------------------------

_MAKES_IMAGE = (
    "tar -C / -c etc/hostname | docker import - orbyard-test/inner:1; docker images;"
    " docker volume create one; docker network create two"
)


def settings(checkout: Checkout, text: str) -> None:
    (checkout.folder / "orbyard.yml").write_text(text)


@pytest.mark.parametrize("user", ["root", "circleci"])
def test_a_job_reaches_the_engine_by_its_socket(
    checkout: Checkout, docker_image: str, user: str
) -> None:
    steps = "[setup_remote_docker, run: 'docker version --format {{.Server.Os}}; docker ps']"
    done = job(checkout, f"[{{image: '{docker_image}', user: {user}}}]", steps)
    assert done.returncode == 0, done.stderr
    assert "the Docker engine of this machine" in done.stderr


def test_a_missing_docker_program_is_said(checkout: Checkout) -> None:
    done = job(checkout, "[{image: PLAIN}]", "[setup_remote_docker, run: echo]")
    assert done.returncode == 0, done.stderr
    assert "this image has no docker program" in done.stderr


def test_a_job_has_a_daemon_of_its_own_where_that_is_set(
    checkout: Checkout, docker_engine: Any, docker_image: str
) -> None:
    settings(checkout, f"ci: {{remote_docker: dind, dind_image: '{docker_image}'}}\n")
    steps = f"[setup_remote_docker, run: '{_MAKES_IMAGE}; docker ps -a']"
    done = job(checkout, f"[{{image: '{docker_image}', user: circleci}}]", steps)
    assert done.returncode == 0, done.stderr
    assert "orbyard-test/inner" in done.stderr
    assert "build" not in next(s for n, s in checkout.steps().items() if "docker" in n)["note"]
    assert docker_engine.images.list(name="orbyard-test/inner") == []
    assert left_of(docker_engine, checkout) == []


def test_layers_are_kept_for_the_project_where_the_job_asks_for_it(
    checkout: Checkout, docker_engine: Any, docker_image: str
) -> None:
    settings(checkout, f"ci: {{remote_docker: dind, dind_image: '{docker_image}'}}\n")
    image = f"[{{image: '{docker_image}'}}]"
    setup = "setup_remote_docker: {docker_layer_caching: true}"
    try:
        first = job(checkout, image, f"[{setup}, run: '{_MAKES_IMAGE}']")
        assert first.returncode == 0, first.stderr
        second = job(checkout, image, f"[{setup}, run: docker image inspect orbyard-test/inner:1]")
        assert second.returncode == 0, second.stderr
        without = job(
            checkout, image, "[setup_remote_docker, run: docker image inspect orbyard-test/inner:1]"
        )
        assert without.returncode == 1
    finally:
        for volume in docker_engine.volumes.list(filters={"label": "orbyard.layers"}):
            volume.remove()


def test_a_daemon_that_does_not_start_is_said_with_its_last_lines(checkout: Checkout) -> None:
    settings(checkout, "ci: {remote_docker: dind, dind_image: 'debian:bookworm-slim'}\n")
    done = job(checkout, "[{image: PLAIN}]", "[setup_remote_docker]")
    assert done.returncode == 1
    assert "there is no program dockerd in this image" in done.stderr


def test_a_machine_job_in_a_container_has_docker_and_sees_its_own_files(
    checkout: Checkout, docker_engine: Any, docker_image: str
) -> None:
    settings(checkout, f"ci: {{machine: container, machine_image: '{docker_image}'}}\n")
    checkout.write("""
version: 2.1
jobs:
  build:
    machine: {image: "ubuntu-2204:current"}
    resource_class: medium
    steps:
      - checkout
      - run: |
          cat Gemfile.lock
          tar -C / -c bin lib lib64 usr/bin usr/lib usr/lib64 2>/dev/null | docker import - base > /dev/null
          docker run --rm -v "$PWD:/src" base cat "/src/name with spaces.txt"
""")
    done = checkout.run()
    assert done.returncode == 0, done.stderr
    assert "spaces" in done.stderr
    assert docker_engine.images.list(name="base") == []
    assert left_of(docker_engine, checkout) == []


def left_of(engine: Any, checkout: Checkout) -> list[str]:
    """What the last run left in the engine."""
    chosen = {"label": f"orbyard.run={checkout.newest().name}"}
    containers = engine.containers.list(all=True, filters=chosen)
    return [c.name for c in containers] + [v.name for v in engine.volumes.list(filters=chosen)]


# --- an engine elsewhere -------------------------------------------------------------------------


def test_an_engine_that_does_not_see_this_machine_s_files_runs_jobs_too(
    checkout: Checkout, docker_engine: Any, docker_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon in a container, reached over TCP: it has files and images of its own."""
    daemon = daemon_container(docker_engine, docker_image)
    try:
        address = f"tcp://{wait_for_address(daemon)}:2375"
        copy = f"docker save debian:bookworm-slim | docker -H {address} load"
        subprocess.run(["/bin/sh", "-c", copy], check=True, capture_output=True, timeout=120)
        monkeypatch.setenv("DOCKER_HOST", address)
        steps = """
      - checkout
      - setup_remote_docker
      - run: cat "name with spaces.txt"; circleci env subst 'job ${CIRCLE_JOB}'
      - run: circleci-agent step halt
      - run: exit 1
"""
        done = job(checkout, "[{image: PLAIN}]", steps)
        assert done.returncode == 0, done.stderr
        assert "spaces" in done.stderr
        assert "job build" in done.stderr
    finally:
        daemon.remove(force=True, v=True)


def daemon_container(engine: Any, image: str) -> Any:
    api = engine.api
    host = api.create_host_config(
        cap_add=["SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "MKNOD"],
        security_opt=["seccomp=unconfined", "apparmor=unconfined"],
        device_cgroup_rules=["a *:* rwm"],
    ) | {"MaskedPaths": [], "ReadonlyPaths": []}
    made = api.create_container(
        image,
        ["/bin/sh", "-c", daemon_script()],
        host_config=host,
        volumes=["/var/lib/docker"],
        labels={"orbyard-test": "1"},
    )
    api.start(made["Id"])
    return engine.containers.get(made["Id"])


def daemon_script() -> str:
    return (
        "for d in /sys/fs/cgroup /sys/fs/cgroup/*; do mount -o remount,bind,rw $d 2>/dev/null; done;"
        " exec dockerd -H unix:///var/run/docker.sock -H tcp://0.0.0.0:2375 --tls=false"
    )


def wait_for_address(container: Any) -> str:
    import time

    for _ in range(200):
        container.reload()
        found = str(container.attrs["NetworkSettings"]["IPAddress"])
        if found:
            try:
                urllib.request.urlopen(f"http://{found}:2375/_ping", timeout=2).close()
                return found
            except OSError:
                pass
        time.sleep(0.1)
    raise AssertionError(container.logs().decode())


# --- ssh keys ------------------------------------------------------------------------------------


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


def fingerprint(key: Path, kind: str) -> str:
    done = subprocess.run(
        ["ssh-keygen", "-l", "-E", kind, "-f", key], check=True, capture_output=True, text=True
    )
    return done.stdout.split()[1].removeprefix("MD5:")


@pytest.mark.parametrize("executor", ["docker", "host"])
def test_a_job_signs_with_a_key_that_stays_outside(
    checkout: Checkout, docker_image: str, key: Path, executor: str
) -> None:
    named = fingerprint(key, "md5")
    settings(checkout, f"ci: {{ssh_keys: {{'{named}': '{key}'}}}}\n")
    steps = f"""
      - run: ssh-add -L && exit 1 || true
      - add_ssh_keys: {{fingerprints: ['{named}']}}
      - run: |
          ssh-add -L | tee key.pub
          echo data > data
          ssh-keygen -Y sign -f key.pub -n test data
"""
    image = f"[{{image: '{docker_image}', user: circleci}}]"
    done = job(checkout, image, steps, "--executor", executor)
    assert done.returncode == 0, done.stderr
    assert key.with_suffix(".pub").read_text().split()[1] in done.stderr
    leftover = [p for p in (checkout.folder / ".orbyard").rglob("*") if p.is_file()]
    assert not [p for p in leftover if "PRIVATE KEY" in p.read_text(errors="replace")]


def test_the_caller_s_agent_is_used_for_the_keys_that_are_named(
    checkout: Checkout, docker_image: str, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = key.parent / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        while subprocess.run(["ssh-add", "-q", key], check=False).returncode:
            pass
        image = f"[{{image: '{docker_image}', user: circleci}}]"
        named = fingerprint(key, "sha256")
        steps = f"[add_ssh_keys: {{fingerprints: ['{named}']}}, run: ssh-add -l]"
        done = job(checkout, image, steps)
        assert done.returncode == 0, done.stderr
        assert done.stderr.count(named) >= 2
        without = job(checkout, image, "[run: ssh-add -l]")
        assert without.returncode == 1
        everything = job(checkout, image, "[run: ssh-add -l]", "--ssh-agent")
        assert everything.returncode == 0, everything.stderr
    finally:
        agent.terminate()
        agent.wait()


def test_a_fingerprint_that_no_key_has_fails_the_job_by_its_name(checkout: Checkout) -> None:
    steps = "[add_ssh_keys: {fingerprints: ['SHA256:nowhere']}]"
    done = job(checkout, "[{image: PLAIN}]", steps)
    assert done.returncode == 1
    assert "there is no key with the fingerprint SHA256:nowhere" in done.stderr
    assert "ci.ssh_keys" in done.stderr


# --- the machine itself --------------------------------------------------------------------------


def test_a_host_job_sees_a_terminal_and_the_variables_that_are_documented(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of the caller")
    checkout.write("""
version: 2.1
jobs:
  build:
    machine: true
    steps:
      - run: test -t 1; echo "home $HOME"; env
      - run: circleci env subst 'job ${CIRCLE_JOB}'
""")
    done = checkout.run()
    assert done.returncode == 0, done.stderr
    assert "job build" in done.stderr
    assert f"home {checkout.folder}" in done.stderr
    assert "AWS_SECRET_ACCESS_KEY" not in done.stderr
    assert "runs on this machine itself" in done.stderr


def test_jobs_for_other_systems_are_not_run_and_that_is_said(checkout: Checkout) -> None:
    checkout.write("""
version: 2.1
jobs:
  windows:
    machine: {image: "windows-server-2022-gui:current"}
    steps: [run: echo no]
  after: {docker: [{image: PLAIN}], steps: [run: echo no]}
  other: {docker: [{image: PLAIN}], steps: [run: echo yes]}
workflows: {main: {jobs: [windows, after: {requires: [windows]}, other]}}
""")
    done = checkout.run()
    assert checkout.statuses() == {"windows": "not_run", "after": "not_run", "other": "success"}
    own = {"Darwin": "macOS"}.get(platform.system(), platform.system())
    reason = f"a Windows job, and this machine has {own}"
    assert f"- windows: not run: {reason}\n" in done.stderr
    (row,) = re.findall(r"  - windows +(\S.*)", done.stderr)
    assert row == f"not run: {reason}"
    assert f"not as on CircleCI: windows was not run: {reason}\n" in done.stderr
