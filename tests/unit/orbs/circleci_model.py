"""As much of CircleCI's rules as it takes to see that orbs and configurations hang together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

BUILT_IN = {
    "add_ssh_keys": {"fingerprints"},
    "attach_workspace": {"at"},
    "checkout": {"path"},
    "persist_to_workspace": {"root", "paths"},
    "restore_cache": {"key", "keys"},
    "run": {
        "command",
        "environment",
        "working_directory",
        "no_output_timeout",
        "shell",
        "background",
        "when",
    },
    "save_cache": {"key", "paths", "when"},
    "setup_remote_docker": {"version", "docker_layer_caching"},
    "store_artifacts": {"path", "destination"},
    "store_test_results": {"path"},
}
TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "enum": (str,),
    "executor": (str, dict),
    "steps": (list,),
    "env_var_name": (str,),
}
COMMAND_KEYS = {"description", "parameters", "steps"}
JOB_KEYS = {
    "description",
    "parameters",
    "executor",
    "docker",
    "machine",
    "steps",
    "environment",
    "working_directory",
    "resource_class",
}
EXECUTOR_KEYS = {"description", "parameters", "docker", "machine", "resource_class", "environment"}
INVOCATION_KEYS = {
    "name",
    "requires",
    "context",
    "type",
    "filters",
    "matrix",
    "pre-steps",
    "post-steps",
    "serial-group",
}
TAG = re.compile(r"(?<!\\)<<\s*([^<>]*?)\s*>>")
NAME = re.compile(r"[a-z][a-z\d_-]*\Z")


class Scope:
    """The elements that can be named somewhere: a configuration's own, and those of its orbs."""

    def __init__(self, own: Mapping[str, Any], orbs: Mapping[str, Mapping[str, Any]]) -> None:
        self._own, self._orbs = own, orbs

    def find(self, section: str, name: str) -> dict[str, Any] | None:
        """Return an element by its name, ``orb/name`` for one of an orb."""
        orb, slash, rest = name.partition("/")
        source = self._orbs.get(orb, {}) if slash else self._own
        found: dict[str, Any] | None = source.get(section, {}).get(rest if slash else name)
        return found


