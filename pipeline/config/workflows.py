"""Workflows: which of them run, with which jobs, under which names, and what waits for what."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pipeline.config.cron import cron_problem
from pipeline.config.expansion import ExpandedJob, Expander
from pipeline.config.findings import Frame, Poisoned
from pipeline.config.invocations import Invocation, Invoker, Requirement, Written, read_item
from pipeline.config.logic import check_condition, condition_holds
from pipeline.config.namespace import Element, Namespace
from pipeline.config.nodes import Mapping, Mark, Node, Scalar, Sequence, to_data
from pipeline.config.schema import NAMES
from pipeline.config.scope import Compilation, Scope
from pipeline.config.spec import Checker
from pipeline.config.values import is_truthy, same, show, yaml_type
from pipeline.errors import did_you_mean

__all__ = ["ExpandedWorkflow", "expand_workflows"]

_KEYS = ("jobs", "when", "unless", "triggers", "max_auto_reruns", "description")
_MOST_RERUNS = 5
_LONGEST_CYCLE = 20
"""Jobs of a cycle that a message names."""

_NOT_ON_GROUPS = ("matrix", "override-with", "context", "pre-steps", "post-steps", "type")
_ON_GROUPS = ("requires", "name", "filters", "serial-group")


@dataclass(slots=True, eq=False)
class ExpandedWorkflow:
    """A workflow that runs.

    Attributes:
        name: its name.
        jobs: its jobs, in the order of the document.
        mark: where it is written.
        triggers: schedules, as written.
        max_auto_reruns: or None.
    """

    name: str
    mark: Mark
    jobs: list[Invocation] = field(default_factory=list)
    triggers: Node | None = None
    max_auto_reruns: int | None = None


def expand_workflows(
    root: Mapping, namespace: Namespace, compilation: Compilation, *, all_workflows: bool = False
) -> list[ExpandedWorkflow]:
    """Return the workflows that run, their jobs expanded and with their final names.

    Args:
        root: the document.
        namespace: its elements.
        compilation: what the compiler was given.
        all_workflows: whether to check those as well whose condition is false; they are not returned.
    """
    return _Workflows(root, namespace, compilation, all_workflows).expand()


class _Workflows:
    def __init__(
        self, root: Mapping, namespace: Namespace, compilation: Compilation, all_workflows: bool
    ) -> None:
        self._root = root
        self._namespace = namespace
        self._compilation = compilation
        self._report = compilation.report
        self._all = all_workflows
        self._invoker = Invoker(namespace, compilation, Expander(compilation))
        self._items = 0
        self._groups_used: dict[tuple[str, str], set[str]] = {}

    def expand(self) -> list[ExpandedWorkflow]:
        written = self._written()
        live: list[ExpandedWorkflow] = []
        dead: list[ExpandedWorkflow] = []
        for name, mark, node in written:
            try:
                runs = self._runs(node)
            except Poisoned:
                continue
            if not runs and not self._all:
                self._mark_used(node)
                continue
            workflow = self._workflow(name, mark, node)
            (live if runs else dead).append(workflow)
        for workflows in (live, dead):
            _give_names(workflows)
            for workflow in workflows:
                self._connect(workflow)
        # What a filter leaves without any job does not run at all.
        return [workflow for workflow in live if workflow.jobs]

    def _written(self) -> list[tuple[str, Mark, Node]]:
        node = self._root.get("workflows")
        if node is None:
            return self._implicit()
        if type(node) is not Mapping:
            self._report.error(
                "wrong-type",
                f"expected type: Mapping, found: {yaml_type(node)}: workflows are named",
                node,
                hint="write them as `workflows:` with each workflow's name and `jobs:` below it",
            )
            return []
        found = []
        for name, workflow in node.entries.items():
            if name == "version" and type(workflow) is Scalar:
                continue
            found.append((name, node.keys[name], workflow))
        return found

    def _implicit(self) -> list[tuple[str, Mark, Node]]:
        """A configuration without workflows runs its job ``build``."""
        if ("job", "build") in self._namespace.elements:
            mark = self._root.mark
            jobs = Sequence([Scalar("build", mark)], mark)
            return [("workflow", mark, Mapping({"jobs": jobs}, {"jobs": mark}, mark))]
        self._report.error(
            "no-jobs",
            "Cannot find a job named `build` to run in the `jobs:` section of your configuration file.",
            self._root,
            hint="If you expected a workflow to run, check your config contains a top-level key called"
            " 'workflows:'",
        )
        return []

    # Conditions ---------------------------------------------------------------------------------

    def _runs(self, node: Node) -> bool:
        """Return whether a workflow's conditions hold.

        Raises:
            Poisoned: they are malformed; reported.
        """
        if type(node) is not Mapping:
            return True
        when, unless = node.entries.get("when"), node.entries.get("unless")
        if (when is not None or unless is not None) and not self._namespace.has_tags:
            raise self._report.error(
                "version",
                f"the key {'unless' if when is None else 'when'!r} needs version 2.1",
                node,
                key="unless" if when is None else "when",
            )
        if when is not None and unless is not None:
            raise self._report.error(
                "workflow-shape",
                "a workflow has `when` or `unless`, not both",
                node,
                key="unless",
                hint="join them: `when: {and: […, {not: …}]}`",
            )
        if when is not None:
            return self._holds(when)
        return unless is None or not self._holds(unless)

    def _holds(self, node: Node) -> bool:
        scope = Scope(self._namespace)
        if type(node) is not Scalar:
            if not check_condition(node, Checker(self._report)):
                raise Poisoned
            return condition_holds(node, scope, self._compilation)
        if not isinstance(node.value, str):
            return is_truthy(node.value)
        if not node.dynamic:
            return is_truthy(self._compilation.expression_value(node, scope))
        if self._compilation.template(node, scope).whole is None:
            self._report.warn(
                "always-true",
                "this condition is a text with a tag in it, and so always true",
                node,
                hint="write the whole expression without << >>, or all of it inside of one << … >>",
            )
        return is_truthy(to_data(self._compilation.resolve_node(node, scope)))

    def _mark_used(self, node: Node) -> None:
        """Take note of what a workflow that does not run refers to, so that it is not called unused."""
        jobs = node.get("jobs") if type(node) is Mapping else None
        for item in jobs.items if type(jobs) is Sequence else ():
            name = (
                item.value
                if type(item) is Scalar
                else next(iter(item.entries), "")
                if (type(item) is Mapping)
                else ""
            )
            for kind in ("job", "job-group"):
                self._namespace.find(kind, str(name))

    # One workflow -------------------------------------------------------------------------------

    def _workflow(self, name: str, mark: Mark, node: Node) -> ExpandedWorkflow:
        workflow = ExpandedWorkflow(name, mark)
        if type(node) is not Mapping:
            self._report.error(
                "wrong-type",
                f"expected type: Mapping, found: {yaml_type(node)}",
                node,
                hint="a workflow has `jobs:` with a list",
            )
            return workflow
        for key in node.entries:
            if key not in _KEYS:
                self._report.error(
                    "unknown-key",
                    f"extraneous key [{key}] is not permitted",
                    node,
                    key=key,
                    hint=did_you_mean(key, _KEYS) or f"permitted keys: {', '.join(_KEYS)}",
                )
        self._read_triggers(workflow, node)
        self._read_reruns(workflow, node)
        jobs = node.get("jobs")
        if type(jobs) is not Sequence or not jobs.items:
            found = "nothing" if jobs is None else yaml_type(jobs)
            found = "an empty list" if found == "Sequence" else found
            self._report.error(
                "workflow-shape",
                f"the workflow {name!r} needs a list of jobs, found: {found}",
                node if jobs is None else jobs,
            )
            return workflow
        frame = Frame("workflow", name, mark)
        for item in jobs.items:
            self._items += 1
            try:
                written = read_item(item, self._compilation, frame)
                workflow.jobs += self._invoke(written, workflow, frame)
            except Poisoned:
                # The name is still known, so that what requires it is not reported as well.
                workflow.jobs += _placeholder(item, name, self._items)
        self._check_serial_groups(workflow)
        return workflow

    def _read_triggers(self, workflow: ExpandedWorkflow, node: Mapping) -> None:
        triggers = node.get("triggers")
        if triggers is None:
            return
        scope = Scope(self._namespace)
        try:
            resolved = self._compilation.resolve_node(triggers, scope)
        except Poisoned:
            return
        workflow.triggers = resolved
        if type(resolved) is not Sequence:
            self._report.error(
                "wrong-type", f"expected type: Sequence, found: {yaml_type(resolved)}", triggers
            )
            return
        setup = self._root.get("setup")
        if type(setup) is Scalar and setup.value is True:
            self._report.error(
                "setup",
                "a setup configuration cannot have scheduled workflows",
                node,
                key="triggers",
            )
        for item in resolved.items:
            self._check_trigger(item)

    def _check_trigger(self, item: Node) -> None:
        schedule = item.get("schedule") if type(item) is Mapping else None
        if type(schedule) is not Mapping:
            self._report.error(
                "missing-key", "required key [schedule] not found in the trigger", item
            )
            return
        cron = schedule.get("cron")
        if type(cron) is not Scalar or not isinstance(cron.value, str):
            self._report.error(
                "missing-key", "required key [cron] not found in the schedule", schedule
            )
        elif problem := cron_problem(cron.value):
            self._report.error("cron", f"the schedule {show(cron.value)} is wrong: {problem}", cron)
        filters = schedule.get("filters")
        branches = filters.get("branches") if type(filters) is Mapping else None
        if type(branches) is not Mapping:
            self._report.error(
                "missing-key", "required key [filters.branches] not found in the schedule", schedule
            )
            return
        for names in branches.entries.values():
            NAMES.check(names, Checker(self._report))

    def _read_reruns(self, workflow: ExpandedWorkflow, node: Mapping) -> None:
        reruns = node.get("max_auto_reruns")
        if reruns is None:
            return
        try:
            resolved = self._compilation.resolve_node(reruns, Scope(self._namespace))
        except Poisoned:
            return
        value = resolved.value if type(resolved) is Scalar else None
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _MOST_RERUNS:
            self._report.error(
                "wrong-value",
                f"max_auto_reruns must be between 1 and 5, found {show(value)}",
                reruns,
            )
            return
        workflow.max_auto_reruns = value

    def _invoke(
        self, written: Written, workflow: ExpandedWorkflow, frame: Frame
    ) -> list[Invocation]:
        group = self._namespace.elements.get(("job-group", written.name))
        if isinstance(group, Element) and ("job", written.name) not in self._namespace.elements:
            return self._group(group, written, workflow, frame)
        return self._invoker.invoke(written, workflow.name, self._items, frame)

    def _check_serial_groups(self, workflow: ExpandedWorkflow) -> None:
        seen: dict[str, str] = {}
        for job in workflow.jobs:
            if job.serial_group is None or job.filtered_out:
                continue
            first = seen.setdefault(job.serial_group, job.name)
            if first != job.name:
                self._report.warn(
                    "serial-group-twice",
                    f"{job.name} and {first} are in the same serial group {job.serial_group!r};"
                    " CircleCI says nothing about what happens then",
                    job.mark,
                )

    # Job groups ---------------------------------------------------------------------------------

    def _group(
        self, group: Element, written: Written, workflow: ExpandedWorkflow, frame: Frame
    ) -> list[Invocation]:
        group.used = True
        self._check_group_invocation(group, written, workflow, frame)
        if group.empty:
            raise self._report.error(
                "job-group",
                f"the job group {group.name!r} needs a list of jobs",
                written.mark,
                frame=frame,
            )
        if not group.sound:
            raise Poisoned
        members = self._members(group, workflow, written, frame)
        scope = Scope(self._namespace, None, frame)
        name = written.name
        options = dict(written.options)
        if "name" in options:
            name = self._invoker._text(options["name"], scope, "name")
        gate = Invocation(workflow.name, self._items, f"{name}/start", "", written.mark, group=name)
        self._invoker._read_requires(gate, options, scope)
        self._invoker._read_filters(gate, options, scope)
        self._invoker._read_rest(gate, options, scope)
        lock = gate.serial_group
        gate.serial_group = None
        gate.body = _gate("no-op" if lock is None else "lock", lock, written.mark)
        end = Invocation(workflow.name, self._items, f"{name}/end", name, written.mark, group=name)
        end.body = _gate("no-op" if lock is None else "unlock", lock, written.mark)
        end.filtered_out = gate.filtered_out
        for member in members:
            member.filtered_out = member.filtered_out or gate.filtered_out
            member.group = name
            member.name = f"{name}/{member.name}"
        inner = self._connect_members(members, name, gate, end)
        if self._overflows(len(inner)):
            raise self._report.error("too-large", "too many jobs in job groups", written.mark)
        return [gate, *inner, end]

    def _overflows(self, count: int) -> bool:
        self._invoker.made += count + 2
        return self._invoker.made > self._compilation.limits.jobs

    def _connect_members(
        self, members: list[Invocation], name: str, gate: Invocation, end: Invocation
    ) -> list[Invocation]:
        """Let members without requirements wait for the gate, and the end for all members."""
        items: dict[int, int] = {}
        for member in members:
            member.item = items.setdefault(member.item, id(member))
            member.label = f"{name}/{member.label}"
            member.alias = f"{name}/{member.alias}" if member.alias else None
            member.requires = [
                Requirement(f"{name}/{need.name}", need.statuses, need.mark)
                for need in member.requires
            ]
            if not member.requires:
                member.requires = [Requirement(gate.name, ("success",), member.mark)]
        gate.label = gate.name
        gate.item = id(gate)
        end.item = id(end)
        end.requires = [Requirement(m.name, ("success",), m.mark) for m in members]
        return members

    def _members(
        self, group: Element, workflow: ExpandedWorkflow, written: Written, frame: Frame
    ) -> list[Invocation]:
        jobs = group.node.get("jobs")
        if type(jobs) is not Sequence or not jobs.items:
            raise Poisoned  # Reported with the definition.
        inner_frame = Frame("job-group", group.name, written.mark, frame)
        members: list[Invocation] = []
        items = [read_item(item, self._compilation, inner_frame) for item in jobs.items]
        failed: Poisoned | None = None
        for number, item in enumerate(items):
            try:
                self._check_member(group, item, inner_frame)
                members += self._invoker.invoke(item, workflow.name, -number - 1, inner_frame)
            except Poisoned as error:
                failed = error
        if failed:
            raise failed
        self._check_needs(group, items, members, frame)
        counted = Counter(member.name for member in members)
        for member in members:
            if counted[member.name] > 1:
                raise self._report.error(
                    "job-group",
                    f"two jobs of the job group {group.name!r} are called {member.name!r}",
                    member.mark,
                    hint="give each a name of its own",
                )
        return members

    def _check_needs(
        self, group: Element, items: list[Written], members: list[Invocation], frame: Frame
    ) -> None:
        known = {item.name for item in items}
        for member in members:
            known |= {member.name, member.label, member.alias or member.label}
        for member in members:
            for need in member.requires:
                if need.name not in known:
                    raise self._report.error(
                        "job-group",
                        f'"{need.name}" is not a job of the job group "{group.name}"; its jobs can'
                        " require each other only",
                        need.mark,
                        hint="put the requirement on the invocation of the job group",
                        frame=frame,
                    )

    def _check_member(self, group: Element, item: Written, frame: Frame) -> None:
        if ("job-group", item.name) in self._namespace.elements:
            raise self._report.error(
                "job-group",
                f'Job group "{group.name}" cannot reference job group "{item.name}"'
                " -- nesting is not supported",
                item.mark,
                frame=frame.parent,
            )
        if "serial-group" in item.options:
            raise self._report.error(
                "job-group",
                f'"{item.name}" is inside of a job group, and cannot have a serial-group of its own',
                item.options["serial-group"],
                hint="put it on the invocation of the job group",
                frame=frame.parent,
            )

    def _check_group_invocation(
        self, group: Element, written: Written, workflow: ExpandedWorkflow, frame: Frame
    ) -> None:
        for key, node in written.options.items():
            if key in _ON_GROUPS:
                continue
            what = f"`{key}`" if key in _NOT_ON_GROUPS else f"the argument `{key}`"
            raise self._report.error(
                "job-group", f"Job group invocations do not support {what}", node, frame=frame
            )
        named = written.options.get("name")
        name = str(to_data(named)) if named is not None else ""
        used = self._groups_used.setdefault((workflow.name, group.name), set())
        if used and (name in used or not name or "" in used):
            raise self._report.error(
                "job-group",
                f'Job group "{group.name}" is invoked multiple times without a "name" attribute.'
                " Each invocation must have a unique name",
                written.mark,
                frame=frame,
            )
        used.add(name)

    # Requirements -------------------------------------------------------------------------------

    def _connect(self, workflow: ExpandedWorkflow) -> None:
        """Turn what ``requires`` says into final names, and leave out what is filtered out."""
        names = _Names(workflow.jobs)
        needs: dict[int, list[tuple[Invocation, Requirement]]] = {}
        for job in workflow.jobs:
            needs[id(job)] = self._needs(job, names, workflow)
        _drop_orphans(workflow, needs)
        for job in workflow.jobs:
            job.requires = list(
                {
                    need.name: Requirement(need.name, requirement.statuses, requirement.mark)
                    for need, requirement in needs[id(job)]
                    if not need.filtered_out
                }.values()
            )
        workflow.jobs = [job for job in workflow.jobs if not job.filtered_out]
        self._find_cycle(workflow)

    def _needs(
        self, job: Invocation, names: _Names, workflow: ExpandedWorkflow
    ) -> list[tuple[Invocation, Requirement]]:
        found: list[tuple[Invocation, Requirement]] = []
        for requirement in job.requires:
            choices = names.find(requirement.name, job)
            if len(choices) == 1:
                self._compilation.count(requirement.mark, None, len(choices[0]))
                found += [(other, requirement) for other in choices[0]]
            else:
                self._unknown_need(job, requirement, len(choices), names, workflow)
        return found

    def _unknown_need(
        self,
        job: Invocation,
        requirement: Requirement,
        count: int,
        names: _Names,
        workflow: ExpandedWorkflow,
    ) -> None:
        name = requirement.name.removeprefix(f"{job.group}/") if job.group else requirement.name
        inside = [other for other in workflow.jobs if other.group and not job.group]
        for other in inside:
            if other.name.removeprefix(f"{other.group}/") == name:
                self._report.error(
                    "job-group",
                    f'"{name}" is defined inside job group "{other.group}", not directly in this workflow',
                    requirement.mark,
                    hint=f"require the job group: `requires: [{other.group}]`",
                )
                return
        self._report.error(
            "requires-unknown",
            f"Job '{job.label}' requires '{name}', which is the name of {count} other jobs in workflow"
            f" '{workflow.name}'",
            requirement.mark,
            hint="You can give a job within a workflow an explicit name by adding a name key"
            if count
            else did_you_mean(requirement.name, names.known(job)),
        )

    def _find_cycle(self, workflow: ExpandedWorkflow) -> None:
        needs = {job.name: [need.name for need in job.requires] for job in workflow.jobs}
        jobs = {job.name: job for job in workflow.jobs}
        done: set[str] = set()
        for start in needs:
            cycle = _cycle_from(start, needs, done)
            if cycle:
                around = [*cycle, cycle[0]]
                if len(cycle) > _LONGEST_CYCLE:
                    around[_LONGEST_CYCLE - 2 : -2] = ["…"]
                self._report.error(
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


def _placeholder(item: Node, workflow: str, number: int) -> list[Invocation]:
    """Return what stands for an item with mistakes: its names, so that requiring it is no mistake."""
    if type(item) is Scalar:
        names, mark = [str(item.value)], item.mark
    elif type(item) is Mapping and item.entries:
        written, options = next(iter(item.entries.items()))
        names, mark = [written], item.keys[written]
        if type(options) is Mapping:
            matrix = options.get("matrix")
            for node in (
                options.get("name"),
                matrix.get("alias") if type(matrix) is Mapping else None,
            ):
                if type(node) is Scalar:
                    names.insert(0, str(node.value))
    else:
        return []
    return [Invocation(workflow, number, names[0], names[0], mark, names[-1])]


def _gate(kind: str, key: str | None, mark: Mark) -> ExpandedJob:
    fields: dict[str, Node] = {"type": Scalar(kind, mark)}
    if key is not None:
        fields["key"] = Scalar(key, mark)
    return ExpandedJob(fields, [], mark, kind)


def _give_names(workflows: Iterable[ExpandedWorkflow]) -> None:
    """Tell jobs of the same name apart by numbers, over all workflows.

    Equal bodies in different workflows are one job and keep the name. Whether CircleCI does that is
    not documented; it makes processing what was processed before change nothing.
    """
    by_name: dict[str, list[Invocation]] = defaultdict(list)
    for workflow in workflows:
        for job in workflow.jobs:
            by_name[job.name].append(job)
    for name, jobs in list(by_name.items()):
        running = [job for job in jobs if not job.filtered_out]
        if len(running) < 2 or not _needs_numbers(running):
            continue
        number = 0
        for job in running:
            number += 1
            while f"{name}-{number}" in by_name:
                number += 1
            job.name = f"{name}-{number}"


def _needs_numbers(jobs: list[Invocation]) -> bool:
    if len({job.workflow for job in jobs}) < len(jobs):
        return True
    first: Any = None
    for job in jobs:
        if job.body is None:
            continue
        if first is None:
            first = job.body
        elif not same_body(first, job.body):
            return True
    return False


def same_body(one: ExpandedJob, other: ExpandedJob) -> bool:
    """Return whether two jobs do the same."""
    if one is other:
        return True
    if len(one.steps) != len(other.steps) or one.fields.keys() != other.fields.keys():
        return False
    return all(_same_node(one.fields[key], other.fields[key]) for key in one.fields) and all(
        a.name == b.name and _same_node(a.body, b.body)
        for a, b in zip(one.steps, other.steps, strict=True)
    )


def _same_node(one: Node | None, other: Node | None) -> bool:
    if one is other or one is None or other is None:
        return one is other
    return same(to_data(one), to_data(other))
