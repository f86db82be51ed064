"""What waits for what in a workflow: ``requires`` turned into final names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from pipeline.config.expanded import ExpandedWorkflow, Invocation, Requirement
from pipeline.config.scope import Compilation
from pipeline.errors import did_you_mean

__all__ = ["connect"]

_LONGEST_CYCLE = 20
"""Jobs of a cycle that a message names."""


def connect(workflow: ExpandedWorkflow, compilation: Compilation) -> None:
    """Turn what ``requires`` says into final names, and leave out what is filtered out."""
    names = _Names(workflow.jobs)
    needs: dict[int, list[tuple[Invocation, Requirement]]] = {}
    for job in workflow.jobs:
        needs[id(job)] = _needs(job, names, workflow, compilation)
    _drop_orphans(workflow, needs)
    for job in workflow.jobs:
        job.requires = list(
            {
                need.name: Requirement(need.name, requirement.statuses, requirement.mark)
                for need, requirement in needs[id(job)]
                if not need.filtered_out
            }.values()
        )
    workflow.left_out = [job for job in workflow.jobs if job.filtered_out]
    workflow.jobs = [job for job in workflow.jobs if not job.filtered_out]
    _find_cycle(workflow, compilation)


def _needs(
    job: Invocation, names: _Names, workflow: ExpandedWorkflow, compilation: Compilation
) -> list[tuple[Invocation, Requirement]]:
    found: list[tuple[Invocation, Requirement]] = []
    for requirement in job.requires:
        choices = names.find(requirement.name, job)
        if len(choices) == 1:
            compilation.count(requirement.mark, None, len(choices[0]))
            found += [(other, requirement) for other in choices[0]]
        else:
            _unknown_need(job, requirement, len(choices), names, workflow, compilation)
    return found


def _unknown_need(
    job: Invocation,
    requirement: Requirement,
    count: int,
    names: _Names,
    workflow: ExpandedWorkflow,
    compilation: Compilation,
) -> None:
    name = requirement.name.removeprefix(f"{job.group}/") if job.group else requirement.name
    inside = [other for other in workflow.jobs if other.group and not job.group]
    for other in inside:
        if other.name.removeprefix(f"{other.group}/") == name:
            compilation.report.error(
                "job-group",
                f'"{name}" is defined inside job group "{other.group}", not directly in this workflow',
                requirement.mark,
                hint=f"require the job group: `requires: [{other.group}]`",
            )
            return
    compilation.report.error(
        "requires-unknown",
        f"Job '{job.label}' requires '{name}', which is the name of {count} other jobs in workflow"
        f" '{workflow.name}'",
        requirement.mark,
        hint="You can give a job within a workflow an explicit name by adding a name key"
        if count
        else did_you_mean(requirement.name, names.known(job)),
    )


def _find_cycle(workflow: ExpandedWorkflow, compilation: Compilation) -> None:
    needs = {job.name: [need.name for need in job.requires] for job in workflow.jobs}
    jobs = {job.name: job for job in workflow.jobs}
    done: set[str] = set()
    for start in needs:
        cycle = _cycle_from(start, needs, done)
        if cycle:
            around = [*cycle, cycle[0]]
            if len(cycle) > _LONGEST_CYCLE:
                around[_LONGEST_CYCLE - 2 : -2] = ["…"]
            compilation.report.error(
                "requires-cycle",
                f"The job `{cycle[0]}` is part of a cycle: {' → '.join(around)};"
                f" the following jobs are unreachable: {', '.join(sorted(set(around)))}",
                jobs[cycle[0]].mark,
            )


class _Names:
    """What ``requires`` may call the jobs of a workflow.

    A job goes by its name before numbers are added, the members of a matrix together by its alias; the
    final name with its number is understood as well.
    """

    def __init__(self, jobs: Iterable[Invocation]) -> None:
        self._by_label: dict[str, list[Invocation]] = defaultdict(list)
        self._by_alias: dict[str, dict[int, list[Invocation]]] = defaultdict(dict)
        self._by_name: dict[str, Invocation] = {}
        for job in jobs:
            self._by_label[job.label].append(job)
            self._by_name[job.name] = job
            if job.alias is not None:
                self._by_alias[job.alias].setdefault(job.item, []).append(job)

    def find(self, name: str, asking: Invocation) -> list[list[Invocation]]:
        """Return what the name may mean to a job: each a job, or the members of a matrix."""
        choices = [[job] for job in self._by_label.get(name, ()) if job.item != asking.item]
        for item, members in self._by_alias.get(name, {}).items():
            if item != asking.item and members not in choices:
                choices.append(members)
        if not choices and name in self._by_name and self._by_name[name].item != asking.item:
            return [[self._by_name[name]]]
        return choices

    def known(self, asking: Invocation) -> Iterator[str]:
        """Yield the names of the other jobs."""
        for name, jobs in self._by_label.items():
            if any(job.item != asking.item for job in jobs):
                yield name
        yield from self._by_alias


def _cycle_from(start: str, needs: dict[str, list[str]], done: set[str]) -> list[str]:
    """Return the names of a cycle that is reached from a job, else nothing; without recursion."""
    path: list[str] = []
    on_path: dict[str, int] = {}
    todo: list[tuple[str, bool]] = [(start, True)]
    while todo:
        name, entering = todo.pop()
        if not entering:
            path.pop()
            del on_path[name]
            done.add(name)
            continue
        if name in on_path:
            done.update(path)  # It is told once, and not from each job that leads to it.
            return path[on_path[name] :]
        if name in done:
            continue
        on_path[name] = len(path)
        path.append(name)
        todo.append((name, False))
        todo.extend((need, True) for need in needs.get(name, ()))
    return []


def _drop_orphans(
    workflow: ExpandedWorkflow, needs: dict[int, list[tuple[Invocation, Requirement]]]
) -> None:
    """Leave out each job whose requirements are all filtered out, and so on."""
    waiting: dict[int, list[Invocation]] = defaultdict(list)
    for job in workflow.jobs:
        for needed, _ in needs[id(job)]:
            waiting[id(needed)].append(job)
    gone = [job for job in workflow.jobs if job.filtered_out]
    while gone:
        for job in waiting[id(gone.pop())]:
            if not job.filtered_out and all(need.filtered_out for need, _ in needs[id(job)]):
                job.filtered_out = True
                gone.append(job)
