"""Pages on tags, expressions and conditions."""

from __future__ import annotations

from pipeline.config.pages.page import CodePage

__all__ = ["PAGES"]

PAGES = (
    CodePage(
        "unknown-variable",
        """\
A tag `<< … >>` refers to something that is not in scope where it stands. `parameters.x` are the \
parameters of the command, job or executor around it and of no other, `pipeline.parameters.x` those at the \
top of the configuration, `matrix.x` those of the matrix beside it, and `pipeline.…` the values that \
CircleCI gives.

Nothing is handed down by itself: a command sees its own parameters, not those of the job that calls it. \
An orb does not see pipeline parameters. A `<<` that is to stay as it is, as in a here document, is \
written `\\<<`.""",
        """\
version: 2.1
commands:
  install:
    steps: [{run: bundle install --jobs << parameters.jobs >>}]
jobs:
  build:
    parameters:
      jobs: {type: integer, default: 4}
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [install]
""",
        """\
version: 2.1
commands:
  install:
    parameters:
      jobs: {type: integer}
    steps: [{run: bundle install --jobs << parameters.jobs >>}]
jobs:
  build:
    parameters:
      jobs: {type: integer, default: 4}
    docker: [{image: cimg/ruby:3.2.2}]
    steps:
      - install: {jobs: << parameters.jobs >>}
""",
    ),
    CodePage(
        "unclosed-tag",
        """\
In version 2.1 `<<` begins a tag, and its `>>` is missing; or a section `<<# x >>…<</ x >>` is not closed, \
or is closed in the wrong order.

A shell's here document and here string begin in the same way, and have to be written with a backslash: \
`cat \\<<EOF`, `read -r x \\<<< "$y"`. CircleCI removes the backslash.""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps:
      - run: |
          cat > config/database.yml <<EOF
          test: {adapter: sqlite3}
          EOF
""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps:
      - run: |
          cat > config/database.yml \\<<EOF
          test: {adapter: sqlite3}
          EOF
""",
    ),
    CodePage(
        "expression-syntax",
        """\
What stands between `<<` and `>>`, or in the `filters` of a job or the `when` of a workflow, is not an \
expression. Known are pipeline values and parameters, numbers, texts in double quotes, `true` and `false`, \
parentheses, and the operators `or`, `and`, `not`, `==`, `!=`, `<`, `<=`, `>`, `>=`, `starts-with` and \
`matches` with a pattern between slashes.

There is no `&&` or `||`, and single quotes do not make a text.""",
        """\
version: 2.1
jobs:
  deploy:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [{run: bin/deploy}]
workflows:
  main:
    when: pipeline.git.branch == 'main'
    jobs: [deploy]
""",
        """\
version: 2.1
jobs:
  deploy:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [{run: bin/deploy}]
workflows:
  main:
    when: pipeline.git.branch == "main"
    jobs: [deploy]
""",
    ),
    CodePage(
        "expression-type",
        """\
An operator was given a value that it cannot take: `<`, `<=`, `>` and `>=` compare numbers, `starts-with` \
and `matches` look at texts. `==` and `!=` take anything; values of different types are never equal.

`pipeline.number` is a number, nearly all other pipeline values are texts.""",
        """\
version: 2.1
jobs:
  deploy:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [{run: bin/deploy}]
workflows:
  main:
    when: pipeline.number > "100"
    jobs: [deploy]
""",
        """\
version: 2.1
jobs:
  deploy:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [{run: bin/deploy}]
workflows:
  main:
    when: pipeline.number > 0
    jobs: [deploy]
""",
    ),
    CodePage(
        "embedded-value",
        """\
A tag that is the whole value may stand for a list or a mapping, such as steps or an executor with \
arguments. Inside of a text it cannot: there is no one way to write a list as a text.

Let the tag be the whole value, or hand over a text instead.""",
        """\
version: 2.1
commands:
  wrap:
    parameters:
      before: {type: steps}
    steps:
      - run: "<< parameters.before >> && bin/rails test"
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps:
      - wrap: {before: [{run: bin/setup}]}
""",
        """\
version: 2.1
commands:
  wrap:
    parameters:
      before: {type: steps}
    steps:
      - steps: << parameters.before >>
      - run: bin/rails test
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps:
      - wrap: {before: [{run: bin/setup}]}
""",
    ),
    CodePage(
        "bad-condition",
        """\
A condition is a value or a logic statement: a mapping with exactly one of `and`, `or`, `not`, `equal` and \
`matches`. `and`, `or` and `equal` take a list that is not empty, `not` a single condition, `matches` a \
mapping with `pattern` and `value`.

A list by itself says nothing of whether all or one of its members have to hold.""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps:
      - when:
          condition:
            equal: [main, << pipeline.git.branch >>]
            not: << pipeline.git.tag >>
          steps: [{run: bin/deploy}]
""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps:
      - when:
          condition:
            and:
              - equal: [main, << pipeline.git.branch >>]
              - not: << pipeline.git.tag >>
          steps: [{run: bin/deploy}]
""",
    ),
    CodePage(
        "bad-regex",
        """\
A pattern, written between slashes in filters or below `matches`, cannot be read as a regular expression, \
or could take very long to match. CircleCI takes Java's regular expressions, and a pattern has to match \
the whole name: `/main/` is not `/.*main.*/`.

Brackets and parentheses that are meant as such need a backslash. A repetition inside of a repetition, as \
in `(a+)+`, is what makes matching slow.""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
workflows:
  main:
    jobs:
      - build:
          filters: {branches: {only: /release-(.*/}}
""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
workflows:
  main:
    jobs:
      - build:
          filters: {branches: {only: /release-(.*)/}}
""",
    ),
    CodePage(
        "always-true",
        """\
A workflow's condition is a bare expression with a tag inside of it. The tag is replaced first, and what \
is left is a text; a text that is not empty counts as true. The workflow always runs.

Write the whole expression without `<< >>`, or put all of it into one tag.

A mapping whose key is none of `and`, `or`, `not`, `equal` and `matches` is always true as well: mostly \
the operator is misspelled.""",
        """\
version: 2.1
jobs:
  deploy:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [{run: bin/deploy}]
workflows:
  main:
    when: << pipeline.git.branch >> == "main"
    jobs: [deploy]
""",
        """\
version: 2.1
jobs:
  deploy:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [{run: bin/deploy}]
workflows:
  main:
    when: pipeline.git.branch == "main"
    jobs: [deploy]
""",
    ),
)
