from __future__ import annotations

import pytest

from orbs.rails.install_hints import hint_for


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (
            [
                "You are trying to install in deployment mode after changing",
                "your Gemfile. Run `bundle install` elsewhere and add the",
            ],
            "bundle lock",
        ),
        (
            ["The gemspecs for path gems changed, but the lockfile can't be updated because"],
            "bundle lock",
        ),
        (
            [
                'Your bundle only supports platforms ["arm64-darwin-21"] but your local platform',
                "is x86_64-linux. Add the current platform to the lockfile with",
            ],
            "bundle lock --add-platform x86_64-linux",
        ),
        (["Your Ruby version is 3.1.2, but your Gemfile specified ~> 3.3.0"], "FROM"),
        (["Gem::Ext::BuildError: ERROR: Failed to build gem native extension."], "apt-get"),
        (["Authentication is required for gems.example.com."], "pass_environment"),
        (
            ["error Your lockfile needs to be updated, but yarn was run with `--frozen-lockfile`."],
            "yarn.lock differ",
        ),
        (["➤ YN0028: │ The lockfile would have been modified by this install"], "yarn.lock differ"),
        (["npm ci can only install packages when your package.json and"], "npm install"),
        (["error An unexpected error: self signed certificate in certificate chain"], "ca_bundle"),
        (["Could not reach host rubygems.org. Check your network connection"], "network"),
        (["/bin/sh: 1: bundle: not found"], "Dockerfile"),
        (["write: No space left on device"], "docker system df"),
    ],
)
def test_known_failures_come_with_what_to_do(lines, words):
    assert words in (hint_for(lines, platform="linux/amd64") or "")


def test_the_platform_to_add_is_that_of_the_builder_image():
    lines = ["Your bundle only supports platforms [] but your local platform is aarch64-linux"]
    assert "--add-platform aarch64-linux" in (hint_for(lines, platform="linux/arm64") or "")


def test_an_unknown_failure_has_no_hint():
    assert hint_for(["something else"], platform="linux/amd64") is None
