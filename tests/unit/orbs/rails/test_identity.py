from __future__ import annotations

from dataclasses import replace

from orbs.rails.builder_build import BuilderPlan, builder_context
from orbs.rails.engine_types import ImageInfo
from orbs.rails.identity import BuilderInputs, base_digest, install_key
from orbs.rails.installers import BUNDLE, YARN
from orbs.rails.small_files import SmallFile

GEMFILE = SmallFile("Gemfile", b"gem 'rack'\n")
GEMFILE_LOCK = SmallFile("Gemfile.lock", b"rack (2.2.8)\n")
YARN_LOCK = SmallFile("yarn.lock", b"left-pad@1\n")
OTHER = SmallFile("deploy/apt-packages", b"libpq-dev\n")
INPUTS = BuilderInputs(
    dockerfile="FROM ruby:3.1\nADD Gemfile Gemfile.lock yarn.lock ./\n",
    files=(GEMFILE, GEMFILE_LOCK, YARN_LOCK, OTHER),
    args={"A": "1"},
    bases={"ruby:3.1": "sha256:1"},
    platform="linux/amd64",
)


def changed(path: str) -> BuilderInputs:
    files = tuple(replace(f, data=b"new") if f.path == path else f for f in INPUTS.files)
    return replace(INPUTS, files=files)


def toolchain(inputs: BuilderInputs) -> str:
    return BuilderPlan(inputs, "Dockerfile", "app", "").toolchain([BUNDLE, YARN])


def test_everything_a_builder_image_is_made_from_is_in_its_identity():
    others = [
        changed("Gemfile.lock"),
        changed("deploy/apt-packages"),
        replace(INPUTS, dockerfile=INPUTS.dockerfile + "RUN true\n"),
        replace(INPUTS, args={"A": "2"}),
        replace(INPUTS, bases={"ruby:3.1": "sha256:2"}),
        replace(INPUTS, platform="linux/arm64"),
        replace(INPUTS, files=INPUTS.files[1:]),
        replace(INPUTS, files=(replace(GEMFILE, executable=True), *INPUTS.files[1:])),
    ]
    identities = {inputs.identity for inputs in [INPUTS, *others]}
    assert len(identities) == len(others) + 1


def test_the_order_of_files_and_arguments_and_the_network_do_not_matter():
    again = replace(
        INPUTS, files=INPUTS.files[::-1], args=dict([*INPUTS.args.items()][::-1]), network="host"
    )
    assert again.identity == INPUTS.identity


def test_a_new_lockfile_leaves_the_toolchain_as_it_is():
    assert (
        toolchain(changed("Gemfile.lock")) == toolchain(changed("yarn.lock")) == toolchain(INPUTS)
    )


def test_a_new_base_image_or_system_package_is_a_new_toolchain():
    assert toolchain(replace(INPUTS, bases={"ruby:3.1": "sha256:2"})) != toolchain(INPUTS)
    assert toolchain(changed("deploy/apt-packages")) != toolchain(INPUTS)
    assert toolchain(replace(INPUTS, platform="linux/arm64")) != toolchain(INPUTS)


def test_the_key_of_an_install_is_that_of_its_own_files_command_environment_and_toolchain():
    def key(installer=BUNDLE, files=(GEMFILE, GEMFILE_LOCK), tools="t", environment=None):
        return install_key(installer, files, toolchain=tools, environment=environment or {})

    others = [
        key(files=(GEMFILE, replace(GEMFILE_LOCK, data=b"x"))),
        key(files=(GEMFILE_LOCK,)),
        key(tools="u"),
        key(environment={"BUNDLE_WITHOUT": "test"}),
        key(replace(BUNDLE, command="bundle install --jobs 1")),
        key(replace(BUNDLE, path="vendor/gems")),
    ]
    assert len({key(), *others}) == len(others) + 1
    assert key() == key(files=(GEMFILE_LOCK, GEMFILE))


def test_a_pulled_base_image_counts_by_the_digest_other_machines_see_too():
    image = ImageInfo("sha256:local", digests=("mirror/ruby@sha256:m", "ruby@sha256:hub"))
    assert base_digest("ruby:3.1", image) == "sha256:hub"
    assert base_digest("docker.io/library/ruby:3.1", image) == "sha256:hub"
    assert base_digest("mirror/ruby:3.1", image) == "sha256:m"
    assert base_digest("mirror:5000/other:1", image) == "sha256:local"


def test_the_build_context_is_the_same_bytes_for_the_same_files():
    again = replace(INPUTS, files=INPUTS.files[::-1])
    assert builder_context(again) == builder_context(INPUTS)
