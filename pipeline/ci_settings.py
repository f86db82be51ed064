"""Settings of the engine: the section ``ci``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.runner.bucket_address import check_endpoint, check_store
from pipeline.runner.image_names import check_image_rules
from pipeline.settings import setting
from pipeline.sizes import parse_size

__all__ = ["SECTIONS", "CiSettings"]


def _at_least_one(value: Any) -> int:
    text = str(value).strip()
    if isinstance(value, bool) or not text.isdecimal() or int(text) < 1:
        raise ValueError(f"expected a whole number of at least 1, found {value!r}")
    return int(text)


def _image_rules(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ValueError(f"expected images by the image that is written, found {value!r}")
    rules = {str(written): str(taken or "") for written, taken in value.items()}
    check_image_rules(rules)
    return rules


@dataclass(frozen=True, slots=True)
class CiSettings:
    """How the CircleCI configuration is compiled, checked, and run on this machine."""

    config: str = setting(
        ".circleci/config.yml",
        doc="The configuration's path in the repository, as CircleCI's own is.",
    )
    disable: tuple[str, ...] = setting(
        (),
        doc="Codes of warnings that are not wanted, each with a page in `docs/config-codes`.",
        example=["unused-orb", "deprecated-image"],
    )
    warnings_are_errors: bool = setting(
        False, doc="Whether `ci.validate` fails for warnings as well; off, since most can wait."
    )
    orbs: Mapping[str, Any] = setting(
        factory=dict,
        doc="Files or folders to take orbs from, by `namespace/name`: a checkout beside this one, say.",
        example={"acme/deploy": "../deploy-orb/src"},
    )
    contexts: Mapping[str, str] = setting(
        factory=dict,
        doc="Files with the variables of contexts for `ci.run`, by the context's name, plain or encrypted; "
        "an empty name stands for no variables. Default: `deploy/contexts/NAME.env`, else "
        "`NAME.env.enc`, `NAME.yml.enc` or `NAME.json.enc` there.",
        example={"production": "deploy/contexts/production.env.enc"},
    )
    env_file: str = setting(
        "",
        doc="A file with project variables for `ci.run`, plain or encrypted, where `--env-file` names no "
        "other.",
        example="deploy/contexts/project.env.enc",
    )
    store: str = setting(
        "",
        doc="Where `ci.run` keeps caches and workspaces: a folder, from the root, or a bucket as"
        " `s3://bucket/prefix`, in which a team shares its caches; the folder of this machine is used"
        " beside it. Default is `~/.cache/orbyard/store`, which all projects share.",
        parse=check_store,
        example="s3://acme-ci/caches",
    )
    store_endpoint: str = setting(
        "",
        doc="URL of a service that speaks S3, for a bucket that is not Amazon's: MinIO, Ceph, R2.",
        parse=check_endpoint,
        example="https://minio.example.com:9000",
    )
    store_region: str = setting("", doc="The bucket's region; default is what AWS's SDK finds.")
    store_limit: int = setting(
        20_000_000_000,
        doc="How much the store's folder may hold, as `20GB` or `500MB`; what was not used for longest"
        " goes first. Of a bucket its own lifecycle rules remove what is old.",
        parse=parse_size,
    )
    keep_runs: int = setting(
        20,
        doc="Runs whose folder in `.orbyard/runs`, with logs and artifacts, and whose workspace are"
        " kept; at the end of a run older ones go, except those that still run.",
        parse=_at_least_one,
    )
    machine: Literal["host", "container"] = setting(
        "host",
        doc="Where `ci.run` runs machine jobs: on this machine itself, in a folder of their own, with its "
        "programs; or in a container of `ci.machine_image` with a Docker daemon of its own, as a virtual "
        "machine would be. The host by default, since no image has all that CircleCI's machines have.",
    )
    machine_image: str = setting(
        "",
        doc="The image for machine jobs in containers; it has dockerd, docker, bash and what the jobs use.",
        example="127.0.0.1:5000/ci-machine:1",
    )
    remote_docker: Literal["socket", "dind"] = setting(
        "socket",
        doc="What `setup_remote_docker` gives: the engine of this machine by its socket, which is fast and "
        "has all your images; or a Docker daemon of the job's own, whose images, containers, volumes and "
        "networks go with the job.",
    )
    dind_image: str = setting(
        "docker:dind", doc="The image of jobs' own Docker daemons; it has dockerd and docker."
    )
    images: Mapping[str, str] = setting(
        factory=dict,
        doc="Images to take in place of those that the configuration names, from a mirror, say; `--image` "
        "adds to them. A name without a tag stands for all its tags, one that ends with a slash for all "
        "images in it. Their `auth` is not used: your own `docker login` is.",
        parse=_image_rules,
        example={"cimg/": "mirror.example.com/cimg/", "cimg/ruby": "acme/ruby"},
    )
    platform: str = setting(
        "",
        doc="The platform of all images, as `linux/amd64`, where `--platform` gives no other. By default "
        "the engine's own, or else the one that there is, emulated.",
        example="linux/amd64",
    )
    ssh_keys: Mapping[str, str] = setting(
        factory=dict,
        doc="Files of private keys for `add_ssh_keys`, by the fingerprint that the configuration names. "
        "They stay where they are: jobs get signatures. Keys of your ssh agent need not be named.",
        example={"SHA256:jLV2qdNeHoNkWT8KJVVLjKHqIGKEW3FVNfVQ0SVzjPw": "~/.ssh/deploy"},
    )


SECTIONS = {"ci": CiSettings}
