"""Images that CircleCI has deprecated or removed.

Sources: CircleCI's "migrating to next-gen images" (legacy images, deprecated on 2021-12-31) and its
support policies for Linux, Xcode and remote Docker images, as of August 2026; machine images of Ubuntu
14.04 and 16.04 ended on 2022-05-31.
"""

from __future__ import annotations

import re

from pipeline.config.findings import Report
from pipeline.config.lint.survey import Survey, entry, items, text_of
from pipeline.config.namespace import Element
from pipeline.config.nodes import Mapping, Node, Scalar

__all__ = ["find_deprecated_images", "successor"]

_SUCCESSORS: dict[str, str | None] = {
    "android": "cimg/android",
    "buildpack-deps": "cimg/base",
    "clojure": "cimg/clojure",
    "dynamodb": None,
    "elixir": "cimg/elixir",
    "golang": "cimg/go",
    "jruby": None,
    "mariadb": "cimg/mariadb",
    "mongo": "mongo",
    "mysql": "cimg/mysql",
    "node": "cimg/node",
    "openjdk": "cimg/openjdk",
    "php": "cimg/php",
    "postgres": "cimg/postgres",
    "python": "cimg/python",
    "redis": "cimg/redis",
    "ruby": "cimg/ruby",
    "rust": "cimg/rust",
}
"""Legacy images, and what takes their place; None where CircleCI names nothing."""

_DATABASES = frozenset({"mariadb", "mongo", "mysql", "postgres", "redis"})
_LEGACY = re.compile(r"(?:docker\.io/)?circleci/(?P<name>[a-z-]+)(?::(?P<tag>[^@\s]*))?(?:@\S+)?\Z")
_NUMBER = re.compile(r"\d+(?:\.\d+)*")
_MACHINE = re.compile(r"circleci/classic(?::|\Z)|ubuntu-(1404|1604|1804|2004):|ubuntu-1604-cuda")
_KEPT_XCODES = {14: 3, 15: 4, 16: 4}
"""Major versions of which only the last minor one is kept; all before the first of them are gone."""

_OLDEST_DOCKER = 26


def find_deprecated_images(survey: Survey, report: Report) -> None:
    """Warn of ``circleci/*`` images, and of images of machines, Xcode and Docker that are gone."""
    for element in survey.elements("job", "executor"):
        for image in items(element.node.get("docker")):
            _check_docker(entry(image, "image"), report)
        _check_machine(element, survey, report)
        _check_xcode(entry(element.node.get("macos"), "xcode"), report)
    for step in survey.steps:
        if step.name == "setup_remote_docker":
            _check_remote_docker(entry(step.body, "version"), report)


def _check_docker(node: Node | None, report: Report) -> None:
    found = _LEGACY.match(text_of(node))
    if node is None or not found or found["name"] not in _SUCCESSORS:
        return
    name = found["name"]
    new = successor(name, found["tag"] or "")
    report.warn(
        "deprecated-image",
        f"circleci/{name} is a legacy image, which has had no updates since 2021",
        node,
        hint=f"use {new}, or a newer version" if new else "install what it holds in cimg/base",
    )


def successor(name: str, tag: str) -> str | None:
    """Return the image that takes the place of a legacy one, with the tag that comes nearest.

    >>> successor("ruby", "2.6.3-node-browsers")
    'cimg/ruby:2.6-browsers'
    """
    image = _SUCCESSORS[name]
    if image is None:
        return None
    number = _NUMBER.match(tag)
    if number is None or "<<" in tag or name == "buildpack-deps":
        return image
    version = ".".join(number[0].split(".")[:2])
    variant = ""
    if name not in _DATABASES and "browsers" in tag:
        variant = "-browsers"
    elif name not in _DATABASES and "-node" in tag:
        variant = "-node"
    return f"{image}:{version}{variant}"


def _check_machine(element: Element, survey: Survey, report: Report) -> None:
    node = element.node.get("machine")
    image = entry(node, "image") if type(node) is Mapping else node
    if type(image) is Scalar and image.value is True:
        if _is_own_runner(element, node, survey):
            return
        report.warn(
            "deprecated-image",
            "`machine: true` is deprecated: it does not say which image to use",
            image,
            hint="write `machine: {image: ubuntu-2404:current}`",
        )
    elif image is not None and _MACHINE.match(text_of(image)):
        report.warn(
            "deprecated-image",
            f"the machine image {text_of(image)} is not supported any more",
            image,
            hint="use ubuntu-2404:current, or default",
        )


def _is_own_runner(element: Element, machine: Node | None, survey: Survey) -> bool:
    """Return whether a job runs on a self-hosted runner, where ``machine: true`` is the way to say it.

    The runner may be named by a job that uses the executor, too.
    """
    named = text_of(element.node.get("resource_class")) + text_of(entry(machine, "resource_class"))
    if element.kind == "executor" and not named:
        classes = [text_of(job.node.get("resource_class")) for job in survey.elements("job")]
        return any("/" in text or "<<" in text for text in classes)
    return "/" in named or "<<" in named


def _check_xcode(node: Node | None, report: Report) -> None:
    if type(node) is not Scalar or isinstance(node.value, bool):
        return
    numbers = re.match(r"(\d+)(?:\.(\d+))?", str(node.value))
    if not numbers:
        return
    major, minor = int(numbers[1]), int(numbers[2] or 0)
    if major < min(_KEPT_XCODES) or minor < _KEPT_XCODES.get(major, 0):
        report.warn(
            "deprecated-image",
            f"Xcode {node.value} is none of the versions that CircleCI keeps",
            node,
            hint="CircleCI keeps the three latest, and the last one of the three major versions before",
        )


def _check_remote_docker(node: Node | None, report: Report) -> None:
    if type(node) is not Scalar or isinstance(node.value, bool):
        return
    number = re.match(r"(?:docker)?(\d+)(?:\.|\Z)", str(node.value))
    if number and int(number[1]) < _OLDEST_DOCKER:
        report.warn(
            "deprecated-image",
            f"Docker {node.value} is none of the versions that CircleCI keeps for setup_remote_docker",
            node,
            hint="leave `version` out, or write `version: default`",
        )
