"""``persist_to_workspace`` and ``attach_workspace``: layers, their order, and what is no layer."""

from __future__ import annotations

import textwrap

import pytest

from tests.integration.runner.harness import Checkout

EXECUTORS = pytest.mark.parametrize("executor", ["docker", "host"])

LAYERS = """
version: 2.1
jobs:
  first:
    docker: [{image: IMAGE}]
    steps:
      - run: |
          mkdir -p out/deep .hidden "a b"; echo first > out/both; echo f > out/deep/file; echo d > out/.dot
          echo h > .hidden/h; echo s > "a b/s"; chmod 700 out/both; ln -s both out/link
          mkdir -p /tmp/root-$CIRCLE_WORKFLOW_JOB_ID ~/elsewhere; echo e > ~/elsewhere/e
      - persist_to_workspace: {name: globs, root: ., paths: [out/d*, out/both, 'a b', .hidden, out/link]}
      - persist_to_workspace: {name: home, root: ~/elsewhere, paths: [e]}
      - persist_to_workspace: {name: whole, root: out, paths: [.]}
  second:
    docker: [{image: PLAIN}]
    steps:
      - run: mkdir -p out; echo second > out/both
      - persist_to_workspace: {root: ., paths: [out]}
  beside:
    docker: [{image: PLAIN}]
    parallelism: 2
    steps:
      - run: mkdir -p out; echo $CIRCLE_NODE_INDEX > out/node-$CIRCLE_NODE_INDEX
      - persist_to_workspace: {root: out, paths: ["node-?"]}
  last:
    docker: [{image: IMAGE}]
    steps:
      - attach_workspace: {name: attach, at: "at here"}
      - run:
          name: look
          working_directory: at here
          command: |
            cat out/both out/deep/file .hidden/h "a b/s" e deep/file .dot node-0 node-1
            stat -c %a out/both both; readlink out/link; [ -O out/both ] && [ -O e ] && echo mine
workflows:
  main:
    jobs: [first, second: {requires: [first]}, beside, last: {requires: [second, beside]}]
"""


@EXECUTORS
def test_layers_lie_upon_each_other_in_the_order_of_the_graph(
    checkout: Checkout, executor: str
) -> None:
    flow = "[first, second: {requires: [first]}, beside, last: {requires: [second, beside]}]"
    lines = "\n      - first\n      - second: {requires: [first]}\n      - beside\n"
    lines += "      - last: {requires: [second, beside]}"
    checkout.write(LAYERS.replace(f" {flow}", lines))
    done = checkout.run("--executor", executor)
    assert done.returncode == 0, done.stderr
    lines = checkout.steps("last")["look"]["lines"]
    assert lines[3:] == [
        "second", "f", "h", "s", "e", "f", "d", "0", "1", "644", "700", "both", "mine",
    ]  # fmt: skip
    attach = checkout.steps("last")["attach"]["lines"]
    assert attach[0] == "Downloading workspace layers"
    assert attach[-1] == "Applying workspace layers"


def test_layers_made_side_by_side_must_not_meet(checkout: Checkout) -> None:
    checkout.write("""
version: 2.1
jobs:
  a: &job
    machine: true
    steps:
      - run: mkdir out; echo $CIRCLE_JOB > out/same
      - persist_to_workspace: {root: out, paths: [same]}
  b: *job
  nodes:
    machine: true
    parallelism: 2
    steps:
      - run: mkdir out; echo $CIRCLE_JOB > out/of-node
      - persist_to_workspace: {root: out, paths: [of-node]}
  join: {machine: true, steps: [attach_workspace: {name: attach, at: .}]}
  join-nodes: {machine: true, steps: [attach_workspace: {name: attach, at: .}]}
  own:
    machine: true
    steps:
      - run: echo own > own
      - persist_to_workspace: {root: ., paths: [own]}
      - run: echo changed > own
      - attach_workspace: {name: attach, at: .}
      - run: {name: look, command: cat own}
workflows:
  main:
    jobs:
      - a
      - b
      - nodes
      - own
      - join: {requires: [a, b]}
      - join-nodes: {requires: [nodes]}
""")
    done = checkout.run()
    assert done.returncode == 1
    message = "Concurrent upstream jobs persisted the same file(s) into the workspace:"
    for job, file in (("join", "same"), ("join-nodes", "of-node")):
        attach = checkout.steps(job)["attach"]
        assert attach["status"] == "failed"
        assert attach["lines"][:2] == [message, f"  - {file}"]
    assert checkout.steps("own")["attach"]["status"] == "success"
    assert "No workspace layers" in checkout.steps("own")["attach"]["text"]
    assert checkout.steps("own")["look"]["lines"][-1] == "changed"


