"""The tasks ``ci.*`` that run a configuration on this machine, and what there is to see of runs."""

from __future__ import annotations

from collections.abc import Iterable

from invoke.exceptions import Exit

from pipeline.command import Run, command
from pipeline.compile_help import COMPILE_HELP, COMPILE_VALUES

__all__ = ["run_"]


_GROUPS = {
    "What to run": (
        "workflow",
        "job",
        "job_param",
        "only",
        "from_",
        "failed",
        "failed_tests",
        "node_index",
        "node_total",
        "approve",
        "continue_",
        "passed",
    ),
    "The pipeline": (
        "branch",
        "tag",
        "trigger",
        "param",
        "params_file",
        "value",
        "config",
        "orb",
    ),
    "Variables and secrets": ("env", "env_file", "context"),
    "Files of the jobs": ("committed", "in_place", "volume"),
    "Where and how jobs run": (
        "executor",
        "jobs",
        "job_timeout",
        "pull",
        "platform",
        "image",
        "ssh_agent",
        "no_tty",
    ),
    "Seeing and debugging": (
        "list_",
        "dry_run",
        "shell",
        "shell_at",
        "watch",
        "quiet",
        "plain",
        "json",
        "report",
    ),
}


@command(
    name="run",
    auto_shortflags=False,
    short={"env": "e", "volume": "v"},
    groups=_GROUPS,
    iterable=[
        "job_param",
        "param",
        "value",
        "orb",
        "env",
        "context",
        "approve",
        "passed",
        "image",
        "report",
        "volume",
    ],
    values={
        **COMPILE_VALUES,
        "workflow": "NAME",
        "job": "NAME",
        "job_param": "NAME=VALUE",
        "from_": "JOB",
        "failed": "RUN",
        "node_index": "N",
        "node_total": "N",
        "approve": "JOB|all",
        "continue_": "FILE",
        "passed": "NAME=VALUE",
        "trigger": "WHAT",
        "env": "NAME[=VALUE]",
        "env_file": "FILE",
        "context": "NAME=FILE",
        "volume": "HERE:THERE[:ro]",
        "executor": "auto|docker|host",
        "jobs": "N",
        "job_timeout": "TIME",
        "platform": "OS/CPU",
        "image": "IMAGE=OTHER",
        "shell_at": "STEP",
        "report": "FILE|FOLDER/",
    },
    help={
        **COMPILE_HELP,
        "workflow": "this workflow; default are all that a push of the branch starts",
        "job": "this job, after those that it requires; also one that is in no workflow",
        "job_param": "with --job: a parameter of the job (repeatable)",
        "only": "with --job: without what it requires",
        "from_": "this job and what follows it; what is before it is taken from the last run in which it"
        " went well",
        "failed": "what did not go well in a run, again; the run's id, or `last`",
        "failed_tests": "with --failed: `circleci tests run` gets only the tests that failed there",
        "node_index": "with --job: only this instance of a parallel job, counted from 0",
        "node_total": "with --job: as many instances, whatever its `parallelism` says",
        "approve": "let an approval pass without asking (repeatable)",
        "continue_": "in place of a setup workflow: run this file as the configuration that it generates",
        "passed": "with --continue: a parameter that the setup workflow passes on (repeatable)",
        "trigger": "what starts the pipeline: push (the default), api, schedule (runs the workflows that"
        " have a schedule) or scheduled-pipeline",
        "env": "a project variable; NAME alone passes on yours, which has to be set (repeatable)",
        "env_file": "a file with project variables, one NAME=VALUE a line; may be encrypted with sops",
        "context": "the file with a context's variables; NAME= does without them (repeatable)",
        "committed": "jobs check out the last commit, in place of your files as they are",
        "in_place": "jobs work on your files themselves, not on a copy; one job at a time",
        "volume": "let containers see a file or folder of this machine (repeatable)",
        "executor": "where docker jobs run: host is this machine itself, without containers",
        "jobs": "how many jobs run at once; default is half of the processors",
        "job_timeout": "the most that a job may take, as 90s or 1h; default is no limit",
        "pull": "pull images even where they are here already",
        "platform": "take images for this platform, as linux/amd64; default is the engine's own",
        "image": "take another image for one that the configuration names (repeatable)",
        "ssh_agent": "every job may use all keys of your ssh agent, not only what `add_ssh_keys` names",
        "no_tty": "steps see no terminal",
        "list_": "run nothing: list workflows and jobs, what starts, and why the others do not",
        "dry_run": "run nothing: show the jobs in their order, with steps, commands and caches",
        "shell": "when a step fails, open a shell in its job, as it is then",
        "shell_at": "open a shell before this step, named as it is shown or by its number",
        "watch": "run again whenever files change, until Ctrl-C",
        "quiet": "print the output of failed steps only; the logs have all",
        "plain": "print each step with all of its output when it ends, as it is done without a terminal",
        "json": "print events as JSON, one a line; with --list or --dry-run what these show",
        "report": "write a page to FILE.html, JUnit to FILE.xml, both to FOLDER/ (repeatable)",
    },
)
def run_(
    run: Run,
    config: str = "",
    workflow: str = "",
    job: str = "",
    job_param: Iterable[str] | None = None,
    only: bool = False,
    trigger: str = "push",
    from_: str = "",
    failed: str = "",
    continue_: str = "",
    passed: Iterable[str] | None = None,
    failed_tests: bool = False,
    job_timeout: str = "",
    param: Iterable[str] | None = None,
    params_file: str = "",
    value: Iterable[str] | None = None,
    branch: str = "",
    tag: str = "",
    orb: Iterable[str] | None = None,
    node_index: int = -1,
    node_total: int = -1,
    env: Iterable[str] | None = None,
    env_file: str = "",
    context: Iterable[str] | None = None,
    approve: Iterable[str] | None = None,
    jobs: int = -1,
    executor: str = "auto",
    platform: str = "",
    image: Iterable[str] | None = None,
    ssh_agent: bool = False,
    in_place: bool = False,
    committed: bool = False,
    volume: Iterable[str] | None = None,
    pull: bool = False,
    no_tty: bool = False,
    shell: bool = False,
    shell_at: str = "",
    watch: bool = False,
    quiet: bool = False,
    plain: bool = False,
    json: bool = False,
    report: Iterable[str] | None = None,
    dry_run: bool = False,
    list_: bool = False,
) -> None:
    """Run the configuration's workflows, or one job, on this machine.

    For example:

      orbyard ci.run --job test --env RAILS_ENV=test
      orbyard ci.run --failed last
      orbyard ci.run --list --branch main
    """
    from pipeline.ci_options import compile_options
    from pipeline.errors import InvalidInput
    from pipeline.local_options import LocalOptions, check_options
    from pipeline.local_run import run_locally
    from pipeline.runner.plan import Choice
    from pipeline.runner.report import read_targets

    if executor not in ("auto", "docker", "host"):
        raise InvalidInput(f"--executor is auto, docker or host, not {executor!r}")
    if jobs < -1 or jobs == 0:
        raise InvalidInput(f"--jobs is a number of jobs, not {jobs}")
    if node_index < -1 or node_total < -1 or node_total == 0:
        raise InvalidInput("--node-index counts from 0, --node-total from 1")
    if only and not job:
        raise InvalidInput("--only goes with --job, which says of what job")
    if not job and (node_index >= 0 or node_total > 0):
        raise InvalidInput("--node-index and --node-total go with --job, which says of what job")
    options = LocalOptions(
        choice=Choice(
            workflow,
            job,
            only,
            scheduled=trigger == "schedule",
            node_index=node_index if node_index >= 0 else None,
            node_total=max(node_total, 0),
        ),
        job_parameters=tuple(job_param or ()),
        begin_at=from_,
        failed=failed,
        continue_=continue_,
        passed=tuple(passed or ()),
        branch=branch,
        tag=tag,
        trigger=trigger,
        values=tuple(value or ()),
        orbs=tuple(orb or ()),
        failed_tests=failed_tests,
        job_timeout=job_timeout,
        env=tuple(env or ()),
        env_file=env_file,
        contexts=tuple(context or ()),
        approve=tuple(approve or ()),
        at_once=max(jobs, 0),
        executor=executor,
        platform=platform,
        images=tuple(image or ()),
        ssh_agent=ssh_agent,
        in_place=in_place,
        volumes=tuple(volume or ()),
        watch=watch,
        committed=committed,
        pull=pull,
        tty=not no_tty,
        shell=shell,
        shell_at=shell_at,
        quiet=quiet,
        view="events" if json else "plain" if plain else "auto",
        dry_run=dry_run,
        list_only=list_,
        as_json=json,
        reports=() if dry_run or list_ else read_targets(report or (), run.cwd),
    )
    check_options(options)  # what is wrong here does not get better by waiting for changes of files

    def once() -> bool:
        compiling = compile_options(
            run,
            param=param or (),
            params_file=params_file,
            value=value or (),
            branch=branch,
            tag=tag,
            orb=orb or (),
        )
        return run_locally(run, config, compiling, options)

    if watch and not (list_ or dry_run):
        from pipeline.watching import run_again_on_changes

        written = [target.path for target in options.reports]
        run_again_on_changes(run.root, run.console, once, outputs=written)
    if not once():
        raise Exit(code=1)
