"""What to do about an install that failed: the one place where installers' words are read.

The programs say nothing but words and an exit code. Each row names where its words come from; a row
that no longer matches costs a hint, never a wrong result.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["hint_for"]

_HINTS: tuple[tuple[str, str], ...] = (
    # bundler/definition.rb, "ensure_equivalent_gemfile_and_lockfile"
    (
        r"deployment mode after changing|frozen mode after changing|lockfile can't be updated"
        r"|Your lockfile does not satisfy dependencies|cannot write a changed lockfile"
        r"|gemfile at .* changed|have deleted from the Gemfile|have added to the Gemfile",
        "Gemfile and Gemfile.lock differ: run `bundle lock` and commit Gemfile.lock",
    ),
    # bundler/definition.rb, "validate_platforms!"; its lines are wrapped at any word
    (
        r"bundle only supports platforms|local platform is",
        "Gemfile.lock lacks the container's platform: run `bundle lock --add-platform {gem_platform}` "
        "and commit it",
    ),
    # bundler/ruby_version.rb
    (
        r"Your Ruby version is .*, but your Gemfile specified",
        "Gemfile asks for another Ruby than the builder image has: change its FROM, or the Gemfile",
    ),
    # bundler/cli.rb, "check_bundler_version" and rubygems/bundler_version_finder.rb
    (
        r"Could not find 'bundler' \(|lockfile was .*generated with a newer version of Bundler",
        "the builder image lacks the Bundler that wrote Gemfile.lock: `RUN gem install bundler` in "
        "its Dockerfile with the version below BUNDLED WITH",
    ),
    # rubygems/ext/builder.rb
    (
        r"Failed to build gem native extension|ERROR: Failed to build gem",
        "a gem has to be compiled and lacks a library or header: install it in the builder image "
        "(`RUN apt-get install …`; the lines above or mkmf.log name it)",
    ),
    # bundler/fetcher.rb
    (
        r"Authentication is required for|Bad username or password for|Bundler::Fetcher::\w*Auth",
        "the gem source wants a login: name its variable (BUNDLE_GEMS__EXAMPLE__COM) in "
        "dependencies.pass_environment and set it",
    ),
    (
        r"Could not find .* in (any of the sources|rubygems|locally installed gems)"
        r"|Could not find gem",
        "a gem of Gemfile.lock is not in its sources: was it yanked, or does a source need a login?",
    ),
    # yarn v1 lang/en.js "frozenLockfileError"; yarn berry YN0028
    (
        r"lockfile needs to be updated, but yarn was run with `--frozen-lockfile`"
        r"|YN0028|lockfile would have been (modified|created) by this install",
        "package.json and yarn.lock differ: run `yarn install` and commit yarn.lock",
    ),
    # npm cli lib/commands/ci.js; pnpm ERR_PNPM_OUTDATED_LOCKFILE
    (
        r"npm ci.? can only install packages when your package.json",
        "package.json and package-lock.json differ: run `npm install` and commit the lockfile",
    ),
    (
        r"ERR_PNPM_OUTDATED_LOCKFILE",
        "package.json and pnpm-lock.yaml differ: run `pnpm install` and commit the lockfile",
    ),
    # yarn v1 lang/en.js "incompatibleEngine"
    (
        r"The engine \"node\" is incompatible|EBADENGINE",
        "a package asks for another Node.js than the builder image has",
    ),
    (
        r"Integrity check failed|EINTEGRITY",
        "a package is not the one that the lockfile was made of",
    ),
    (
        r"self.signed certificate|unable to get local issuer certificate|certificate verify failed"
        r"|UNABLE_TO_VERIFY_LEAF_SIGNATURE",
        "the source's certificate is not trusted: name your authority's PEM file in "
        "dependencies.ca_bundle",
    ),
    (
        r"Could not resolve host|getaddrinfo|ENOTFOUND|EAI_AGAIN|Network is unreachable"
        r"|Temporary failure in name resolution|ECONNREFUSED|Could not reach host",
        "the container cannot reach the package source: see dependencies.network and "
        "dependencies.environment for proxies and mirrors",
    ),
    (
        r"No space left on device|ENOSPC",
        "the engine's disk is full: `docker system df` shows by what",
    ),
    (
        r"(bundle|yarn|npm|pnpm|pip): (command )?not found",
        "the builder image lacks the program: install it in its Dockerfile",
    ),
)


def hint_for(lines: Iterable[str], *, platform: str) -> str | None:
    """Return what to do, for the last lines of an install; None where nothing is known.

    Args:
        lines: in the order they came.
        platform: of the builder image, ``linux/amd64``.
    """
    # Programs wrap their sentences; a hint's words may stand on two lines.
    text = " ".join(line.strip() for line in lines)
    for pattern, hint in _HINTS:
        if re.search(pattern, text, re.IGNORECASE):
            return hint.format(gem_platform=_gem_platform(platform))
    return None


def _gem_platform(platform: str) -> str:
    """Return RubyGems' name of a platform: ``linux/amd64`` is ``x86_64-linux``."""
    system, _, architecture = platform.partition("/")
    names = {"amd64": "x86_64", "arm64": "aarch64", "arm64/v8": "aarch64", "386": "x86"}
    return f"{names.get(architecture, architecture)}-{system}"