def complaints_of_config(
    config: Mapping[str, Any], orbs: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Return everything that is wrong with a configuration, or with an orb."""
    scope = Scope(config, orbs)
    found: list[str] = []
    for section, keys in (
        ("commands", COMMAND_KEYS),
        ("jobs", JOB_KEYS),
        ("executors", EXECUTOR_KEYS),
    ):
        for name, element in config.get(section, {}).items():
            place = f"{section}/{name}"
            if not NAME.match(name):
                found.append(f"{place}: not a name")
            found += [f"{place}: unknown key {key}" for key in element.keys() - keys]
            found += [f"{place}: {text}" for text in _complaints_of_element(element, scope)]
    for name, workflow in config.get("workflows", {}).items():
        found += [f"workflows/{name}: {text}" for text in _complaints_of_workflow(workflow, scope)]
    return found


def _complaints_of_element(element: Mapping[str, Any], scope: Scope) -> Iterator[str]:
    declared = element.get("parameters", {})
    for name, parameter in declared.items():
        yield from _complaints_of_parameter(name, parameter, scope)
    body = {k: v for k, v in element.items() if k not in {"parameters", "description"}}
    used = set(used_parameters(body))
    yield from (f"parameter {name} is used and not declared" for name in used - declared.keys())
    yield from (f"parameter {name} is declared and not used" for name in declared.keys() - used)
    yield from (f"<< {tag} >> is unknown" for tag in tags(body) if not _known_tag(tag))
    if "steps" in element:
        yield from complaints_of_steps(element["steps"], scope)
    if "executor" in element:
        yield from _complaints_of_executor(element["executor"], scope)


def _complaints_of_parameter(
    name: str, parameter: Mapping[str, Any], scope: Scope
) -> Iterator[str]:
    if not NAME.match(name) or name in INVOCATION_KEYS:
        yield f"{name} cannot be the name of a parameter"
    if parameter.get("type") not in TYPES:
        yield f"parameter {name} has no known type"
        return
    yield from (
        f"parameter {name}: unknown key {k}"
        for k in parameter.keys() - {"type", "default", "description", "enum"}
    )
    if "default" in parameter:
        if not _fits(parameter["default"], parameter):
            yield f"parameter {name}: the default does not fit its type"
        if parameter["type"] == "executor":
            yield from _complaints_of_executor(parameter["default"], scope)


def _fits(value: Any, parameter: Mapping[str, Any]) -> bool:
    if isinstance(value, str) and TAG.search(value):
        return True
    if isinstance(value, bool) and parameter["type"] != "boolean":
        return False
    allowed = parameter.get("enum")
    return isinstance(value, TYPES[parameter["type"]]) and (not allowed or value in allowed)


def _known_tag(tag: str) -> bool:
    return tag.startswith(("parameters.", "pipeline.", "matrix."))


def _complaints_of_executor(value: Any, scope: Scope) -> Iterator[str]:
    name, arguments = (
        (value, {}) if isinstance(value, str) else (value.get("name", ""), dict(value))
    )
    if TAG.search(name):
        return
    executor = scope.find("executors", name)
    if executor is None:
        yield f"there is no executor {name}"
        return
    arguments.pop("name", None)
    yield from complaints_of_call(f"executor {name}", executor, arguments)


def complaints_of_steps(steps: Any, scope: Scope) -> Iterator[str]:
    """Return what is wrong with a list of steps."""
    if isinstance(steps, str):
        return  # A parameter's steps.
    for step in steps:
        if isinstance(step, dict) and len(step) != 1:
            yield f"a step has several keys: {', '.join(step)}"
            continue
        name, arguments = (step, {}) if isinstance(step, str) else next(iter(step.items()))
        if name == "steps":
            yield from complaints_of_steps(arguments, scope)
        elif name in {"when", "unless"}:
            yield from complaints_of_steps(arguments["steps"], scope)
        elif command := scope.find("commands", name):
            yield from complaints_of_call(f"command {name}", command, arguments or {})
        elif name not in BUILT_IN:
            yield f"there is no command {name}"
        elif isinstance(arguments, dict):
            yield from (
                f"{name}: unknown key {k}" for k in arguments.keys() - BUILT_IN[name] - {"name"}
            )


def complaints_of_call(
    what: str, element: Mapping[str, Any], arguments: Mapping[str, Any]
) -> Iterator[str]:
    """Return what is wrong with the arguments of a call."""
    declared = element.get("parameters", {})
    yield from (f"{what} has no parameter {name}" for name in arguments.keys() - declared.keys())
    for name, parameter in declared.items():
        if name not in arguments and "default" not in parameter:
            yield f"{what} needs {name}"
        if name in arguments and not _fits(arguments[name], parameter):
            yield f"{what}: {name} does not fit its type"


def _complaints_of_workflow(workflow: Mapping[str, Any], scope: Scope) -> Iterator[str]:
    invocations = [item if isinstance(item, dict) else {item: {}} for item in workflow["jobs"]]
    pairs = [next(iter(item.items())) for item in invocations]
    known = {options.get("name", name) for name, options in pairs}
    if len(known) != len(pairs):
        yield "two jobs have the same name"
    for name, options in pairs:
        for needed in options.get("requires", []):
            if needed not in known - {options.get("name", name)}:
                yield f"{name} requires {needed}, which is no other job of the workflow"
        if options.get("type") == "approval":
            continue
        job = scope.find("jobs", name)
        if job is None:
            yield f"there is no job {name}"
            continue
        arguments = {k: v for k, v in options.items() if k not in INVOCATION_KEYS}
        matrix = options.get("matrix", {}).get("parameters", {})
        arguments |= {k: values[0] for k, values in matrix.items()}
        yield from complaints_of_call(f"job {name}", job, arguments)
        yield from complaints_of_steps(arguments.get("login", []), scope)


def strings(value: Any) -> Iterator[str]:
    """Return every text in a value."""
    if isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str):
        yield value


def tags(value: Any) -> Iterator[str]:
    """Return what stands in each ``<< … >>``."""
    for text in strings(value):
        yield from TAG.findall(text)


def used_parameters(value: Any) -> Iterator[str]:
    """Return the names of the parameters that a value uses."""
    return (tag.removeprefix("parameters.") for tag in tags(value) if tag.startswith("parameters."))


def run_steps(steps: Any) -> Iterator[dict[str, Any]]:
    """Return every ``run`` step, also inside of conditions, in the long form."""
    for step in steps if isinstance(steps, list) else ():
        if not isinstance(step, dict):
            continue
        name, body = next(iter(step.items()))
        if name == "run":
            yield {"command": body} if isinstance(body, str) else body
        elif name in {"when", "unless"}:
            yield from run_steps(body["steps"])
