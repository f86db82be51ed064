"""``curl`` and ``wget`` of setup jobs: the scripts in real shells, compared with the real programs."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.compiler import compile as compile_config
from pipeline.config.continuation import continue_with
from pipeline.config.model import CompiledConfig
from pipeline.config.nodes import Source
from pipeline.errors import InvalidInput, Location, Problem
from pipeline.runner.agent_server import AgentServer
from pipeline.runner.continuation_api import Continuation, ContinuationApi
from pipeline.runner.curl_call import read_curl
from pipeline.runner.stand_in import stand_in_script
from pipeline.runner.web_call import CallFailed, asks_to_continue
from pipeline.runner.web_stand_in import WEB_PROGRAMS, setup_responder, web_script
from pipeline.runner.wget_call import read_wget

KEY = "the-key-of-this-pipeline"
SETUP = """
version: 2.1
setup: true
parameters: {shared: {type: string, default: a}}
jobs:
  generate: {docker: [{image: cimg/base:current}], steps: [run: "true"]}
workflows: {setup: {jobs: [generate]}}
"""
NEXT = """
version: 2.1
parameters:
  e2e: {type: boolean, default: false}
  shared: {type: string, default: b}
jobs:
  test:
    docker: [{image: cimg/base:current}]
    steps: [run: "echo << pipeline.parameters.e2e >> << pipeline.parameters.shared >>"]