@EXECUTORS
def test_what_is_not_there_cannot_be_persisted(checkout: Checkout, executor: str) -> None:
    done = checkout.build(
        """
        - persist_to_workspace: {name: no root, root: nowhere, paths: [a]}
        - run: {when: always, command: mkdir -p there}
        - persist_to_workspace: {name: no match, when: always, root: there, paths: [a, "b*"]}
        """,
        "--executor",
        executor,
    )
    assert done.returncode == 1
    steps = checkout.steps()
    assert steps["no root"]["text"].startswith("Error locating workspace root directory: stat /")
    assert steps["no root"]["text"].endswith("nowhere: no such file or directory\n")
    assert steps["no match"]["text"].startswith("The specified paths did not match any files in /")


@EXECUTORS
def test_hostile_names_and_links_stay_where_they_belong(checkout: Checkout, executor: str) -> None:
    make = r"""
            - run:
                name: make
                command: |
                  mkdir -p "out/-rf" "out/..." out/real && cd out
                  touch -- "-rf/--help" "*" '\back' "$(printf 'new\nline')" '$(touch x)'
                  touch "$(printf 'byte\377')"
                  ln -s /etc up; ln -s ../../../.. far; ln -s real inward; echo r > real/file
                  touch "$(printf 'n%.0s' $(seq 250))"
    """
    check = r"""
            - run:
                name: check
                command: |
                  cd out; ls -1 -- -rf; readlink up far inward; cat inward/file
                  test -e "$(printf 'byte\377')" && test -e "$(printf 'new\nline')"
                  test -e '*' && echo all
    """
    checkout.write(f"""
version: 2.1
jobs:
  make:
    docker: [{{image: IMAGE}}]
    steps:
{indented(make)}
      - persist_to_workspace: {{root: ., paths: ["out/*", "out/..."]}}
      - save_cache: {{key: k, paths: [out]}}
      - store_artifacts: {{name: artifacts, path: out}}
  attach:
    docker: [{{image: IMAGE}}]
    steps:
      - attach_workspace: {{at: .}}
{indented(check)}
  restore:
    docker: [{{image: IMAGE}}]
    steps:
      - restore_cache: {{key: k}}
{indented(check)}
workflows:
  main:
    jobs:
      - make
      - attach: {{requires: [make]}}
      - restore: {{requires: [make]}}
""")
    done = checkout.run("--executor", executor)
    assert done.returncode == 0, done.stderr
    for job in ("attach", "restore"):
        assert checkout.steps(job)["check"]["lines"][-6:] == [
            "--help", "/etc", "../../../..", "real", "r", "all",
        ]  # fmt: skip
    stored = checkout.newest() / "jobs/make/artifacts/out"
    assert (stored / "-rf/--help").exists()
    assert not (stored / "up").exists()


def indented(text: str) -> str:
    return textwrap.indent(textwrap.dedent(text), "      ")


def test_a_workspace_at_the_root_leaves_all_else_as_it_is(checkout: Checkout) -> None:
    checkout.write("""
version: 2.1
jobs:
  make:
    docker: [{image: IMAGE}]
    steps:
      - run: mkdir -p opt/made && seq 100 > opt/made/numbers
      - persist_to_workspace: {root: ., paths: [opt]}
  attach:
    docker: [{image: IMAGE}]
    steps:
      - attach_workspace: {at: /}
      - run: {name: look, command: 'tail -n 1 /opt/made/numbers; stat -c %U /opt/made/numbers /etc/passwd'}
workflows:
  main:
    jobs: [make, {attach: {requires: [make]}}]
""")
    done = checkout.run()
    assert done.returncode == 0, done.stderr
    assert checkout.steps("attach")["look"]["lines"][-3:] == ["100", "circleci", "root"]


def test_folders_on_the_way_to_what_is_attached_are_the_user_s(checkout: Checkout) -> None:
    checkout.write("""
version: 2.1
jobs:
  first:
    docker: [image: PLAIN]
    steps:
      - run: mkdir -p out/a/b && touch out/a/b/f
      - persist_to_workspace: {root: out, paths: [a/b/f]}
  second:
    docker: [image: IMAGE]
    steps:
      - attach_workspace: {at: ~/project}
      - attach_workspace: {at: /tmp/layers}
      - run: touch a/other a/b/other /tmp/layers/a/other && echo more > a/b/f
workflows:
  main:
    jobs:
      - first
      - second: {requires: [first]}
""")
    done = checkout.run()
    assert done.returncode == 0, done.stderr
