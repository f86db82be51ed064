"""Pages on commands, jobs, executors and their parameters."""

from __future__ import annotations

from pipeline.config.pages.page import CodePage

__all__ = ["PAGES"]

PAGES = (
    CodePage(
        "unknown-command",
        """\
A step has a name that is neither one of CircleCI's own steps nor a command of this configuration. A \
command of an orb is named with the orb before it, as in `ruby/install-deps`, and inside of an orb only \
the orb's own commands are known.

The message says the nearest name that exists.""",
        """\
version: 2.1
commands:
  run-tests:
    steps: [{run: bin/rails test}]
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout, run-test]
""",
        """\
version: 2.1
commands:
  run-tests:
    steps: [{run: bin/rails test}]
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout, run-tests]
""",
    ),
    CodePage(
        "unknown-job",
        """\
A workflow names a job that is not declared below `jobs:`. A job of an orb is named with the orb before \
it. Only a job that waits for approval needs no declaration; it says `type: approval` in the workflow.

The name of a job stands below `jobs:`; a `name:` in a workflow is for `requires` and for display alone.""",
        """\
version: 2.1
jobs:
  test:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
workflows:
  main:
    jobs: [tests]
""",
        """\
version: 2.1
jobs:
  test:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
workflows:
  main:
    jobs: [test]
""",
    ),
    CodePage(
        "unknown-executor",
        """\
A job names an executor that is not declared below `executors:`. An executor of an orb is named with the \
orb before it. A name that an orb's job has as its default is looked up in the orb; one that you hand over \
is looked up in your configuration.""",
        """\
version: 2.1
executors:
  ruby:
    docker: [{image: cimg/ruby:3.2.2}]
jobs:
  build:
    executor: rubby
    steps: [checkout]
""",
        """\
version: 2.1
executors:
  ruby:
    docker: [{image: cimg/ruby:3.2.2}]
jobs:
  build:
    executor: ruby
    steps: [checkout]
""",
    ),
    CodePage(
        "parameter-declaration",
        """\
A declaration below `parameters:` has a `type`, and perhaps a `default`, a `description` and, for an enum, \
the list of its values. Other keys are not allowed. A default has to be of the declared type itself: \
`default: 3.10` is a number, not a text, and `default: false` of a text is a boolean.

Pipeline parameters, those at the top level, know the types string, boolean, integer and enum, and each \
needs a default. An empty default means that there is none.""",
        """\
version: 2.1
commands:
  install:
    parameters:
      ruby: {type: string, default: 3.2}
    steps: [{run: rbenv install << parameters.ruby >>}]
jobs:
  build:
    docker: [{image: cimg/base:2024.02}]
    steps: [install]
""",
        """\
version: 2.1
commands:
  install:
    parameters:
      ruby: {type: string, default: "3.2"}
    steps: [{run: rbenv install << parameters.ruby >>}]
jobs:
  build:
    docker: [{image: cimg/base:2024.02}]
    steps: [install]
""",
    ),
    CodePage(
        "missing-argument",
        """\
A command, job or executor has a parameter without a default, and the call does not set it. The chain of \
calls says which call it is; the declaration says what is wanted.

Set the argument, or give the parameter a default. `default: ""` is one; `default:` with nothing behind it \
is none.""",
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
    jobs: [deploy]
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
        "unexpected-argument",
        """\
A call sets a parameter that was not declared: a spelling, a parameter of another version of an orb, or a \
key of a workflow that is written wrongly (`require` instead of `requires`). In a workflow every key \
beside those of CircleCI is taken for an argument of the job.

The same is said of a pipeline parameter that is given to a pipeline and is not declared.""",
        """\
version: 2.1
jobs:
  test:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
  deploy:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [{run: bin/deploy}]
workflows:
  main:
    jobs:
      - test
      - deploy: {require: [test]}
""",
        """\
version: 2.1
jobs:
  test:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
  deploy:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [{run: bin/deploy}]
workflows:
  main:
    jobs:
      - test
      - deploy: {requires: [test]}
""",
    ),
    CodePage(
        "type-mismatch",
        """\
An argument is not of the parameter's type, and nothing is converted: `16` is not a text, `"16"` is not an \
integer, and `yes` without quotes is a boolean. Versions are the classic trap: `3.10` without quotes is \
the number 3.1.

An enum takes one of its values. Steps are a list, even if it is only one.""",
        """\
version: 2.1
jobs:
  test:
    parameters:
      ruby: {type: string}
    docker: [{image: "cimg/ruby:<< parameters.ruby >>"}]
    steps: [checkout]
workflows:
  main:
    jobs:
      - test: {ruby: 3.2}
""",
        """\
version: 2.1
jobs:
  test:
    parameters:
      ruby: {type: string}
    docker: [{image: "cimg/ruby:<< parameters.ruby >>"}]
    steps: [checkout]
workflows:
  main:
    jobs:
      - test: {ruby: "3.2"}
""",
    ),
    CodePage(
        "recursion",
        """\
A command calls itself, directly or through others, and would expand without an end. Conditions do not \
help: commands are expanded before anything runs.

The message shows the circle. A step that is to be repeated belongs into a shell loop, or into a list of \
steps that is handed over.""",
        """\
version: 2.1
commands:
  retry:
    steps:
      - run: bin/flaky
      - retry
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [retry]
""",
        """\
version: 2.1
commands:
  retry:
    steps:
      - run: bin/flaky || bin/flaky || bin/flaky
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [retry]
""",
    ),
    CodePage(
        "unused-parameter",
        """\
A parameter is declared, and no tag in its command, job or executor refers to it. Whoever sets it changes \
nothing, and is not told so.

Use it, or remove it together with the arguments that set it. A pipeline parameter that only another \
system reads can be kept by a comment.""",
        """\
version: 2.1
jobs:
  test:
    parameters:
      ruby: {type: string, default: "3.2"}
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
workflows:
  main:
    jobs: [test]
""",
        """\
version: 2.1
jobs:
  test:
    parameters:
      ruby: {type: string, default: "3.2"}
    docker: [{image: "cimg/ruby:<< parameters.ruby >>"}]
    steps: [checkout]
workflows:
  main:
    jobs: [test]
""",
    ),
    CodePage(
        "unused-command",
        """\
A command is declared, and nothing calls it. CircleCI does not look into it, so that mistakes in it show \
only on the day that somebody calls it.

Remove it, or call it.""",
        """\
version: 2.1
commands:
  setup:
    steps: [{run: bin/setup}]
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
""",
        """\
version: 2.1
commands:
  setup:
    steps: [{run: bin/setup}]
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout, setup]
""",
    ),
    CodePage(
        "unused-executor",
        """\
An executor is declared, and no job runs on it. Remove it, or name it in a job.""",
        """\
version: 2.1
executors:
  ruby:
    docker: [{image: cimg/ruby:3.2.2}]
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
""",
        """\
version: 2.1
executors:
  ruby:
    docker: [{image: cimg/ruby:3.2.2}]
jobs:
  build:
    executor: ruby
    steps: [checkout]
""",
    ),
    CodePage(
        "unused-job",
        """\
A job is declared, and no workflow names it, so that it never runs. Where a workflow was to run it, its \
checks are missing and nobody sees that.

Name it in a workflow, or remove it. A job that only a workflow runs whose condition is false just now \
counts as used.""",
        """\
version: 2.1
jobs:
  test:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
  lint:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
workflows:
  main:
    jobs: [test]
""",
        """\
version: 2.1
jobs:
  test:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
  lint:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
workflows:
  main:
    jobs: [test, lint]
""",
    ),
    CodePage(
        "overrides-built-in",
        """\
A command has the name of one of CircleCI's own steps, and is called in its place wherever that step is \
written in this configuration. CircleCI allows it, and notes it in the processed configuration; readers \
mostly do not expect it.

If it is meant, turn the warning off for that line.""",
        """\
version: 2.1
commands:
  checkout:
    steps: [{run: git clone --depth 1 "$CIRCLE_REPOSITORY_URL" .}]
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
""",
        """\
version: 2.1
commands:
  shallow-checkout:
    steps: [{run: git clone --depth 1 "$CIRCLE_REPOSITORY_URL" .}]
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [shallow-checkout]
""",
    ),
    CodePage(
        "name-shadowed",
        """\
A command and a job have the same name. CircleCI keeps them apart by where the name stands, and people do \
not: a message about `release` may mean either.

Rename one of them.""",
        """\
version: 2.1
commands:
  release:
    steps: [{run: bin/release}]
jobs:
  release:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [release]
workflows:
  main:
    jobs: [release]
""",
        """\
version: 2.1
commands:
  publish:
    steps: [{run: bin/release}]
jobs:
  release:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [publish]
workflows:
  main:
    jobs: [release]
""",
    ),
)
