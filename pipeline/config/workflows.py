"""Workflows: which of them run, with which jobs, under which names, and what waits for what."""

from __future__ import annotations

from pipeline.config.cron import cron_problem
from pipeline.config.expanded import ExpandedWorkflow, Invocation, UnusedWorkflow
from pipeline.config.expansion import Expander
from pipeline.config.findings import Frame, Poisoned
from pipeline.config.invocations import Invoker, Written, read_item
from pipeline.config.job_groups import GroupInvoker
from pipeline.config.logic import check_condition, condition_holds
from pipeline.config.namespace import Element, Namespace
from pipeline.config.naming import give_names
from pipeline.config.nodes import Mapping, Mark, Node, Scalar, Sequence, to_data
from pipeline.config.requirements import connect
from pipeline.config.schema import NAMES
from pipeline.config.scope import Compilation, Scope
from pipeline.config.spec import Checker
from pipeline.config.values import flow_text, is_truthy, show, yaml_type
from pipeline.errors import did_you_mean

__all__ = ["expand_workflows"]

_KEYS = ("jobs", "when", "unless", "triggers", "max_auto_reruns", "description")
_MOST_RERUNS = 5
_LONGEST_CONDITION = 400
"""Characters of a condition that is kept to be shown."""


def expand_workflows(
    root: Mapping, namespace: Namespace, compilation: Compilation, *, all_workflows: bool = False
) -> tuple[list[ExpandedWorkflow], list[UnusedWorkflow]]:
    """Return the workflows that run, their jobs expanded and with their final names, and the others.

    Args:
        root: the document.
        namespace: its elements.
        compilation: what the compiler was given.
        all_workflows: whether to check those as well whose condition is false; they are not expanded else.
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
        self._groups = GroupInvoker(namespace, compilation, self._invoker)

    def expand(self) -> tuple[list[ExpandedWorkflow], list[UnusedWorkflow]]:
        written = self._written()
        unused: list[UnusedWorkflow] = []
        live: list[ExpandedWorkflow] = []
        dead: list[ExpandedWorkflow] = []
        for name, mark, node in written:
            try:
                runs = self._runs(node)
            except Poisoned:
                continue
            if not runs:
                unused.append(_unused(name, mark, node))
            if not runs and not self._all:
                self._mark_used(node)
                continue
            workflow = self._workflow(name, mark, node)
            (live if runs else dead).append(workflow)
        for workflows in (live, dead):
            give_names(workflows)
            for workflow in workflows:
                connect(workflow, self._compilation)
        # What a filter leaves without any job does not run at all.
        unused += [
            UnusedWorkflow(flow.name, "", tuple(job.name for job in flow.left_out), flow.mark)
            for flow in live
            if not flow.jobs
        ]
        return [workflow for workflow in live if workflow.jobs], unused

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
        for item in _items(node):
            for kind in ("job", "job-group"):
                self._namespace.find(kind, _written_name(item))

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
            return self._groups.invoke(group, written, workflow.name, self._items, frame)
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


def _items(workflow: Node) -> list[Node]:
    jobs = workflow.get("jobs") if type(workflow) is Mapping else None
    return jobs.items if type(jobs) is Sequence else []


def _written_name(item: Node) -> str:
    """Return the job that an item of a workflow refers to."""
    if type(item) is Scalar:
        return str(item.value)
    return next(iter(item.entries), "") if type(item) is Mapping else ""


def _unused(name: str, mark: Mark, workflow: Node) -> UnusedWorkflow:
    """Return what there is to say of a workflow whose condition is false."""
    condition = ""
    for key in ("when", "unless"):
        node = workflow.get(key) if type(workflow) is Mapping else None
        if node is not None:
            condition = f"{key}: {flow_text(to_data(node))[:_LONGEST_CONDITION]}"
    jobs = []
    for item in _items(workflow):
        written = _written_name(item)
        options = item.get(written) if type(item) is Mapping else None
        own = options.get("name") if type(options) is Mapping else None
        jobs.append(str(own.value) if type(own) is Scalar else written)
    return UnusedWorkflow(name, condition, tuple(jobs), mark)


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
