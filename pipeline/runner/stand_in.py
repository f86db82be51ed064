"""The ``circleci`` program inside of jobs: what its subcommands answer.

In a job it is the shell script ``stand_in.sh``. It sends a :class:`Request`; an :class:`Answer` either ends
the call, or asks for things that only the job can tell (its input, its files), after which the script asks
again with those in hand. So all decisions are made here, and :func:`answer` is pure. What carries requests
and answers is :class:`~pipeline.runner.agent_server.AgentServer`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pipeline import __version__
from pipeline.errors import InvalidInput, did_you_mean
from pipeline.runner.agent_messages import (
    Answer,
    JobFacts,
    Needed,
    Request,
    bytes_of,
    script_of,
    stdin_of,
    text_of,
)
from pipeline.runner.exports import parse_exports
from pipeline.runner.substitution import substitute
from pipeline.runner.tests_command import answer_glob, answer_run, answer_split

__all__ = ["Answer", "JobFacts", "Request", "answer", "script_of", "stand_in_script"]

_USAGE = f"""\
Orbyard's stand-in for the `circleci` program of jobs, version {__version__}. It has

  circleci tests glob PATTERN…      list the test files
  circleci tests split [FILE]       print this node's part of a list
  circleci tests run --command C    run C with this node's part on its input
  circleci env subst [TEXT]         put environment variables into a text
  circleci step halt                end the job here, as a success
  circleci version                  say which program this is

(`circleci-agent` is the same program.) What the CLI of your own machine does (`circleci config`,
`circleci orb`) is not part of it; `orbyard` does that outside of jobs.
"""


def stand_in_script() -> bytes:
    """Return the script that jobs have as ``circleci`` and ``circleci-agent`` on their PATH."""
    return Path(__file__).with_suffix(".sh").read_bytes()


def answer(request: Request, facts: JobFacts | None = None) -> Answer:
    """Return what happens next with a call; mistakes in it are told, with exit code 1."""
    words = request.arguments
    if not words or "--help" in words:
        return _HELP
    try:
        for length in (2, 1):
            name = " ".join(words[:length])
            if name in _FIXED:
                return _FIXED[name]
            if name in _COMMANDS:
                rest = replace(request, arguments=words[length:])
                return _COMMANDS[name](rest, facts or JobFacts())
        return _unknown(words)
    except Needed as missing:
        return Answer(exit_code=None, calls=missing.calls)
    except InvalidInput as error:
        hint = f"\n  {error.hint}" if error.hint else ""
        return _failure(f"circleci {' '.join(words[:2])}: {error.message}{hint}")


def _failure(text: str) -> Answer:
    return Answer(stderr=bytes_of(f"{text}\n"), exit_code=1)


def _unknown(words: Sequence[str]) -> Answer:
    name = " ".join(words[:2] if words[0] in ("tests", "env", "step", "task", "run") else words[:1])
    near = did_you_mean(name, [*_COMMANDS, *_FIXED, "step halt"])
    text = f"circleci: `{name}` is not a command of jobs{f'; {near}' if near else ''}"
    return _failure(f"{text}\n\n{_USAGE.rstrip()}")


_VERSION = Answer(
    stdout=bytes_of(
        f"{__version__} (Orbyard's stand-in for the circleci program of jobs; "
        "not CircleCI's own, nor the CLI of your machine)\n"
    )
)
_HELP = Answer(stdout=bytes_of(_USAGE))
_FIXED: Mapping[str, Answer] = {
    "help": _HELP,
    "version": _VERSION,
    "--version": _VERSION,
    "run release": Answer(
        stderr=bytes_of(
            "circleci run release: only CircleCI's service records releases; "
            "nothing was recorded, and the job goes on\n"
        )
    ),
    "run oidc": _failure(
        "circleci run oidc: only CircleCI's service can sign an OIDC token\n"
        "  give the job the credentials themselves, in a context"
    ),
    "testsuite": _failure(
        "circleci testsuite: it needs CircleCI's service, and is not run on this machine\n"
        "  `circleci tests run` runs the tests here"
    ),
}


# ------------------------------------------------------------------------------------- env subst


def _env_subst(request: Request) -> Answer:
    environment = request.inputs.get("environment")
    calls = [] if environment is not None else [("take_environment",)]
    if not request.arguments and "stdin" not in request.inputs:
        calls.append(("take_stdin",))
    if calls:
        raise Needed(*calls)
    text = (
        " ".join(request.arguments) if request.arguments else text_of(stdin_of(request, "a text"))
    )
    if "exports" in request.inputs:
        variables = parse_exports(text_of(request.inputs["exports"]))
    else:
        pairs = (entry.partition("=") for entry in text_of(environment or b"").split("\0"))
        variables = {name: value for name, _, value in pairs if name}
    return Answer(stdout=bytes_of(substitute(text, variables)))


_COMMANDS: Mapping[str, Callable[[Request, JobFacts], Answer]] = {
    "tests glob": lambda request, _: answer_glob(request),
    "tests split": answer_split,
    "tests run": answer_run,
    "env subst": lambda request, _: _env_subst(request),
}
