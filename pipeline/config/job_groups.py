"""Job groups: invoked like a job, and expanded to their jobs between two that stand for the group.

How CircleCI names what it makes is not documented; here the jobs of an invocation ``ship`` are
``ship/start``, ``ship/<job>`` … and ``ship/end``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from pipeline.config.expanded import ExpandedJob, Invocation, Requirement
from pipeline.config.findings import Frame, Poisoned
from pipeline.config.invocations import Invoker, Written, read_item
from pipeline.config.namespace import Element, Namespace
from pipeline.config.nodes import Mark, Node, Scalar, Sequence, to_data
from pipeline.config.options import option_text
from pipeline.config.scope import Compilation, Scope

__all__ = ["GroupInvoker"]

_NOT_ON_GROUPS = ("matrix", "override-with", "context", "pre-steps", "post-steps", "type")
_ON_GROUPS = ("requires", "name", "filters", "serial-group")


@dataclass(slots=True, eq=False)
class GroupInvoker:
    """Makes the jobs of invoked groups; one for each run of the compiler."""

    _namespace: Namespace
    _compilation: Compilation
    _invoker: Invoker
    _groups_used: dict[tuple[str, str], set[str]] = field(default_factory=dict)

    def invoke(
        self, group: Element, written: Written, workflow: str, item: int, frame: Frame
    ) -> list[Invocation]:
        """Return the jobs of a group's invocation, between its gate and its end.

        Raises:
            Poisoned: the group, or how it is invoked, has a mistake; reported.
        """
        group.used = True
        self._check_group_invocation(group, written, workflow, frame)
        if group.empty:
            raise self._compilation.report.error(
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
            name = option_text(options["name"], scope, "name", self._compilation)
        gate = Invocation(workflow, item, f"{name}/start", "", written.mark, group=name)
        self._invoker.read_requires(gate, options, scope)
        self._invoker.read_filters(gate, options, scope)
        self._invoker.read_rest(gate, options, scope)
        lock = gate.serial_group
        gate.serial_group = None
        gate.body = _gate("no-op" if lock is None else "lock", lock, written.mark)
        end = Invocation(workflow, item, f"{name}/end", name, written.mark, group=name)
        end.body = _gate("no-op" if lock is None else "unlock", lock, written.mark)
        end.filtered_out = gate.filtered_out
        for member in members:
            member.filtered_out = member.filtered_out or gate.filtered_out
            member.group = name
            member.name = f"{name}/{member.name}"
        inner = self._connect_members(members, name, gate, end)
        if self._overflows(len(inner)):
            raise self._compilation.report.error(
                "too-large", "too many jobs in job groups", written.mark
            )
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
        self, group: Element, workflow: str, written: Written, frame: Frame
    ) -> list[Invocation]:
        jobs = group.node.get("jobs")
        if type(jobs) is not Sequence or not jobs.items:
            raise Poisoned  # Reported with the definition.
        inner_frame = Frame("job-group", group.name, written.mark, frame)
        members: list[Invocation] = []
        items = [read_item(item, self._compilation, inner_frame) for item in jobs.items]
        failed: Poisoned | None = None
        for number, inner in enumerate(items):
            try:
                self._check_member(group, inner, inner_frame)
                members += self._invoker.invoke(inner, workflow, -number - 1, inner_frame)
            except Poisoned as error:
                failed = error
        if failed:
            raise failed
        self._check_needs(group, items, members, frame)
        counted = Counter(member.name for member in members)
        for member in members:
            if counted[member.name] > 1:
                raise self._compilation.report.error(
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
                    raise self._compilation.report.error(
                        "job-group",
                        f'"{need.name}" is not a job of the job group "{group.name}"; its jobs can'
                        " require each other only",
                        need.mark,
                        hint="put the requirement on the invocation of the job group",
                        frame=frame,
                    )

    def _check_member(self, group: Element, item: Written, frame: Frame) -> None:
        if ("job-group", item.name) in self._namespace.elements:
            raise self._compilation.report.error(
                "job-group",
                f'Job group "{group.name}" cannot reference job group "{item.name}"'
                " -- nesting is not supported",
                item.mark,
                frame=frame.parent,
            )
        if "serial-group" in item.options:
            raise self._compilation.report.error(
                "job-group",
                f'"{item.name}" is inside of a job group, and cannot have a serial-group of its own',
                item.options["serial-group"],
                hint="put it on the invocation of the job group",
                frame=frame.parent,
            )

    def _check_group_invocation(
        self, group: Element, written: Written, workflow: str, frame: Frame
    ) -> None:
        for key, node in written.options.items():
            if key in _ON_GROUPS:
                continue
            what = f"`{key}`" if key in _NOT_ON_GROUPS else f"the argument `{key}`"
            raise self._compilation.report.error(
                "job-group", f"Job group invocations do not support {what}", node, frame=frame
            )
        named = written.options.get("name")
        name = str(to_data(named)) if named is not None else ""
        used = self._groups_used.setdefault((workflow, group.name), set())
        if used and (name in used or not name or "" in used):
            raise self._compilation.report.error(
                "job-group",
                f'Job group "{group.name}" is invoked multiple times without a "name" attribute.'
                " Each invocation must have a unique name",
                written.mark,
                frame=frame,
            )
        used.add(name)


def _gate(kind: str, key: str | None, mark: Mark) -> ExpandedJob:
    fields: dict[str, Node] = {"type": Scalar(kind, mark)}
    if key is not None:
        fields["key"] = Scalar(key, mark)
    return ExpandedJob(fields, [], mark, kind)