workflows: {main: {jobs: [test]}}
"""
SHELLS = [name for name in ("dash", "bash", "busybox") if shutil.which(name)]


def new_api(**given: Any) -> ContinuationApi:
    setup = compile_config(Source("config.yml", SETUP), parameters=given)

    def compiled(asked: Continuation) -> CompiledConfig:
        source = Source(f"continuation (from job {asked.job})", asked.configuration)
        return continue_with(setup, source, passed=asked.parameters, given=given)

    return ContinuationApi(compiled, key=KEY)


def body(configuration: object = NEXT, key: object = KEY, **more: object) -> bytes:
    return json.dumps({"continuation-key": key, "configuration": configuration, **more}).encode()


# ---------------------------------------------------------------------------------------- the API


def message(api: ContinuationApi, data: bytes, method: str = "POST") -> tuple[int, str]:
    came = api.answer(method, data, "generate")
    return came.status, json.loads(came.body)["message"]


def test_a_pipeline_is_continued_once() -> None:
    api = new_api()
    assert api.continuation is None
    assert message(api, body(parameters={"e2e": True})) == (200, "Pipeline continued")
    assert api.continuation is not None
    assert api.continuation.compiled is not None
    assert list(api.continuation.compiled.workflows) == ["main"]
    assert api.continuation.compiled.parameters["e2e"] is True
    assert message(api, body(NEXT.replace("main", "other"))) == (
        409,
        "Pipeline is not in setup state",
    )
    assert list(api.continuation.compiled.workflows) == ["main"]


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (b"{", 400, "not JSON"),
        (b"\xff\xfe", 400, "not JSON"),
        (b"[]", 400, "not a JSON object"),
        (body(key=None), 400, "CIRCLE_CONTINUATION_KEY"),
        (body(key="another"), 403, "not that of this pipeline"),
        (body(key="\ud800"), 403, "not that of this pipeline"),
        (body(configuration={"version": 2.1}), 400, 'no text "configuration"'),
        (body(configuration=" "), 400, 'no text "configuration"'),
        (body(parameters=["e2e"]), 400, "not an object"),
        (body(parameters={"e2e": None}), 400, "not a string, boolean or integer"),
        (body(parameters={"e2e": "x" * 513}), 400, "too long"),
        (body(parameters={f"p{i}": 1 for i in range(101)}), 400, "more than 100"),
        (body(parameters={"e2e": "yes"}), 400, "expected type: boolean"),
        (body(parameters={"unknown": 1}), 400, "Unexpected argument(s): unknown"),
        (body("version: 2.1\njobs: ["), 400, "continuation (from job generate):"),
        (body(NEXT.replace("[test]", "[tset]")), 400, "tset"),
        (body(f"setup: true\n{NEXT}"), 400, "cannot be a setup configuration itself"),
    ],
)
def test_mistakes_are_answered_and_the_pipeline_can_still_be_continued(
    data: bytes, status: int, words: str
) -> None:
    api = new_api()
    code, text = message(api, data)
    assert code == status
    assert words in text
    assert message(api, body())[0] == 200


def test_mistakes_that_no_compiler_finds_are_answered_with_their_places() -> None:
    problems = [Problem("no such key", Location("next.yml", number)) for number in range(1, 8)]

    def refused(_asked: Continuation) -> CompiledConfig:
        raise InvalidInput("steps that cannot be run", problems=problems)

    api = ContinuationApi(refused, key=KEY)
    code, text = message(api, body())
    assert code == 400
    assert text.splitlines()[0] == "next.yml:1: no such key"
    assert text.splitlines()[-1] == "and 2 more"
    assert len(text.splitlines()) == 6


def test_a_parameter_of_the_trigger_cannot_be_passed_again() -> None:
    code, text = message(new_api(shared="of the trigger"), body(parameters={"shared": "x"}))
    assert code == 400
    assert "Conflicting pipeline parameters" in text


def test_only_post_continues() -> None:
    assert message(new_api(), body(), "GET")[0] == 405


def test_what_does_not_compile_is_kept_until_something_does() -> None:
    api = new_api()
    message(api, body("jobs: []"))
    assert api.continuation is not None
    assert api.continuation.error is not None
    message(api, body())
    assert api.continuation.error is None


# ------------------------------------------------------------------------------------ the scripts


@dataclass
class Job:
    """A setup job's view of this machine: a folder, and programs of which curl and wget are ours."""

    folder: Path
    shared: Path
    shell: str
    api: ContinuationApi
    others: str = field(default_factory=lambda: os.environ["PATH"])

    def run(self, command: str, *, real: bool = False) -> subprocess.CompletedProcess[str]:
        path = self.others if real else f"{self.shared}/setup-bin:{self.others}"
        argv = ["busybox", "sh"] if self.shell == "busybox" else [self.shell]
        return subprocess.run(
            [*map(shutil.which, argv[:1]), *argv[1:], "-c", command],  # type: ignore[list-item]
            cwd=self.folder,
            env={"PATH": path, "ORBYARD_AGENT": f"{self.shared}/agent", "KEY": KEY},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture(params=SHELLS)
def job(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Job]:
    shared = tmp_path / "shared"
    script = stand_in_script().replace(b"#!/bin/sh", f"#!{_interpreter(request.param)}".encode())
    web = web_script().replace(b"#!/bin/sh", f"#!{_interpreter(request.param)}".encode())
    programs = {"bin/circleci": script, **{f"setup-bin/{name}": web for name in WEB_PROGRAMS}}
    for name, text in programs.items():
        (shared / name).parent.mkdir(parents=True, exist_ok=True)
        (shared / name).write_bytes(text)
        (shared / name).chmod(0o755)
    folder = tmp_path / "project with space"
    folder.mkdir()
    (folder / "post.json").write_bytes(body(parameters={"e2e": True}))
    (folder / "broken.json").write_bytes(body("jobs: ["))
    api = new_api()
    with AgentServer(shared / "agent", respond=setup_responder(api, "generate")):
        yield Job(folder, shared, request.param, api)
    assert not list((shared / "agent").iterdir())


def _interpreter(shell: str) -> str:
    return {"bash": "/bin/bash", "busybox": "/usr/bin/env -S busybox sh"}.get(shell, "/bin/sh")


URL = "https://circleci.com/api/v2/pipeline/continue"


@pytest.mark.parametrize(
    "command",
    [
        f"[ $(curl -o /dev/stderr -w '%{{http_code}}' -XPOST -H 'A: b' --data @post.json {URL}) -eq 200 ]",
        f'curl -sS --fail --retry 5 --retry-connrefused -X POST -d "$(cat post.json)" {URL}',
        f"cat post.json | curl --silent --request POST --data-binary @- --url {URL}",
        f"curl -fsSL --proto '=https' --tlsv1.2 --json @post.json {URL}",
        f'curl -i -s --data-raw "$(cat post.json)" {URL} | awk "/^HTTP/{{c=\\$2}} END{{exit c != 200}}"',
        f"mkfifo pipe; cat post.json > pipe & curl -sd @pipe {URL}",
        f"wget -q -O - --post-file=post.json --header='Content-Type: application/json' {URL}",
        f'wget -qO- --method=POST --body-data="$(cat post.json)" {URL} | grep -q continued',
        "curl -sf -d @post.json https://circle.example.com:8443/api/v2/pipeline/continue?x=1",
    ],
)
def test_calls_as_scripts_make_them_continue_the_pipeline(job: Job, command: str) -> None:
    done = job.run(command)
    assert done.returncode == 0, done
    assert job.api.continuation is not None
    assert job.api.continuation.job == "generate"
    assert job.api.continuation.parameters == {"e2e": True}


def test_the_answer_goes_where_the_script_wants_it(job: Job) -> None:
    done = job.run(f"umask 077; curl -s -w '%{{http_code}}\\n' -o sub.json -d @broken.json {URL}")
    assert (done.returncode, done.stdout) == (0, "400\n")
    answered = json.loads((job.folder / "sub.json").read_text())
    assert "continuation (from job generate):2:1:" in answered["message"]
    assert (job.folder / "sub.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("command", "exit_code", "words"),
    [
        ("curl -f -d @broken.json URL", 22, "curl: (22) The requested URL returned error: 400"),
        ("wget -O- --post-file=broken.json URL", 8, "ERROR 400: Bad Request."),
        ("curl -sS -d @missing.json URL", 26, "Failed to open missing.json"),
        ("curl -d @post.json -o missing/out URL", 23, "missing/out"),
        ("curl -d @post.json https:///api/v2/pipeline/continue", 3, "is CIRCLECI_DOMAIN set?"),
        ("curl -d @post.json URL URL", 2, "this one has several"),
        ("curl URL -d", 2, "requires parameter"),
    ],
)
def test_what_goes_wrong_ends_as_the_program_would(
    job: Job, command: str, exit_code: int, words: str
) -> None:
    done = job.run(command.replace("URL", URL))
    assert done.returncode == exit_code, done
    assert words in done.stderr


def test_other_calls_are_made_by_the_real_program(job: Job) -> None:
    real = job.folder / "real"
    real.mkdir()
    (real / "curl").write_text('#!/bin/sh\nprintf "real:%s" "$@"; cat; exit 7\n')
    (real / "curl").chmod(0o755)
    job.others = f"{real}:{job.others}"
    done = job.run(f"echo in | curl -d 'see {URL}' 'https://example.com/a b' \"\"")
    assert done.returncode == 7
    assert done.stdout == f"real:-dreal:see {URL}real:https://example.com/a breal:in\n"
    assert job.api.continuation is None


def test_the_scripts_can_stand_in_a_second_place(job: Job) -> None:
    second = job.folder / "usr-local-bin"
    second.mkdir()
    (second / "curl").symlink_to(job.shared / "setup-bin/curl")
    real = job.folder / "real"
    real.mkdir()
    (real / "curl").write_text("#!/bin/sh\necho real\n")
    (real / "curl").chmod(0o755)
    others = job.others
    for path in (f"{second}:{real}", f"{second}:{job.shared}/setup-bin:{real}"):
        job.others = f"{path}:{others}"
        done = job.run("curl https://example.com", real=True)
        assert (done.returncode, done.stdout) == (0, "real\n")
    assert job.run(f"curl -sd @post.json {URL}", real=True).returncode == 0
    assert job.api.continuation is not None


def test_an_image_without_the_program_is_told(job: Job) -> None:
    tools = job.folder / "tools"
    tools.mkdir()
    for name in ("sh", "cat", "date", "env", "mkdir", "mv", "rm", "sleep", "busybox"):
        if found := shutil.which(name):
            (tools / name).symlink_to(found)
    job.others = str(tools)
    done = job.run(f"curl -s -d @post.json {URL}")
    assert done.returncode == 0, done
    assert "this image has no curl, so on CircleCI this call would fail" in done.stderr
    done = job.run("curl https://example.com")
    assert (done.returncode, done.stderr) == (127, "curl: this image has no curl\n")


# ------------------------------------------------------------------- compared with the real program


@pytest.fixture
def service() -> Iterator[str]:
    """The same API over HTTP, for the real curl."""
    api = new_api()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            came = api.answer("POST", data, "generate")
            self.wfile.write((came.head + came.body).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/api/v2/pipeline/continue"
    server.shutdown()
    server.server_close()


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl on this machine")
@pytest.mark.parametrize("job", SHELLS[:1], indirect=True)
@pytest.mark.parametrize("data", ["post.json", "broken.json"])
@pytest.mark.parametrize(
    "options",
    [
        "-s",
        "-sS -f",
        "-s --fail-with-body",
        "-s -i",
        "-si -o out",
        "-s -D head -o out",
        "-sf -o out -w '%{http_code}'",
        "-s -o /dev/null -w '%{http_code}\\n%{content_type} %{method} %% %{size_download}\\t.'",
        "-s -w '%{stderr}%{response_code}%{stdout} %{onerror}x %{exitcode}' -o -",
        "--silent --output out --write-out %{url_effective}",
        "-s --output-dir . -O",
        "-sw@format",
    ],
)
def test_output_and_exit_code_are_those_of_the_real_curl(
    job: Job, service: str, options: str, data: str
) -> None:
    (job.folder / "format").write_text("%{http_code} from a file\n")
    command = f"curl {options} -XPOST --data @{data} {shlex.quote(service)}"
    ours, theirs = (outcome(job, command, real=real) for real in (False, True))
    assert ours == theirs


def outcome(job: Job, command: str, *, real: bool) -> tuple[object, ...]:
    done = job.run(command, real=real)
    files = {}
    for name in ("out", "head", "continue"):
        if (job.folder / name).exists():
            files[name] = (job.folder / name).read_text()
            (job.folder / name).unlink()
    return done.returncode, done.stdout, done.stderr, files


# --------------------------------------------------------------------------------- reading options


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (URL, True),
        (f"{URL}/", True),
        (f"{URL}?a=b", True),
        ("circleci.com/api/v2/pipeline/continue", True),
        ("https:///api/v2/pipeline/continue", True),
        (f"{URL}d", False),
        ("https://circleci.com/api/v2/pipeline", False),
        ("https://example.com/?u=/api/v2/pipeline/continue", False),
        ("https://[", False),
    ],
)
def test_the_address_of_the_api_is_known(url: str, expected: bool) -> None:
    assert asks_to_continue(url) is expected


def test_options_of_curl_are_read_as_curl_does() -> None:
    call = read_curl(["-sSLo", "out", "-XPUT", "-HA: b", "--", "-odd"])
    assert call.flags >= {"silent", "show-error"}
    assert call.values["output"] == "out"
    assert call.web_call().method == "PUT"
    assert call.urls == ["-odd"]
    assert read_curl(["-G", "-d", "a", "u"]).web_call().method == "GET"
    assert read_curl(["-I", "u"]).web_call().method == "HEAD"
    assert read_curl(["--fail", "--no-fail", "u"]).flags == set()
    texts = ["a b", "=a b", "n=a b"]
    words = [word for text in texts for word in ("--data-urlencode", text)]
    assert [part.text for part in read_curl([*words, "u"]).body] == ["a+b", "a+b", "n=a+b"]


def test_options_of_wget_are_read_as_wget_does() -> None:
    call = read_wget(["-nv", "-qO", "-", "--header", "A: b", "--post-data=x", "--", "u"])
    assert call.flags == {"no-verbose", "quiet"}
    assert call.values["output-document"] == "-"
    assert call.web_call().method == "POST"
    with pytest.raises(CallFailed):
        read_wget(["-q"]).web_call()
