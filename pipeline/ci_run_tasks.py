"""The tasks ``ci.*`` that run a configuration on this machine, and what there is to see of runs."""

from __future__ import annotations

from collections.abc import Iterable

from invoke.exceptions import Exit

from pipeline.command import Run, command
from pipeline.compile_help import COMPILE_HELP

__all__ = ["run_"]


_TRIGGERS = {
    "push": "webhook",
    "api": "api",
    "schedule": "schedule",
    "scheduled-pipeline": "scheduled_pipeline",
}
"""By what ``--trigger`` says, the pipeline value ``pipeline.trigger_source``."""


@command(
    name="run",
    auto_shortflags=False,
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
    ],
    help={
        **COMPILE_HELP,
        "workflow": "run this workflow only",
        "job": "run this job, and what it requires",
        "trigger": "what starts the pipeline: push, api, schedule (the workflows with a schedule of their"
        " own) or scheduled-pipeline",
        "job_param": "a parameter of the job of --job, as name=value; may be given several times",
        "only": "with --job: without what it requires",
        "from_": "begin with this job; what is before it is taken from the last run in which it went well",
        "failed": "run again what did not go well in a run, named by its id or `last`",
        "continue_": "of a setup configuration: skip it, and run this configuration as what it generated",
        "passed": "with --continue: a parameter that the setup workflow passes, as name=value; may be"
        " given several times",
        "failed_tests": "with --failed: `circleci tests run` gets only the tests that failed there",
        "job_timeout": "how long a job may take, as 90s or 1h; default is as long as it likes",
        "env": "a project variable, NAME=value, or NAME to pass yours on; may be given several times",
        "env_file": "a file with project variables, as docker reads it",
        "context": "the variables of a context, NAME=FILE, or NAME= for none; may be given several times",
        "approve": "let an approval pass, by its job's name, or all; may be given several times",
        "jobs": "how many jobs run at once; default is half of the processors",
        "executor": "where docker jobs run: auto and docker in containers, host on this machine itself",
        "platform": "take the images for this platform, as linux/amd64; default is the engine's own",
        "image": "take another image for one that the configuration names, as IMAGE=OTHER; may be given"
        " several times",
        "ssh_agent": "let every job use all keys of your ssh agent, not only what `add_ssh_keys` names",
        "in_place": "let jobs work on these files themselves, not on a copy; one job at a time",
        "committed": "check out the last commit, not the files as they are",
        "pull": "pull images that are here already, too",
        "no_tty": "let steps see no terminal",
        "shell": "where a step fails, open a shell in its job, with its variables",
        "shell_at": "open a shell before this step, named as it is shown or by its number",
        "watch": "run again when files change that a job would check out",
        "quiet": "show the output of failed steps only; the logs have all",
        "plain": "print each step when it ends, as without a terminal, with all of its output",
        "json": "print events as JSON, one a line, instead; with --list or --dry-run what these show",
        "dry_run": "only show what would run: jobs in their order, steps, caches that are looked for",
        "list_": "only list the workflows, with what starts here, what does not, and why",
        "report": "write a report: a page to FILE.html, JUnit to FILE.xml, both to a folder; repeatable",
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
    env: Iterable[str] | None = None,
    env_file: str = "",
    context: Iterable[str] | None = None,
    approve: Iterable[str] | None = None,
    jobs: int = 0,
    executor: str = "auto",
    platform: str = "",
    image: Iterable[str] | None = None,
    ssh_agent: bool = False,
    in_place: bool = False,
    committed: bool = False,
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
    from pipeline.local_run import LocalOptions, run_locally
    from pipeline.runner.plan import Choice
    from pipeline.runner.report import read_targets

    if executor not in ("auto", "docker", "host"):
        raise InvalidInput(f"--executor is auto, docker or host, not {executor!r}")
    if trigger not in _TRIGGERS:
        raise InvalidInput(f"--trigger is one of {', '.join(_TRIGGERS)}, not {trigger!r}")
    if jobs < 0:
        raise InvalidInput(f"--jobs is a number of jobs, not {jobs}")
    options = LocalOptions(
        choice=Choice(workflow, job, only, scheduled=trigger == "schedule"),
        job_parameters=tuple(job_param or ()),
        begin_at=from_,
        failed=failed,
        continue_=continue_,
        passed=tuple(passed or ()),
        failed_tests=failed_tests,
        job_timeout=job_timeout,
        env=tuple(env or ()),
        env_file=env_file,
        contexts=tuple(context or ()),
        approve=tuple(approve or ()),
        at_once=jobs,
        executor=executor,
        platform=platform,
        images=tuple(image or ()),
        ssh_agent=ssh_agent,
        in_place=in_place,
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

    def once() -> bool:
        compiling = compile_options(
            run,
            param=param or (),
            params_file=params_file,
            value=(f"pipeline.trigger_source={_TRIGGERS[trigger]}", *(value or ())),
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
