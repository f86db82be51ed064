"""Pages on orbs, packing, and configurations that continue others."""

from __future__ import annotations

import hashlib

from pipeline.config.pages.page import CodePage

__all__ = ["PAGES"]

_ORB = """\
commands:
  hello:
    steps: [{run: echo hello}]
"""

_USES_ORB = """\
version: 2.1
orbs:
  greeter: hoge/greeter@1.0.0
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [greeter/hello]
"""

_VENDORED = ".circleci/orbs/hoge/greeter@1.0.0.yml"
_LOCK_FILE = ".circleci/orbs/orbs.lock"


def _lock(text: str) -> str:
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"""\
orbs:
- name: hoge/greeter
  version: 1.0.0
  sha256: {digest}
"""


_SETUP = """\
version: 2.1
setup: true
jobs:
  decide:
    docker: [{image: cimg/base:2024.02}]
    steps: [{run: bin/decide}]
workflows:
  setup:
    jobs: [decide]
"""

PAGES = (
    CodePage(
        "unknown-orb",
        """\
A name has an orb before its slash that is not declared below `orbs:`. The name before the slash is the \
one that you give the orb there, not its name in the registry. Orbs that an orb uses itself are not seen \
from outside.""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [greeter/hello]
""",
        """\
version: 2.1
orbs:
  greeter:
    commands:
      hello:
        steps: [{run: echo hello}]
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [greeter/hello]
""",
    ),
    CodePage(
        "orb-not-found",
        """\
The orb is not on this machine, and the network is never asked unless you say so. Orbs are looked for in \
the folder `orbs/` of the repository and among the vendored ones, `.circleci/orbs/<namespace>/\
<name>@<version>.yml`.

`orbyard orb.fetch` gets an orb and notes its checksum in the lock file; commit both. A private orb, or a \
file that you have already, is added by `orbyard orb.vendor`.""",
        _USES_ORB,
        _USES_ORB,
        good_files={_VENDORED: _ORB, _LOCK_FILE: _lock(_ORB)},
    ),
    CodePage(
        "orb-reference",
        """\
An orb is named as `namespace/name@version`, by an `https://` address, or written inline as a mapping. A \
version is `1`, `1.2`, `1.2.3`, `volatile` or `dev:label`; without one the reference is not complete. A \
range such as `^1.2` or `>=1` is not known.""",
        """\
version: 2.1
orbs:
  greeter: hoge/greeter
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [greeter/hello]
""",
        _USES_ORB,
        good_files={_VENDORED: _ORB, _LOCK_FILE: _lock(_ORB)},
    ),
    CodePage(
        "orb-checksum",
        """\
A vendored orb is not the file that the lock file `orbs.lock` vouches for: it was edited, damaged by a \
merge, or exchanged. An orb runs with the rights of your jobs, and their secrets, so it is not used.

If the change is meant, add the file anew with `orbyard orb.vendor`, which renews its checksum; otherwise \
take the file back from git.""",
        _USES_ORB,
        _USES_ORB,
        bad_files={_VENDORED: _ORB.replace("hello}", "good day}"), _LOCK_FILE: _lock(_ORB)},
        good_files={_VENDORED: _ORB, _LOCK_FILE: _lock(_ORB)},
    ),
    CodePage(
        "orb-cycle",
        """\
An orb uses an orb that uses the first one again, or orbs stand in orbs more than five deep. CircleCI \
publishes an orb with what it uses, so that a circle cannot come from the registry; it comes from inline \
orbs and vendored files.""",
        """\
version: 2.1
orbs:
  one:
    commands: {greet: {steps: [{run: echo hello}]}}
    orbs:
      two:
        orbs:
          three:
            orbs:
              four:
                orbs:
                  five:
                    orbs:
                      six: {orbs: {seven: {commands: {hello: {steps: [checkout]}}}}}
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [one/greet]
""",
        """\
version: 2.1
orbs:
  one:
    commands: {greet: {steps: [two/hello]}}
    orbs:
      two:
        commands: {hello: {steps: [checkout]}}
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [one/greet]
""",
    ),
    CodePage(
        "override-with",
        """\
`override-with` lets an orb put its own job in the place of yours. It names the orb's job, as `orb/job`, \
of an orb that is declared. When the orb does not define the job, yours runs.""",
        """\
version: 2.1
jobs:
  test:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
workflows:
  main:
    jobs:
      - test: {override-with: team-test}
""",
        """\
version: 2.1
orbs:
  team:
    jobs:
      test:
        docker: [{image: cimg/ruby:3.2.2}]
        steps: [checkout]
jobs:
  test:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
workflows:
  main:
    jobs:
      - test: {override-with: team/test}
""",
    ),
    CodePage(
        "unused-orb",
        """\
An orb is declared below `orbs:`, and nothing of it is used. It is still fetched and checked with every \
pipeline, and a version that is withdrawn stops your pipelines. Remove it.""",
        """\
version: 2.1
orbs:
  greeter:
    commands:
      hello:
        steps: [{run: echo hello}]
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
""",
        """\
version: 2.1
orbs:
  greeter:
    commands:
      hello:
        steps: [{run: echo hello}]
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout, greeter/hello]
""",
    ),
    CodePage(
        "orb-not-locked",
        """\
A vendored orb is used, and the lock file `orbs.lock` does not have its checksum. Nothing then tells when \
the file is changed. `orbyard orb.vendor` adds a file that you have; `orbyard orb.fetch` gets it from the \
registry.""",
        _USES_ORB,
        _USES_ORB,
        bad_files={_VENDORED: _ORB},
        good_files={_VENDORED: _ORB, _LOCK_FILE: _lock(_ORB)},
    ),
    CodePage(
        "include",
        """\
`<<include(path)>>` puts a file's text into an orb while it is packed; the path is relative to the orb's \
folder, and cannot lead out of it. It is refused where the file is missing, lies outside, or is not text, \
and in places that are not packed: CircleCI itself does not know it.

In `config.yml`, call a script of the repository instead.""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps:
      - checkout
      - run: <<include(scripts/test.sh)>>
""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps:
      - checkout
      - run: scripts/test.sh
""",
    ),
    CodePage(
        "pack",
        """\
A folder cannot be packed into one file: a file in it is not a mapping, or the same command, job or key \
comes from two files, so that one of them would be lost. Each element has a file of its own, named after \
it, in `commands/`, `jobs/`, `executors/` or `examples/`; what concerns the whole orb stands in \
`@orb.yml`.""",
        """\
version: 2.1
commands:
  hello:
    steps: [{run: echo hello}]
""",
        """\
version: 2.1
description: Says hello.
""",
        bad_files={"src/commands/hello.yml": "steps: [{run: echo hello}]\n"},
        good_files={"src/commands/hello.yml": "steps: [{run: echo hello}]\n"},
        file="src/@orb.yml",
        task="orb.pack",
    ),
    CodePage(
        "setup",
        """\
A setup configuration (`setup: true`) decides what the pipeline goes on with. It runs exactly one \
workflow; of several, conditions have to leave one. It cannot have scheduled workflows, and `setup` itself \
is true or false.""",
        """\
version: 2.1
setup: true
jobs:
  decide:
    docker: [{image: cimg/base:2024.02}]
    steps: [{run: bin/decide}]
workflows:
  one:
    jobs: [decide]
  two:
    jobs: [decide]
""",
        _SETUP,
    ),
    CodePage(
        "continuation",
        """\
What continues a pipeline does not fit the setup configuration before it. Only a setup configuration is \
continued, and what continues it is not one itself. A parameter that was given when the pipeline was \
triggered cannot be passed by the setup workflow as well: CircleCI answers `Conflicting pipeline \
parameters`. A row of path-filtering's mapping has one to four columns.""",
        """\
version: 2.1
setup: true
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
""",
        bad_files={".circleci/config.yml": _SETUP},
        good_files={".circleci/config.yml": _SETUP},
        file=".circleci/continue_config.yml",
        task="continue",
    ),
)
