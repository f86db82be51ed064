"""Where the user's own folders may be seen in a job."""

from __future__ import annotations

import pytest

from pipeline.config.compiler import compile as compile_config
from pipeline.errors import InvalidInput
from pipeline.runner.container_spec import HostMount
from pipeline.runner.executor_options import ExecutorOptions
from pipeline.runner.mount_check import check_mounts, refuse_covered, refuse_overwritten


def check(target: str, keys: str = "docker: [{image: a}]", executor: str = "auto") -> None:
    text = f"version: 2.1\njobs: {{build: {{{keys}, steps: [checkout]}}}}\n"
    config = compile_config(text)
    options = ExecutorOptions(executor=executor, mounts=(HostMount("/mine", target),))
    check_mounts(config.jobs.values(), options)


@pytest.mark.parametrize(
    ("target", "keys"),
    [
        ("/root/project", "docker: [{image: a}]"),
        ("/root/project/", "docker: [{image: a}]"),
        ("/root", "docker: [{image: a}]"),
        ("/home/circleci/project", "docker: [{image: a}]"),
        ("/home/circleci", "docker: [{image: a}]"),
        ("/home", "docker: [{image: a}]"),
        ("/home/me/project", "docker: [{image: a, user: me}]"),
        ("/", "docker: [{image: a}]"),
        ("/srv/app", "docker: [{image: a}], working_directory: /srv/app"),
        ("/srv", "docker: [{image: a}], working_directory: /srv/app"),
        ("/root/app", "docker: [{image: a}], working_directory: ~/app"),
        ("/srv/./app/../app", "docker: [{image: a}], working_directory: /srv/app"),
    ],
)
def test_a_volume_over_the_working_directory_is_refused(target: str, keys: str) -> None:
    with pytest.raises(InvalidInput, match="would write into folders of this machine") as error:
        check(target, keys)
    assert f"--volume /mine:{target} is where build has" in str(error.value)


@pytest.mark.parametrize(
    ("target", "keys"),
    [
        ("/root/project/node_modules", "docker: [{image: a}]"),
        ("/root/projects", "docker: [{image: a}]"),
        ("/home/circleci/.m2", "docker: [{image: a}]"),
        ("/mnt/shared", "docker: [{image: a}]"),
        ("/root/project", "docker: [{image: a, user: me}]"),
        ("/home/me/project", "docker: [{image: a, user: root}]"),
        ("/root/project", "docker: [{image: a}], working_directory: /srv"),
        ("/root/project", "machine: true"),
    ],
)
def test_other_volumes_are_taken(target: str, keys: str) -> None:
    check(target, keys)


def test_jobs_on_the_machine_itself_have_no_volumes() -> None:
    check("/root/project", executor="host")


def test_what_is_known_when_the_container_runs_is_looked_at_again() -> None:
    refuse_covered([HostMount("/mine", "/srv/ci/project/tmp")], "/srv/ci/project")
    with pytest.raises(InvalidInput, match="has its working directory, /srv/ci/project"):
        refuse_covered([HostMount("/mine", "/srv")], "/srv/ci/project")


def test_no_file_is_checked_out_into_a_folder_of_the_user() -> None:
    names = ["README", "vendor/lib/a.rb"]
    for target in ("/p/node_modules", "/p/vendor/lib2", "/elsewhere", "/p/READ"):
        refuse_overwritten([HostMount("/mine", target)], "/p", names)
    for target in ("/p/vendor", "/p/vendor/lib/", "/p/README", "/p"):
        with pytest.raises(InvalidInput, match="--volume /mine:/p"):
            refuse_overwritten([HostMount("/mine", target)], "/p", names)
