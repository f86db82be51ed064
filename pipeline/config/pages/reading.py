"""Pages on the text and its YAML, before anything in it has a meaning."""

from __future__ import annotations

from pipeline.config.pages.page import CodePage

__all__ = ["PAGES"]

PAGES = (
    CodePage(
        "yaml-syntax",
        """\
The file cannot be read as YAML, so nothing else in it was looked at. The place is where the parser \
gave up; the cause often stands a line or two above.

The usual causes are a colon and a space inside a text without quotes, indentation by tabs, a quote or \
bracket that is not closed, and a line that is indented less than its neighbours. A command that has \
colons, `#`, `{` or `*` in it is safe after `|`.""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps:
      - run: echo Result: done
""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps:
      - run: |
          echo Result: done
""",
    ),
    CodePage(
        "yaml-duplicate-key",
        """\
A mapping has the same key twice, and only one of the two values could count. CircleCI's own service is \
not consistent here: it takes some such configurations, and then the first value is lost without a word. \
Here it is always an error, with both places.

It happens most where a block was copied: two jobs of the same name, or `environment` twice in a job.""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    environment:
      RAILS_ENV: test
    steps: [checkout]
    environment:
      BUNDLE_JOBS: 4
""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    environment:
      RAILS_ENV: test
      BUNDLE_JOBS: 4
    steps: [checkout]
""",
    ),
    CodePage(
        "yaml-merge",
        """\
The merge key `<<:` takes over the keys of a mapping, or of several in a list. It was given something \
else: a text, a number, a list of texts.

Mostly the alias (`*name`) names an anchor that stands on a list, or on a single value instead of on the \
mapping around it. A list cannot be merged; give its elements a command of their own instead.""",
        """\
version: 2.1
variables: &variables RAILS_ENV=test
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    environment:
      <<: *variables
      BUNDLE_JOBS: 4
    steps: [checkout]
""",
        """\
version: 2.1
variables: &variables {RAILS_ENV: test}
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    environment:
      <<: *variables
      BUNDLE_JOBS: 4
    steps: [checkout]
""",
    ),
    CodePage(
        "yaml-tag",
        """\
A word with an exclamation mark before a value is a YAML tag, and names its type. CircleCI knows YAML's \
own tags (`!!str`, `!!int` and so on); others, such as those of CloudFormation, mean nothing to it. A tag \
that does not fit its value (`!!int five`) is refused as well.

A text that is to begin with `!` has to stand in quotes.""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps:
      - run:
          name: !important run the tests
          command: bin/rails test
""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps:
      - run:
          name: "!important run the tests"
          command: bin/rails test
""",
    ),
    CodePage(
        "yaml-key",
        """\
The key of a mapping is a list or a mapping itself. YAML allows that, and nothing in a configuration can \
have such a key.

The cause is nearly always a value that begins with `{` and stands without quotes: YAML takes \
`{{ arch }}` for a mapping inside of a mapping.""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps:
      - restore_cache:
          key: {{ arch }}
""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps:
      - restore_cache:
          key: "{{ arch }}"
""",
    ),
    CodePage(
        "too-large",
        """\
The configuration is beyond a limit: of its length, of the depth of lists and mappings, of the number of \
values with every alias counted in full, or of the jobs and steps that it expands to. The limits are far \
above what people write; they are there so that a small file cannot keep a machine busy for hours.

Aliases of aliases grow fastest: seven lines of ten aliases each are ten million values. Put what is \
repeated into commands, and split one huge matrix into several jobs.""",
        """\
version: 2.1
a: &a [x, x, x, x, x, x, x, x, x, x]
b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]
c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]
d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]
e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]
f: &f [*e, *e, *e, *e, *e, *e, *e, *e, *e, *e]
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
    ),
    CodePage(
        "not-a-mapping",
        """\
A configuration is one mapping: keys at the left margin, `version` among them. The file is empty, or \
holds a list or a single text.

A list comes about when the whole file is indented below a dash; a text when the colons are missing.""",
        """\
- version: 2.1
- jobs:
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
    ),
    CodePage(
        "version",
        """\
Every configuration says its version: 2, 2.0 or 2.1. With 2.1 come orbs, commands, executors, \
parameters, `when` and `unless`, `matrix`, `pre-steps` and `post-steps`; in an older version CircleCI \
refuses those keys or passes over them.

Write `version: 2.1`. What changes for an older file is that `<<` becomes the beginning of a tag: a here \
document then has to be written `\\<<EOF`.""",
        """\
version: 2
commands:
  test:
    steps: [{run: bin/rails test}]
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout]
""",
        """\
version: 2.1
commands:
  test:
    steps: [{run: bin/rails test}]
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    steps: [checkout, test]
""",
    ),
    CodePage(
        "sexagesimal",
        """\
A value such as `12:30` or `22:22` without quotes is not a text: YAML 1.1, which CircleCI reads, takes it \
for a number in base 60, so that `12:30` is 750. In an environment the job then sees that number, and \
where a text is expected the value is refused.

Put times, port mappings and version-like values with colons in quotes.""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    environment:
      REPORT_AT: 12:30
    steps: [checkout]
""",
        """\
version: 2.1
jobs:
  build:
    docker: [{image: cimg/ruby:3.2.2}]
    environment:
      REPORT_AT: "12:30"
    steps: [checkout]
""",
    ),
)
