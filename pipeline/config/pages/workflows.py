"""Pages on workflows, and what waits for what in them."""

from __future__ import annotations

from pipeline.config.pages.page import CodePage

__all__ = ["PAGES"]

PAGES = (
    CodePage(
        "no-jobs",
        """\
There is nothing to run. Without `workflows:` CircleCI runs the job that is called `build`, and there is \
none of that name.

Mostly `workflows` is misspelled or indented too far: unknown keys at the top level are passed over.""",
        """\
version: 2.1
jobs:
  test:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
workflow:
  main:
    jobs: [test]
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
        "workflow-shape",
        """\
A workflow has `jobs:` with a list that is not empty; each of its items is a job's name, or a mapping with \
the name as its one key and the options below it. It may have `when` or `unless`, not both.

An item with several keys mostly means that `requires` or `filters` is not indented far enough.""",
        """\
version: 2.1
jobs:
  test:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
workflows:
  main:
    jobs:
      - test:
        context: hoge-app
""",
        """\
version: 2.1
jobs:
  test:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
workflows:
  main:
    jobs:
      - test:
          context: hoge-app
""",
    ),
    CodePage(
        "requires-unknown",
        """\
A job requires a name that no other job of the workflow has, or that several have. `requires` finds a job \
by its `name` in the workflow, by the alias of its matrix, or by its own name where that is the only one.

When a job is invoked twice, give each invocation a `name` and require that. A job of another workflow \
cannot be required.""",
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
      - deploy: {requires: [tests]}
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
        "requires-cycle",
        """\
Jobs require each other in a circle, so that none of them can ever start. The message shows the circle; \
remove one of its requirements.""",
        """\
version: 2.1
jobs:
  test:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
workflows:
  main:
    jobs:
      - test: {requires: [build]}
      - build: {requires: [test]}
""",
        """\
version: 2.1
jobs:
  test:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
workflows:
  main:
    jobs:
      - test
      - build: {requires: [test]}
""",
    ),
    CodePage(
        "inline-job-type",
        """\
A workflow may make up a job that waits for approval, and no other: a job of another type has to be \
declared below `jobs:`, where CircleCI takes its settings from.""",
        """\
version: 2.1
jobs:
  test:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
workflows:
  main:
    jobs:
      - test
      - all-done: {type: no-op, requires: [test]}
""",
        """\
version: 2.1
jobs:
  test:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
  all-done:
    type: no-op
workflows:
  main:
    jobs:
      - test
      - all-done: {requires: [test]}
""",
    ),
    CodePage(
        "matrix",
        """\
A matrix has `parameters`, each with a list of values, and perhaps `exclude` and `alias`. Each value is \
handed to the job's parameter of that name. An entry of `exclude` names a value for every parameter of the \
matrix; one that names fewer excludes nothing. A parameter cannot be both in the matrix and an argument, \
and something has to be left.""",
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
      - test:
          matrix:
            ruby: ["3.1", "3.2"]
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
      - test:
          matrix:
            parameters:
              ruby: ["3.1", "3.2"]
""",
    ),
    CodePage(
        "job-group",
        """\
A job group is a list of jobs that workflows invoke under one name. It has `jobs` and nothing else, no \
parameters and no group inside of it. The invocation takes `name`, `requires`, `filters` and \
`serial-group`; when a group is invoked twice, each needs a `name`.

Its jobs can require each other only, and from outside the group as a whole is required.""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
job-groups:
  ship:
    jobs: [build]
workflows:
  main:
    jobs:
      - ship: {context: registry}
""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
job-groups:
  ship:
    jobs:
      - build: {context: registry}
workflows:
  main:
    jobs: [ship]
""",
    ),
    CodePage(
        "contexts-too-many",
        """\
CircleCI allows a hundred different contexts in one configuration, all workflows counted together. Names \
that are made by a matrix count each.

Join contexts that are always used together.""",
        """\
version: 2.1
jobs:
  test:
    parameters:
      one: {type: integer}
      two: {type: integer}
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [{run: bin/test << parameters.one >> << parameters.two >>}]
workflows:
  main:
    jobs:
      - test:
          context: team-<< matrix.one >>-<< matrix.two >>
          matrix:
            parameters:
              one: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
              two: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
""",
        """\
version: 2.1
jobs:
  test:
    parameters:
      one: {type: integer}
      two: {type: integer}
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [{run: bin/test << parameters.one >> << parameters.two >>}]
workflows:
  main:
    jobs:
      - test:
          context: team-<< matrix.one >>
          matrix:
            parameters:
              one: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
              two: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
""",
    ),
    CodePage(
        "cron",
        """\
A schedule has five fields: minute, hour, day of the month, month, day of the week; in UTC. CircleCI takes \
numbers, lists (`0,30`) and ranges (`1-5`), and leaves out what other crons know: steps (`*/5`) and ranges \
inside of a list (`1-3,5`). Days and months may be names (`mon`, `jan`).""",
        """\
version: 2.1
jobs:
  test:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
workflows:
  nightly:
    triggers:
      - schedule:
          cron: "*/30 2 * * *"
          filters: {branches: {only: main}}
    jobs: [test]
""",
        """\
version: 2.1
jobs:
  test:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
workflows:
  nightly:
    triggers:
      - schedule:
          cron: "0,30 2 * * *"
          filters: {branches: {only: main}}
    jobs: [test]
""",
    ),
    CodePage(
        "filter-never",
        """\
The filters of a job let no branch and no tag through, so that it never runs. Tags need a filter of their \
own: a job without one does not run for tags at all, and `branches: {ignore: /.*/}` then leaves nothing.

A pattern has to match the whole name, and stands between slashes; without them it is a name.""",
        """\
version: 2.1
jobs:
  release:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [{run: bin/release}]
workflows:
  main:
    jobs:
      - release:
          filters: {branches: {ignore: /.*/}}
""",
        """\
version: 2.1
jobs:
  release:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [{run: bin/release}]
workflows:
  main:
    jobs:
      - release:
          filters: {branches: {ignore: /.*/}, tags: {only: /v.*/}}
""",
    ),
    CodePage(
        "requires-filtered",
        """\
A job has filters that let a branch or tag through, and all the jobs that it requires are filtered out \
there. CircleCI then leaves the job out as well, so that it never runs for that branch or tag.

It shows most with tags: every job on the way to one that runs for tags needs a filter for tags, too.""",
        """\
version: 2.1
jobs:
  test:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
  release:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [{run: bin/release}]
workflows:
  main:
    jobs:
      - test
      - release:
          requires: [test]
          filters: {branches: {ignore: /.*/}, tags: {only: /v.*/}}
""",
        """\
version: 2.1
jobs:
  test:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
  release:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [{run: bin/release}]
workflows:
  main:
    jobs:
      - test:
          filters: {tags: {only: /v.*/}}
      - release:
          requires: [test]
          filters: {branches: {ignore: /.*/}, tags: {only: /v.*/}}
""",
    ),
    CodePage(
        "serial-group-twice",
        """\
Two jobs of the same workflow are in one serial group. Such a group lets one job at a time run, among all \
pipelines of the organization; CircleCI says nothing of what happens when a workflow waits for itself.

Put both into a job group, and the serial group on its invocation, or give them different groups.""",
        """\
version: 2.1
jobs:
  migrate:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [{run: bin/migrate}]
  deploy:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [{run: bin/deploy}]
workflows:
  main:
    jobs:
      - migrate: {serial-group: hoge-app/production}
      - deploy: {serial-group: hoge-app/production, requires: [migrate]}
""",
        """\
version: 2.1
jobs:
  migrate:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [{run: bin/migrate}]
  deploy:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [{run: bin/deploy}]
job-groups:
  ship:
    jobs:
      - migrate
      - deploy: {requires: [migrate]}
workflows:
  main:
    jobs:
      - ship: {serial-group: hoge-app/production}
""",
    ),
)
