"""Goes through a configuration once, and takes down what the rules need."""

from __future__ import annotations

from pipeline.config.lint.references import ANY, Ref, resolve
from pipeline.config.lint.survey import (
    Environment,
    Invoked,
    Step,
    Survey,
    entry,
    items,
    text_of,
)
from pipeline.config.namespace import Element, Namespace
from pipeline.config.nodes import Mapping, Node, Scalar, Sequence
from pipeline.config.schema import INVOCATION_KEYS, STEPS, step_name

__all__ = ["take_survey"]

_OWN_PARAMETER = "parameters."


def take_survey(root: Mapping, namespace: Namespace) -> Survey:
    """Return what is written in a configuration and its inline orbs."""
    surveyor = _Surveyor(Survey(root, list(_documents(namespace))))
    surveyor.take()
    return surveyor.survey


def _documents(namespace: Namespace) -> list[Namespace]:
    """Return a document, and the inline orbs in it."""
    found = [namespace]
    declared = namespace.root.get("orbs")
    for alias, orb in namespace.orbs.items():
        if orb is not None and type(entry(declared, alias)) is Mapping:
            found += _documents(orb)
    return found


class _Surveyor:
    def __init__(self, survey: Survey) -> None:
        self.survey = survey
        self._steps_seen: dict[tuple[int, Namespace], set[Ref]] = {}
        self._environments_seen: set[int] = set()

    def take(self) -> None:
        for document in self.survey.documents:
            for (kind, name), element in document.elements.items():
                if type(element) is Scalar:
                    refs = set(resolve(document, kind, str(element.value)))
                else:
                    assert type(element) is Element
                    refs = self._element(element)
                self.survey.graph[Ref(document, kind, name)] = frozenset(refs)
        self._workflows()

    # Elements ---------------------------------------------------------------------------------

    def _element(self, element: Element) -> set[Ref]:
        node, space, refs = element.node, element.namespace, set[Ref]()
        if element.kind == "job-group":
            return self._jobs(node.get("jobs"), space)
        declared = node.get("parameters")
        for declaration in declared.entries.values() if type(declared) is Mapping else ():
            self._argument(entry(declaration, "default"), space, refs)
        if element.kind == "command":
            return refs | self._steps(node.get("steps"), space)
        self._environment(node.get("environment"), element.kind)
        for number, image in enumerate(items(node.get("docker"))):
            self._environment(entry(image, "environment"), "service" if number else "image")
        if element.kind == "job":
            self._executor(node.get("executor"), element, refs)
            refs |= self._steps(node.get("steps"), space)
        return refs

    def _executor(self, node: Node | None, element: Element, refs: set[Ref]) -> None:
        name = entry(node, "name") if type(node) is Mapping else node
        for key, value in node.entries.items() if type(node) is Mapping else ():
            if key != "name":
                self._argument(value, element.namespace, refs)
        text = text_of(name)
        if "<<" not in text:
            refs.update(resolve(element.namespace, "executor", text))
        elif not _is_executor_parameter(text, element):
            refs.add(Ref(element.namespace, "executor", ANY))

    def _environment(self, node: Node | None, place: str, command: str = "") -> None:
        if node is None or id(node) in self._environments_seen:
            return
        self._environments_seen.add(id(node))
        self.survey.environments.append(Environment(place, node, command))

    # Steps ------------------------------------------------------------------------------------

    def _steps(self, node: Node | None, space: Namespace) -> set[Ref]:
        """Return what a list of steps refers to, and take down the built-in ones."""
        if type(node) is not Sequence:
            return set()
        known = self._steps_seen.get((id(node), space))
        if known is not None:
            return known
        refs = self._steps_seen[id(node), space] = set()
        for item in node.items:
            if type(item) is Scalar and isinstance(item.value, str):
                self._step(item.value, None, item, space, refs)
            elif type(item) is Mapping and item.entries:
                name = next(iter(item.entries))
                self._step(name, item.entries[name], item, space, refs)
        return refs

    def _step(
        self, name: str, body: Node | None, item: Scalar | Mapping, space: Namespace, refs: set[Ref]
    ) -> None:
        if ("command", name) not in space.elements:
            if step_name(name) in STEPS:
                self._built_in(name, body, item)
                return
            if name in ("when", "unless", "steps"):
                refs |= self._steps(body if name == "steps" else entry(body, "steps"), space)
                return
        if "<<" in name:
            refs.add(Ref(space, "command", ANY))
            return
        refs.update(resolve(space, "command", name))
        for value in body.entries.values() if type(body) is Mapping else ():
            self._argument(value, space, refs)

    def _built_in(self, name: str, body: Node | None, item: Scalar | Mapping) -> None:
        mark = item.key_mark(name) if type(item) is Mapping else item.mark
        self.survey.steps.append(Step(name, body, mark))
        if name in ("run", "deploy") and type(body) is Mapping and "environment" in body.entries:
            self._environment(body.get("environment"), "step", text_of(body.get("command")))

    # Arguments and workflows ------------------------------------------------------------------

    def _argument(self, value: Node | None, space: Namespace, refs: set[Ref]) -> None:
        """Take down what an argument may hand over: steps, or the name of an executor.

        Which of them a parameter takes is not asked: the callee may be in an orb that is not here.
        """
        if type(value) is Sequence:
            refs |= self._steps(value, space)
        elif type(value) is Mapping:
            for inner in value.entries.values():
                if type(inner) is Scalar:
                    self._argument(inner, space, refs)
        elif name := text_of(value):
            alias, slash, rest = name.partition("/")
            if ("executor", name) in space.elements:
                refs.add(Ref(space, "executor", name))
            elif slash and alias in space.orbs:
                orb = space.orbs[alias]
                if orb is None or ("executor", rest) in orb.elements:
                    refs.update(resolve(space, "executor", name))

    def _workflows(self) -> None:
        survey, space = self.survey, self.survey.namespace
        workflows = survey.root.get("workflows")
        if workflows is None:
            survey.roots = (
                {Ref(space, "job", "build")} if ("job", "build") in space.elements else None
            )
        elif type(workflows) is Mapping:
            survey.roots = set()
            for workflow in workflows.entries.values():
                survey.roots |= self._jobs(entry(workflow, "jobs"), space)

    def _jobs(self, node: Node | None, space: Namespace) -> set[Ref]:
        refs: set[Ref] = set()
        invoked: list[Invoked] = []
        for item in items(node):
            if type(item) is Scalar and isinstance(item.value, str):
                invoked.append(Invoked(item.value, item.mark, None))
            elif type(item) is Mapping and item.entries:
                name, options = next(iter(item.entries.items()))
                known = options if type(options) is Mapping else None
                invoked.append(Invoked(name, item.key_mark(name), known))
        for job in invoked:
            for kind in ("job", "job-group"):
                refs.update(resolve(space, kind, job.name))
            if job.options is not None:
                self._options(job.options, space, refs)
        self.survey.workflows.append(invoked)
        return refs

    def _options(self, options: Mapping, space: Namespace, refs: set[Ref]) -> None:
        for key, value in options.entries.items():
            if key in ("pre-steps", "post-steps"):
                refs |= self._steps(value, space)
            elif key == "override-with":
                refs.update(resolve(space, "job", text_of(value)))
            elif key == "matrix":
                parameters = entry(value, "parameters")
                for values in parameters.entries.values() if type(parameters) is Mapping else ():
                    for one in items(values):
                        self._argument(one, space, refs)
            elif key not in INVOCATION_KEYS:
                self._argument(value, space, refs)


def _is_executor_parameter(text: str, element: Element) -> bool:
    """Return whether a text is a tag of a parameter that holds an executor, whose values are seen."""
    name = text.strip().removeprefix("<<").removesuffix(">>").strip()
    declared = element.declarations.get(name.removeprefix(_OWN_PARAMETER))
    return name.startswith(_OWN_PARAMETER) and declared is not None and declared.type == "executor"
