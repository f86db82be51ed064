"""Pages on keys and values: what may stand where."""

from __future__ import annotations

from pipeline.config.pages.page import CodePage

__all__ = ["PAGES"]

PAGES = (
    CodePage(
        "unknown-key",
        """\
A key stands where it has no meaning. CircleCI refuses unknown keys inside of jobs, steps, executors, \
commands and workflows, since a slip would otherwise turn a setting off unseen. At the top level of \
`config.yml` it passes over them, so that anchors can be kept there under a key of your own.

Mostly it is a spelling (`enviroment`), a wrong indentation, or a step beside `steps:` instead of below \
it. The message names the nearest key that is known there, or all of them.""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    enviroment: {RAILS_ENV: test}
    steps: [checkout]
""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    environment: {RAILS_ENV: test}
    steps: [checkout]
""",
    ),
    CodePage(
        "missing-key",
        """\
Something lacks a key that it cannot do without: a job or command its `steps`, a Docker executor its \
`image`, `save_cache` its `key` and `paths`, a schedule its `cron` and its branches.

An empty value counts as missing, too: `key:` with nothing behind it is null.""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps:
      - save_cache:
          key: gems-{{ checksum "Gemfile.lock" }}
""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps:
      - save_cache:
          key: gems-{{ checksum "Gemfile.lock" }}
          paths: [vendor/bundle]
""",
    ),
    CodePage(
        "wrong-type",
        """\
A value is of another kind than the key takes: a text instead of a number, a number or a boolean instead \
of a text, a single value instead of a list or a mapping. Nothing is converted.

YAML decides what a value without quotes is. `yes`, `no`, `on` and `off` are booleans, `3.10` is the \
number 3.1, `1:30` is 90: put them in quotes where a text is meant. `parallelism: "3"` is wrong the other \
way round.""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    parallelism: "3"
    steps: [checkout]
""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    parallelism: 3
    steps: [checkout]
""",
    ),
    CodePage(
        "wrong-value",
        """\
A value has the right kind and is none of those that are allowed: a word that is not in the list, a \
number out of range, a text that does not have the required form.

Durations need their unit (`20m`, `90s`), `retention` counts in days (`7d`), `when` of a step is one of \
`always`, `on_success` and `on_fail`, and a required job ends as one of `success`, `failed`, `canceled`, \
`unauthorized` and `not_run`.""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps:
      - run:
          command: bin/rails test
          no_output_timeout: "20"
      - run: {command: bin/report, when: on_failure}
""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps:
      - run:
          command: bin/rails test
          no_output_timeout: 20m
      - run: {command: bin/report, when: on_fail}
""",
    ),
    CodePage(
        "bad-name",
        """\
Names of commands, executors and parameters begin with a letter and hold lower-case letters, digits, `_` \
and `-`; names of jobs may have upper case and spaces as well. A job's parameter cannot have the name of \
a key that workflows use themselves: `name`, `requires`, `context`, `type`, `filters`, `matrix`, \
`pre-steps`, `post-steps`, `serial-group`, `override-with`.

Such a parameter could never be set: the workflow would take the key for its own.""",
        """\
version: 2.1
jobs:
  deploy:
    parameters:
      context: {type: string}
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [{run: bin/deploy << parameters.context >>}]
workflows:
  main:
    jobs:
      - deploy: {context: staging}
""",
        """\
version: 2.1
jobs:
  deploy:
    parameters:
      cluster: {type: string}
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [{run: bin/deploy << parameters.cluster >>}]
workflows:
  main:
    jobs:
      - deploy: {cluster: staging}
""",
    ),
    CodePage(
        "step-shape",
        """\
A step is a name (`checkout`) or a mapping with exactly one key, the step's name. Two keys mostly mean \
that what belongs to the step is not indented far enough: `command` has to stand two columns to the right \
of `run`, not below its first letter.

A step that cannot do without keys, such as `save_cache`, is refused when it is only named, and `run` \
takes a command or a mapping with `command`.""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps:
      - run:
        name: Test
        command: bin/rails test
""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps:
      - run:
          name: Test
          command: bin/rails test
""",
    ),
    CodePage(
        "executor-type",
        """\
A job runs on exactly one kind of executor: `docker`, `machine` or `macos`, written in the job or taken \
from the `executor` that it names. It has none of them, or two side by side.

What a job says itself replaces what its executor says: a job with `docker` and an executor on a machine \
runs in Docker.""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    machine: {image: ubuntu-2204:current}
    steps: [checkout]
""",
        """\
version: 2.1
jobs:
  build:
    machine: {image: ubuntu-2204:current}
    steps: [checkout]
""",
    ),
    CodePage(
        "duplicate-job",
        """\
CircleCI does not tell the names of jobs apart by upper and lower case, so that `Build` and `build` are \
the same job twice. Rename one of them.""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
  Build:
    docker: [{image: cimg/node:20.11}]
    steps: [checkout]
""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
  build-assets:
    docker: [{image: cimg/node:20.11}]
    steps: [checkout]
workflows:
  main:
    jobs: [build, build-assets]
""",
    ),
    CodePage(
        "deprecated-key",
        """\
A key or step still works, and CircleCI advises against it or documents it no more. The step `deploy` \
became `run`, the `branches` of a job became `filters` in a workflow, and `enabled` of a machine became \
its `image`.

The hint says what to write instead.""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps:
      - checkout
      - deploy: {command: bin/deploy}
""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps:
      - checkout
      - run: {command: bin/deploy}
""",
    ),
    CodePage(
        "deprecated-image",
        """\
An image gets no updates any more, or is about to be removed. The images `circleci/…` ended when `cimg/…` \
took their place: they have no security fixes and no new versions. Of machine images CircleCI removes old \
ones after a notice; `machine: true` leaves open which one runs.

Name a `cimg/` image, or one of the current machine images.""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: circleci/ruby:2.7.2-node}]
    steps: [checkout]
""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2-node}]
    steps: [checkout]
""",
    ),
    CodePage(
        "plain-secret",
        """\
A value looks like a password, a token or a private key, and whoever can read the repository can read it. \
It stays in the history after it is removed.

Replace it first, since it has to be counted as known to others. Then keep the new one in the project's \
environment variables or in a context, from where jobs get it as a variable. The value is never shown in \
messages, not even the line it stands on.""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    environment:
      DATABASE_URL: postgres://hoge:uQ8xT2vLr9Zk@db.hoge-app.net/hoge
    steps: [{run: bin/rails test}]
""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [{run: bin/rails test}]
workflows:
  main:
    jobs:
      - build: {context: hoge-app}
""",
    ),
    CodePage(
        "ignored-key",
        """\
A built-in step has a key that it does not know. CircleCI passes over such keys without a word, so that a \
misspelled one does nothing, and nobody is told. The job runs all the same, so this is a warning.

Correct the key, or remove it. Keys of jobs, executors and workflows are another matter: there CircleCI \
refuses what it does not know ([`unknown-key`](unknown-key.md)).""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps:
      - checkout
      - run: {command: bin/rails test, no_output_timout: 20m}
""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps:
      - checkout
      - run: {command: bin/rails test, no_output_timeout: 20m}
""",
    ),
    CodePage(
        "environment-number",
        """\
A whole number of seven or more digits in an environment does not reach the job as it is written: \
CircleCI's agent prints it in exponential form, `20240501` as `2.0240501e+07`. Identifiers, dates and \
build numbers are ruined by that.

Put the value in quotes.""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    environment:
      SCHEMA_VERSION: 20240501
    steps: [checkout]
""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    environment:
      SCHEMA_VERSION: "20240501"
    steps: [checkout]
""",
    ),
    CodePage(
        "environment-variable-literal",
        """\
Values below `environment` are handed over as they are written: no shell looks at them, so `$HOME` stays \
the five characters `$HOME`. A job that sets `PATH` in this way finds no program any more.

Set such a variable in a step, through the file `$BASH_ENV`, which every later step reads.""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    environment:
      GEM_HOME: $HOME/gems
    steps: [checkout]
""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps:
      - checkout
      - run: echo 'export GEM_HOME=$HOME/gems' >> "$BASH_ENV"
""",
    ),
    CodePage(
        "cache-key-constant",
        """\
A cache is never overwritten: once a key has been saved, later saves under it are passed over. This key \
has nothing in it that changes, so that the very first content is restored for ever, and each run installs \
again what came since.

Put a checksum of the lock file into the key, and restore with a shorter prefix behind it.""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps:
      - checkout
      - restore_cache: {key: gems-v1}
      - run: bundle install
      - save_cache: {key: gems-v1, paths: [vendor/bundle]}
""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps:
      - checkout
      - restore_cache:
          keys: ['gems-v1-{{ checksum "Gemfile.lock" }}', gems-v1-]
      - run: bundle install
      - save_cache:
          key: gems-v1-{{ checksum "Gemfile.lock" }}
          paths: [vendor/bundle]
""",
    ),
    CodePage(
        "cache-key-always-changes",
        """\
The key has something in it that is another each time, such as the time or the build's number, and nothing \
restores the cache by the part before that. It is saved with every run, takes time and storage, and is \
never found again.

Use what the content depends on, mostly the checksum of a lock file. Where a cache is really to be renewed \
with every run, restore it by a prefix of the key, so that the newest one is found. A key with the commit \
(`.Revision`) is fine between the jobs of one workflow.""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps:
      - checkout
      - restore_cache: {key: "gems-{{ epoch }}"}
      - run: bundle install
      - save_cache: {key: "gems-{{ epoch }}", paths: [vendor/bundle]}
""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps:
      - checkout
      - restore_cache: {key: 'gems-{{ checksum "Gemfile.lock" }}'}
      - run: bundle install
      - save_cache: {key: 'gems-{{ checksum "Gemfile.lock" }}', paths: [vendor/bundle]}
""",
    ),
)
