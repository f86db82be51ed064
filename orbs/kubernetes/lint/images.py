"""latest-tag, image-placeholder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from orbs.kubernetes.lint.podspec import containers, pod_template
from orbs.kubernetes.lint.rule import Context, Rule, Said
from orbs.kubernetes.manifest import RenderedManifest
from pipeline.yamlfile import KeyPath

__all__ = ["RULES"]

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    r"(?:(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::\d+)?/)?"
    rf"{_COMPONENT}(?:/{_COMPONENT})*"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?"
    r"(?:@(?P<digest>[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-fA-F]{32,}))?\Z",
    re.ASCII,
)
"""The grammar of a reference, as the distribution project's reference package writes it down."""
_TEMPLATE = re.compile(r"\$\{|\$\(|\{\{|<|>|%\{|@@")


def _images(manifest: RenderedManifest) -> Iterator[tuple[KeyPath, str, Any]]:
    template = pod_template(manifest.value)
    for container in containers(template) if template else ():
        if container.value.get("image") is not None:
            yield (*container.path, "image"), container.name, container.value["image"]


def _check_tag(manifest: RenderedManifest, _: Context) -> Iterator[Said]:
    for path, container, image in _images(manifest):
        found = _REFERENCE.match(str(image))
        if not found or found["digest"] or (found["tag"] and found["tag"] != "latest"):
            continue
        what = "the tag `latest`" if found["tag"] else "no tag, which means `latest`"
        yield Said(
            path,
            f"{manifest.ref}: the image {image} of the container {container} has {what}",
            "name a tag that stays what it is, or a digest (`@sha256:…`)",
        )


def _check_placeholder(manifest: RenderedManifest, _: Context) -> Iterator[Said]:
    for path, container, image in _images(manifest):
        if not isinstance(image, str) or _REFERENCE.match(image):
            continue
        place = f"{manifest.ref}: the image {image!r} of the container {container}"
        if _TEMPLATE.search(image):
            yield Said(
                path,
                f"{place} is a template that nobody filled in",
                "write an anchor such as HOGE_APP_IMAGE_NAME, which the deploy replaces",
            )
        elif re.fullmatch(r"[A-Z0-9_]+", image):
            yield Said(
                path,
                f"{place} looks like an anchor that nothing replaced",
                "name it in the settings, as deploy.image_anchor or below deploy.anchors",
            )
        else:
            hint = "a repository's name has no capitals" if image != image.lower() else None
            yield Said(path, f"{place} is not an image's name", hint)


RULES = (
    Rule(
        name="latest-tag",
        severity="error",
        summary="An image has the tag `latest`, or neither tag nor digest.",
        reason="Nobody can say what runs: nodes pull at different times and get different images, "
        "and there is nothing to go back to. The app's own image is filled in by digest.",
        example="""\
containers:
  - name: hoge-app
    image: HOGE_APP_IMAGE_NAME   # the deploy writes the digest here
  - name: nginx
    image: nginx:1.25.3          # others by a tag that stays what it is
""",
        check=_check_tag,
    ),
    Rule(
        name="image-placeholder",
        severity="error",
        summary="An image is a placeholder that nothing replaced, or not an image's name.",
        reason="The cluster would answer `InvalidImageName`, or try to pull something else.",
        example="""\
image: HOGE_APP_IMAGE_NAME
""",
        check=_check_placeholder,
    ),
)
