"""Which image is taken in place of one that the configuration names: ``ci.images`` and ``--image``.

Pure. A rule is for one image (``cimg/ruby:3.3``), for all tags of one (``cimg/ruby``), or for all images
of a folder (``cimg/``); the most particular one holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pipeline.config.model import DockerImage

__all__ = ["check_image_rules", "image_in_place", "name_in_place"]


def check_image_rules(rules: Mapping[str, str]) -> None:
    """Check rules of the form ``{what is written: what is taken}``.

    Raises:
        ValueError: one that cannot be meant, in words.
    """
    for written, taken in rules.items():
        if not written or not taken or any(c.isspace() for c in written + taken):
            raise ValueError(f"expected the names of two images, found {written!r} and {taken!r}")
        if written.endswith("/") != taken.endswith("/"):
            raise ValueError(
                f"{written} and {taken} both end with a slash, or neither: a folder stands for"
                " all images in it"
            )


def name_in_place(rules: Mapping[str, str], written: str) -> str:
    """Return the name of the image that is taken for one that is written; itself where no rule is for it.

    >>> name_in_place({"cimg/": "mirror.example.com/cimg/"}, "cimg/ruby:3.3")
    'mirror.example.com/cimg/ruby:3.3'
    >>> name_in_place({"cimg/ruby": "acme/ruby"}, "cimg/ruby:3.3")
    'acme/ruby:3.3'
    >>> name_in_place({"cimg/ruby": "acme/ruby:old"}, "cimg/ruby:3.3")
    'acme/ruby:old'
    """
    if written in rules:
        return rules[written]
    name, rest = _split(written)
    if name in rules:
        taken = rules[name]
        return taken if _is_complete(taken) else taken + rest
    folders = [rule for rule in rules if rule.endswith("/") and written.startswith(rule)]
    if not folders:
        return written
    folder = max(folders, key=len)
    return rules[folder] + written.removeprefix(folder)


def image_in_place(rules: Mapping[str, str], image: DockerImage) -> DockerImage:
    """Return the image that is taken for one that is written.

    Its login is left out where another is taken: it is for the registry that the configuration names, and
    no other may see it.
    """
    taken = name_in_place(rules, image.image)
    if taken == image.image:
        return image
    return replace(image, image=taken, auth={}, aws_auth={}, gcp_auth={})


def _split(name: str) -> tuple[str, str]:
    """Return a name without its tag and digest, and these; a port of the registry is no tag."""
    plain, at, digest = name.partition("@")
    folder, slash, last = plain.rpartition("/")
    last, colon, tag = last.partition(":")
    return f"{folder}{slash}{last}", f"{colon}{tag}{at}{digest}"


def _is_complete(name: str) -> bool:
    return bool(_split(name)[1])
