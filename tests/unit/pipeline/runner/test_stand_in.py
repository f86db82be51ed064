"""The ``circleci`` program inside of jobs, in real shells against a real server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.runner.agent_server import AgentServer
from pipeline.runner.exports import parse_exports
from pipeline.runner.stand_in import (
    Answer,
    JobFacts,
    Request,
    answer,
    script_of,
    stand_in_script,
)
from pipeline.runner.test_results import CaseResult, Timings

KNOWN = {"dash": ["dash"], "busybox": ["busybox", "sh"], "bash": ["bash", "--posix"], "sh": ["sh"]}
PROGRAMS = {name: os.path.realpath(found) for name in KNOWN if (found := shutil.which(name))}
SHELLS = {  # `sh` is one of the others on most machines
    name: KNOWN[name]
    for name, program in PROGRAMS.items()
    if name != "sh" or program not in list(PROGRAMS.values())[:-1]
}
ODD_NAMES = [
    "a b.rb",
    "it's.rb",
    '"quoted".rb',
    "$HOME.rb",
    "new\nline.rb",
    "-dash.rb",
    "ü.rb",
    "*.rb",
]
FACTS = JobFacts(Timings({"./slow.rb": 9.0, "b.rb": 2.0, "c.rb": 2.0, "d.rb": 3.0}))


@dataclass
class Job:
    """A job's view: a shell, its folder, the program, the server's folder."""

    shell: list[str]
    folder: Path
    script: Path
    agent: Path

    def call(
        self,
        *arguments: str,
        stdin: bytes | None = b"",
        folder: Path | None = None,
        **variables: str,
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*self.shell, self.script, *arguments],
            input=stdin,
            capture_output=True,
            cwd=folder or self.folder,
            env={
                "PATH": os.environ["PATH"],
                "ORBYARD_AGENT": str(self.agent),
                "ORBYARD_AGENT_WAIT_S": "20",
                **variables,
            },
            timeout=60,
            check=False,
        )

    def lines(self, *arguments: str, stdin: bytes | None = b"", **variables: str) -> list[str]:
        done = self.call(*arguments, stdin=stdin, **variables)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode().splitlines()


@pytest.fixture(params=list(SHELLS))
def job(request: pytest.FixtureRequest, tmp_path: Path) -> Job:
    script = tmp_path / "circleci"
    script.write_bytes(stand_in_script())
    folder = tmp_path / "project with space"
    folder.mkdir()
    return Job(SHELLS[request.param], folder, script, tmp_path / "agent")


@pytest.fixture
def server(job: Job) -> Iterator[AgentServer]:
    with AgentServer(job.agent, FACTS) as server:
        yield server
    assert sorted(p.name for p in job.agent.iterdir() if p.name != "halt") == []


Server = pytest.mark.usefixtures("server")


@Server
def test_the_version_says_which_program_this_is(job: Job) -> None:
    for argument in ("version", "--version"):
        assert "Orbyard's stand-in" in job.lines(argument)[0]


@Server
@pytest.mark.parametrize("arguments", [(), ("help",), ("tests", "split", "--help")])
def test_help_lists_the_commands(job: Job, arguments: tuple[str, ...]) -> None:
    assert any("circleci tests split" in line for line in job.lines(*arguments))


@pytest.mark.parametrize("word", ["step", "task"])
def test_a_halt_is_seen_by_the_runner(job: Job, server: AgentServer, word: str) -> None:
    assert not server.halted
    assert job.call(word, "halt").returncode == 0
    assert server.halted


@Server
@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (("run", "release", "plan", "--version=1"), 0, "only CircleCI's service"),
        (("run", "oidc", "get", "--claims", "{}"), 1, "only CircleCI's service"),
        (("testsuite", "ci"), 1, "needs CircleCI's service"),
        (("tests", "splitt"), 1, "did you mean 'tests split'?"),
        (("config", "validate"), 1, "not a command of jobs"),
        (("tests", "split", "--nope"), 1, "unknown flag: --nope"),
        (("tests", "split", "--split-by=size"), 1, "name, filesize, timings"),
        (("tests", "split", "--index"), 1, "--index needs a value"),
        (("tests", "split", "--index=x"), 1, "'x' is not a number"),
        (("tests", "split", "--index=3", "--total=2"), 1, "node 3 of 2"),
        (("tests", "split", "no such file"), 1, "no such file: cannot be read"),
        (("tests", "run"), 1, "it needs --command"),
        (("tests", "glob"), 1, "it needs a pattern"),
    ],
)
def test_what_is_hosted_only_or_wrong_is_said(
    job: Job, arguments: tuple[str, ...], exit_code: int, words: str
) -> None:
    done = job.call(*arguments)
    assert (done.returncode, done.stdout) == (exit_code, b"")
    assert words in done.stderr.decode()


@Server
def test_glob_finds_the_job_s_files(job: Job) -> None:
    for name in ["spec/a_spec.rb", "spec/models/b_spec.rb", "lib/c.rb", ".hidden/d_spec.rb"]:
        file = job.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    (job.folder / "spec/folder_spec.rb").mkdir()
    (job.folder / "spec/link_spec.rb").symlink_to("a_spec.rb")
    (job.folder / "spec/dead_spec.rb").symlink_to("nowhere")
    (job.folder / "spec/dir_spec.rb").symlink_to("models")
    assert job.lines("tests", "glob", "spec/**/*_spec.rb", "lib/*.rb") == [
        "lib/c.rb",
        "spec/a_spec.rb",
        "spec/link_spec.rb",
        "spec/models/b_spec.rb",
    ]
    assert job.lines("tests", "glob", "spec/*_spec.rb") == ["spec/a_spec.rb", "spec/link_spec.rb"]
    assert ".hidden/d_spec.rb" in job.lines("tests", "glob", "**/*_spec.rb")
    assert job.lines("tests", "glob", f"{job.folder}/lib/*") == [f"{job.folder}/lib/c.rb"]
    assert job.lines("tests", "glob", "./lib/?.{rb,js}") == ["./lib/c.rb"]
    assert job.lines("tests", "glob", "nothing/**") == []


@Server
def test_glob_takes_names_of_every_kind(job: Job) -> None:
    odd = job.folder / "-odd"
    odd.mkdir()
    for name in ODD_NAMES:
        (odd / name).touch()
    done = job.call("tests", "glob", "--", "-odd/*.rb")
    assert done.stdout.decode() == "".join(f"-odd/{name}\n" for name in sorted(ODD_NAMES))


@Server
def test_split_deals_the_input(job: Job) -> None:
    tests = b"c\na\nd\nb\n"
    assert job.lines("tests", "split", stdin=tests) == ["a", "b", "c", "d"]
    node = {"CIRCLE_NODE_INDEX": "1", "CIRCLE_NODE_TOTAL": "2"}
    assert job.lines("tests", "split", stdin=tests, **node) == ["b", "d"]
    assert job.lines("tests", "split", "--index=0", "--total", "3", stdin=tests, **node) == [
        "a",
        "d",
    ]
    assert job.lines("tests", "split", stdin=b"c a b", **node) == ["b"]
    assert job.lines("tests", "split", stdin=b"") == []


@Server
def test_split_reads_a_file_and_counts(job: Job) -> None:
    (job.folder / "my tests.txt").write_text("".join(f"{name}\n" for name in "abcde"))
    done = job.call("tests", "split", "my tests.txt", "--show-counts", "--total=2", "--index=1")
    assert done.stdout == b"b\nd\n"
    assert done.stderr == b"Node 1 of 2 has 2 of 5 tests\n"


@Server
def test_split_by_file_size(job: Job) -> None:
    names = ["big one.rb", "it's.rb", "-dash.rb", "ü.rb"]
    for name, size in zip(names, (900, 500, 300, 100), strict=True):
        (job.folder / name).write_bytes(b"x" * size)
    tests = "".join(f"{name}\n" for name in names).encode()
    flags = ("tests", "split", "--split-by=filesize", "--total=2")
    assert job.lines(*flags, "--index=0", stdin=tests) == ["big one.rb"]
    assert job.lines(*flags, "--index=1", stdin=tests) == ["-dash.rb", "it's.rb", "ü.rb"]
    done = job.call(*flags, stdin=tests + b"lost.rb\n")
    assert done.returncode == 1
    assert b"'lost.rb' has no size" in done.stderr


@Server
def test_split_by_the_size_of_many_files(job: Job) -> None:
    names = [f"test {i}.rb" for i in range(450)]
    for name in names:
        (job.folder / name).write_text("x" * len(name))
    tests = "\n".join(names).encode()
    parts = [
        job.lines("tests", "split", "--split-by=filesize", f"--index={i}", "--total=2", stdin=tests)
        for i in (0, 1)
    ]
    assert sorted(parts[0] + parts[1]) == sorted(names)
    assert len(parts[0]) in range(220, 231)


@Server
def test_split_by_timings(job: Job) -> None:
    tests = b"b.rb\nc.rb\nd.rb\nslow.rb\n"
    flags = ("tests", "split", "--split-by=timings", "--total=2")
    assert job.lines(*flags, "--index=0", stdin=tests) == ["slow.rb"]
    (job.folder / "t.json").write_text('{"tests": [{"file": "b.rb", "run_time": 99}]}')
    flags = (*flags, "--timings-file=t.json", "--time-default=1s")
    assert job.lines(*flags, "--index=0", stdin=tests) == ["b.rb"]
    done = job.call("tests", "split", "--split-by=timings", stdin=b"x\ny\n")
    assert done.stdout == b"x\ny\n"
    assert b"falling back to weighting by name." in done.stderr


@Server
def test_run_gives_the_command_this_node_s_tests(job: Job) -> None:
    node = {"CIRCLE_NODE_INDEX": "1", "CIRCLE_NODE_TOTAL": "2", "GREETING": "it's"}
    command = 'cat; echo "$GREETING" $CIRCLE_NODE_INDEX >&2; exit 7'
    done = job.call("tests", "run", f"--command={command}", stdin=b"a b\nc d\n", **node)
    assert (done.returncode, done.stdout, done.stderr) == (7, b"c d\n", b"it's 1\n")
    done = job.call("tests", "run", "--command", ">out xargs echo", stdin=b"a\nb\n")
    assert (job.folder / "out").read_text() == "a b\n"


@Server
def test_run_says_the_tests_when_asked(job: Job) -> None:
    done = job.call("tests", "run", "--command=cat", "--verbose", stdin=b"a\nb\n")
    assert done.stderr.decode().splitlines() == ["Running 'cat' with these tests:", "a", "b"]


@Server
def test_a_node_without_tests_does_not_run_the_command(job: Job) -> None:
    flags = ("--index=1", "--total=2")
    done = job.call("tests", "run", "--command=exit 9", *flags, stdin=b"only\n")
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"the command is not run" in done.stderr


@Server
def test_the_command_has_the_job_s_own_umask(job: Job) -> None:
    done = job.call("tests", "run", "--command=umask", stdin=b"a")
    assert int(done.stdout, 8) == current_umask()


def current_umask() -> int:
    umask = os.umask(0o022)
    os.umask(umask)
    return umask


def test_a_rerun_has_the_failed_tests_alone(job: Job) -> None:
    facts = JobFacts(only_failed=(CaseResult("x", file="./b.rb", outcome="failed"),))
    with AgentServer(job.agent, facts):
        assert job.lines("tests", "run", "--command=cat", stdin=b"a.rb\nb.rb\n") == ["b.rb"]
        assert job.lines("tests", "split", stdin=b"a.rb\nb.rb\n") == ["a.rb", "b.rb"]


@Server
def test_subst_takes_the_job_s_variables(job: Job) -> None:
    odd = 'two\nlines, it\'s "quoted" $HOME \\ ü'
    done = job.call("env", "subst", stdin=b"[${ODD}] ${NOT_SET:-default} $$A\n", ODD=odd)
    assert done.stdout.decode() == f"[{odd}] default $A\n"
    assert job.call("env", "subst", "a $A", A="b").stdout == b"a b"
    failed = job.call("env", "subst", stdin=b"${A")
    assert failed.returncode == 1
    assert b"closing brace expected" in failed.stderr


@Server
def test_subst_works_without_env_in_the_image(job: Job) -> None:
    tools = job.folder / "bin"
    tools.mkdir()
    for name in ("mkdir", "mv", "rm", "cat", "sleep", "date"):
        (tools / name).symlink_to(str(shutil.which(name)))
    shell = [str(shutil.which(job.shell[0])), *job.shell[1:]]
    bare = Job(shell, job.folder, job.script, job.agent)
    odd = 'two\nlines, it\'s "quoted" $HOME \\ `x` ü\t\x01'
    if job.shell[0] != "busybox":  # its applets are in the shell
        assert bare.call("env", "subst", "x", PATH=str(tools)).stdout == b"x"
    done = bare.call("env", "subst", "[$ODD]", PATH=str(tools), ODD=odd)
    assert done.stdout.decode() == f"[{odd}]"


@Server
def test_input_of_any_bytes_comes_through(job: Job) -> None:
    data = bytes(range(256)).replace(b"$", b"") * 2000
    assert job.call("env", "subst", stdin=data).stdout == data


@Server
def test_many_calls_at_once_get_their_own_answers(job: Job) -> None:
    def one(i: int) -> list[str]:
        return job.lines("tests", "split", stdin=f"a{i}\nb{i}\n".encode())

    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(one, range(36))) == [[f"a{i}", f"b{i}"] for i in range(36)]


def test_without_a_runner_the_reason_is_said(job: Job) -> None:
    done = job.call("version", ORBYARD_AGENT="")
    assert (done.returncode, b"inside of a job alone" in done.stderr) == (1, True)
    done = job.call("version")
    assert (done.returncode, b"is not here" in done.stderr) == (1, True)
    with AgentServer(job.agent):
        pass
    done = job.call("tests", "split", stdin=b"a")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"has ended, so nothing can answer `circleci tests split`" in done.stderr


def test_a_runner_that_does_not_answer_is_not_waited_for_forever(job: Job) -> None:
    job.agent.mkdir()
    (job.agent / "serving").touch()
    done = job.call("version", ORBYARD_AGENT_WAIT_S="1")
    assert done.returncode == 1
    assert b"within 1 seconds" in done.stderr
    assert [file.name for file in job.agent.iterdir()] == ["serving"]


def test_a_shell_without_fractions_of_seconds_waits_a_second(tmp_path: Path) -> None:
    script = tmp_path / "circleci"
    script.write_bytes(stand_in_script())
    sleep = tmp_path / "tools" / "sleep"
    sleep.parent.mkdir()
    sleep.write_text(
        f'#!/bin/sh\ncase $1 in *.*) exit 1;; esac\nexec {shutil.which("sleep")} "$1"\n'
    )
    sleep.chmod(0o755)
    with AgentServer(tmp_path / "agent"):
        job = Job(["sh"], tmp_path, script, tmp_path / "agent")
        assert job.lines("version", PATH=f"{sleep.parent}:{os.environ['PATH']}")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be someone else")
def test_the_job_s_user_may_be_another_than_the_runner_s() -> None:
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        top.chmod(0o755)
        (top / "circleci").write_bytes(stand_in_script())
        with AgentServer(top / "agent"):
            done = subprocess.run(
                ["sh", top / "circleci", "tests", "run", "--command=id -u; umask; cat"],
                input=b"a\nb\n",
                capture_output=True,
                env={"PATH": os.environ["PATH"], "ORBYARD_AGENT": str(top / "agent")},
                cwd="/",
                user=65534,
                umask=0o077,
                check=False,
            )
            assert done.stdout.decode().split() == ["65534", "0077", "a", "b"], done.stderr


@Server
def test_a_call_that_is_ended_leaves_nothing(job: Job) -> None:
    with AgentServer(job.agent.with_name("slow"), respond=lambda *_: pause(Answer())) as slow:
        caller = subprocess.Popen(
            [*job.shell, job.script, "version"],
            env={"PATH": os.environ["PATH"], "ORBYARD_AGENT": str(slow.folder)},
        )
        while not list(slow.folder.glob("ask.*")):
            pause(None, 0.01)
        caller.terminate()
        assert caller.wait(10) in (143, -15)
        assert list(slow.folder.glob("ask.*")) == []


def pause(value: Any, seconds: float = 0.5) -> Any:
    threading.Event().wait(seconds)
    return value


def test_a_mistake_in_the_runner_ends_one_call_alone(job: Job) -> None:
    def respond(request: Request, facts: JobFacts | None) -> Answer:
        if request.arguments == ("version",):
            raise RuntimeError("oh")
        return answer(request, facts)

    with AgentServer(job.agent, respond=respond):
        assert b"RuntimeError('oh')" in job.call("version").stderr
        assert job.lines("tests", "split", stdin=b"a") == ["a"]


# ------------------------------------------------------------------------- what a job may not do


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    return tmp_path / "agent"


def place_request(agent: Path, name: str, files: dict[str, bytes]) -> Path:
    request = agent / f"new.{name}"
    request.mkdir()
    for file, data in files.items():
        (request / file).write_bytes(data)
    return request


def answered(request: Path, name: str) -> str:
    place = request.rename(request.parent / name)
    for _ in range(400):
        if (place / "answer").exists():
            return (place / "err").read_text()
        threading.Event().wait(0.01)
    raise AssertionError("no answer")


WHOLE = {"arguments": b"env\0subst\0", "place": b"/\0\0\0", "environment": b""}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path, secret: path.symlink_to(secret), "the runner cannot read 'stdin'"),
        (lambda path, secret: os.mkfifo(path), "not a plain file"),
        (lambda path, secret: path.mkdir(), "not a plain file"),
        (lambda path, secret: path.touch() or os.truncate(path, 2**27), "longer than 64 MiB"),
    ],
)
def test_only_plain_files_of_a_request_are_read(
    agent: Path, tmp_path: Path, make: Callable[[Path, Path], object], words: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    with AgentServer(agent):
        request = place_request(agent, "1", WHOLE)
        make(request / "stdin", secret)
        assert words in answered(request, "ask.1.1")


def test_answers_are_not_written_through_links(agent: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    with AgentServer(agent):
        request = place_request(agent, "1", WHOLE | {"stdin": b"x"})
        for name in ("out", "err", "list", "answer.new"):
            (request / name).symlink_to(precious)
        answered(request, "ask.1.1")
        (agent / "ask.2.1").symlink_to(tmp_path)
        assert answered(place_request(agent, "3", WHOLE | {"stdin": b""}), "ask.3.1") == ""
    assert precious.read_text() == "precious"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["agent", "precious"]


@pytest.mark.parametrize("files", [{}, {"arguments": b"x\0"}, {"arguments": b"", "place": b"/"}])
def test_a_request_that_is_not_whole_is_told_so(agent: Path, files: dict[str, bytes]) -> None:
    with AgentServer(agent):
        assert "not whole" in answered(place_request(agent, "1", files), "ask.1.1")


# ------------------------------------------------------------------------------ the answers alone


@given(st.lists(st.text(alphabet="ab-=./* \n'\"$"), max_size=4), st.binary(max_size=20))
def test_no_call_breaks_the_answering(words: list[str], stdin: bytes) -> None:
    inputs = {"stdin": stdin, "environment": b"", "sizes": b""}
    for head in (["tests", "split"], ["tests", "run"], ["tests", "glob"], ["env", "subst"], []):
        assert isinstance(answer(Request((*head, *words), "/", inputs=inputs)), Answer)


def test_an_answer_quotes_what_it_hands_to_the_shell() -> None:
    given = Answer(exit_code=None, calls=(("take_file", "items", "$(rm -rf /); it's"),))
    assert script_of(given) == "take_file items '$(rm -rf /); it'\"'\"'s'\n"


@pytest.mark.skipif(sys.platform == "win32", reason="there is no sh")
@pytest.mark.parametrize("shell", list(SHELLS))
@settings(max_examples=40, deadline=None)
@given(
    value=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
)
def test_exports_are_read_as_each_shell_writes_them(shell: str, value: str) -> None:
    done = subprocess.run(
        [*SHELLS[shell], "-c", "export -p"],
        env={"A": value, "PATH": os.environ["PATH"], "Z": "last"},
        capture_output=True,
        check=True,
    )
    read = parse_exports(done.stdout.decode("utf-8", "surrogateescape"))
    assert (read["A"], read["Z"]) == (value, "last")


def test_a_link_in_place_of_the_folder_leads_nowhere(agent: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with AgentServer(agent) as server:
        agent.rename(tmp_path / "away")
        agent.symlink_to(elsewhere)
        for name in ("halt", "serving"):
            (elsewhere / name).write_text("precious")
        assert not server.halted
    assert sorted(path.name for path in elsewhere.iterdir()) == ["halt", "serving"]
    assert not server.halted
