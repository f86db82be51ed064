"""`ci.run` with a real Docker engine: whole configurations, as a user runs them."""

from __future__ import annotations

import subprocess
import time
from typing import Any

from tests.integration.runner.harness import Checkout


def test_a_job_sees_the_working_tree_and_its_variables(checkout: Checkout) -> None:
    checkout.write("""
version: 2.1
jobs:
  build:
    docker: [{image: IMAGE, environment: {OF_CONTAINER: yes}}]
    environment: {FLAG: true, NUMBER: 1234567}
    steps:
      - checkout
      - run: ls; git log --format=%s; cat "name with spaces.txt"
      - run: {command: 'echo "$FLAG $NUMBER $OF_CONTAINER $OWN $CIRCLE_JOB $CI"', environment: {OWN: step}}
      - run: echo 'export CARRIED=over' >> "$BASH_ENV"
      - run: echo "carried $CARRIED, ${ORBYARD_AGENT:+and here}"
      - run: false | cat
""")
    done = checkout.run()
    assert done.returncode == 1
    assert "untracked.txt" in done.stderr
    assert "secret.env" not in done.stderr
    assert "spaces" in done.stderr
    assert "first" in done.stderr
    assert "1 1.234567e+06 1 step build true" in done.stderr
    assert "carried over, and here" in done.stderr
    failed = checkout.jobs()["build"]["steps"][-1]
    assert (failed["name"], failed["status"], failed["exit_code"]) == ("false | cat", "failed", 1)
    assert ".circleci/config.yml:13" in failed["where"]


def test_services_answer_on_localhost_and_by_their_name(checkout: Checkout) -> None:
    checkout.write("""
version: 2.1
jobs:
  build:
    docker:
      - image: IMAGE
      - image: IMAGE
        name: web
        command:
          - ruby
          - -rsocket
          - -e
          - s = TCPServer.new(8099); loop { c = s.accept; c.puts "served"; c.close }
    steps:
      - run: |
          for i in $(seq 50); do (exec 3<>/dev/tcp/web/8099) 2>/dev/null && break; sleep 0.1; done
          cat < /dev/tcp/web/8099
          cat < /dev/tcp/localhost/8099
""")
    done = checkout.run()
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("served") >= 2


def test_caches_are_kept_by_key_and_the_newest_prefix_is_found(checkout: Checkout) -> None:
    checkout.write("""
version: 2.1
jobs:
  build:
    docker: [{image: IMAGE}]
    steps:
      - checkout
      - restore_cache: {keys: ['v1-{{ checksum "Gemfile.lock" }}', v1-]}
      - run: cat vendor/made 2>/dev/null || true; mkdir -p vendor; cat Gemfile.lock > vendor/made
      - save_cache: {key: 'v1-{{ checksum "Gemfile.lock" }}', paths: [vendor, ~/elsewhere]}
""")
    first = checkout.run()
    assert first.returncode == 0, first.stderr
    assert "No cache is found for key: v1-" in first.stderr
    assert "elsewhere does not exist" in first.stderr
    second = checkout.run()
    assert "Found a cache" in second.stderr
    assert "cache already exists for key" in second.stderr
    (checkout.folder / "Gemfile.lock").write_text("rails 7\n")
    third = checkout.run()
    assert "Found a cache" in third.stderr
    assert "Stored Cache to" in third.stderr
    on_host = checkout.run("--executor", "host")
    assert on_host.returncode == 0, on_host.stderr
    assert "rails 7" in on_host.stderr


def test_a_workflow_hands_on_its_workspace_and_waits_as_it_says(checkout: Checkout) -> None:
    checkout.write("""
version: 2.1
jobs:
  make:
    docker: [{image: IMAGE}]
    parallelism: 2
    steps:
      - run: mkdir -p out; echo "from $CIRCLE_NODE_INDEX of $CIRCLE_NODE_TOTAL" > out/$CIRCLE_NODE_INDEX
      - persist_to_workspace: {root: ., paths: ["out/*"]}
  join:
    docker: [{image: IMAGE}]
    steps:
      - attach_workspace: {at: /tmp/joined}
      - run: cat /tmp/joined/out/0 /tmp/joined/out/1
      - store_artifacts: {path: /tmp/joined/out, destination: joined}
  broken: {docker: [{image: IMAGE}], steps: [run: exit 3]}
  after-failure: {docker: [{image: IMAGE}], steps: [run: echo cleaned up]}
  never: {docker: [{image: IMAGE}], steps: [run: echo no]}
workflows:
  main:
    jobs:
      - make
      - join: {requires: [make]}
      - broken
      - after-failure: {requires: [broken: failed]}
      - never: {requires: [broken]}
""")
    done = checkout.run("--jobs", "3")
    assert done.returncode == 1
    assert "from 1 of 2" in done.stderr
    assert checkout.statuses() == {
        "make": "success",
        "join": "success",
        "broken": "failed",
        "after-failure": "success",
        "never": "not_run",
    }
    newest = max((checkout.folder / ".orbyard" / "runs").iterdir())
    assert (newest / "jobs/join/artifacts/joined/0").read_text() == "from 0 of 2\n"


def test_an_approval_waits_unless_it_is_given(checkout: Checkout) -> None:
    checkout.write("""
version: 2.1
jobs: {deploy: {docker: [{image: PLAIN}], steps: [run: echo deployed]}}
workflows:
  main:
    jobs: [hold: {type: approval}, deploy: {requires: [hold]}]
""")
    waiting = checkout.run()
    assert "--approve hold" in waiting.stderr
    misspelt = checkout.run("--approve", "hodl")
    assert "--approve hodl: no approval of that name is waited for" in misspelt.stderr
    assert "did you mean 'hold'?" in misspelt.stderr
    assert checkout.statuses() == {"hold": "on_hold", "deploy": "not_run"}
    assert waiting.returncode == 1
    assert checkout.run("--approve", "hold").returncode == 0


def test_secrets_are_masked_in_the_output_and_in_what_is_kept(checkout: Checkout) -> None:
    checkout.write("""
version: 2.1
jobs:
  build:
    docker: [{image: PLAIN}]
    steps:
      - run: echo "$API_TOKEN"; printf %s "${API_TOKEN%%-*}"; sleep 0.2; echo "-${API_TOKEN#*-}"
workflows: {main: {jobs: [build: {context: production}]}}
""")
    (checkout.folder / "production.env").write_text("API_TOKEN=hoge-sesame-opens\n")
    refused = checkout.run()
    assert "--context production=FILE" in refused.stderr
    done = checkout.run("--context", "production=production.env")
    assert done.returncode == 0, done.stderr
    assert "****" in done.stderr
    kept = [
        path.read_text() for path in (checkout.folder / ".orbyard").rglob("*") if path.is_file()
    ]
    assert "sesame" not in done.stderr + done.stdout + "".join(kept)


def test_steps_follow_when_background_timeouts_reruns_and_halt(checkout: Checkout) -> None:
    checkout.write("""
version: 2.1
jobs:
  silent:
    docker: [{image: PLAIN}]
    steps:
      - run: {command: sleep 30, no_output_timeout: 1s}
      - run: {command: echo rescued, when: on_fail}
      - run: echo skipped
      - run: {command: echo always, when: always}
  again:
    docker: [{image: PLAIN}]
    steps:
      - run: {command: 'echo try >> /tmp/n; test $(wc -l < /tmp/n) = 3', max_auto_reruns: 2}
  halts:
    docker: [{image: PLAIN}]
    steps:
      - run: {command: sleep 300, background: true}
      - run: circleci-agent step halt; echo halted here
      - run: echo not reached; exit 1
workflows: {main: {jobs: [silent, again, halts]}}
""")
    done = checkout.run()
    assert "Too long with no output (exceeded 1s): context deadline exceeded" in done.stderr
    jobs = checkout.jobs()
    assert [s["status"] for s in jobs["silent"]["steps"]] == [
        "failed",
        "success",
        "skipped",
        "success",
    ]
    assert jobs["again"]["status"] == "success"
    assert jobs["again"]["steps"][0]["note"] == "after 3 attempts"
    assert jobs["halts"]["status"] == "success"
    assert jobs["halts"]["steps"][-1]["status"] == "skipped"


def test_one_instance_of_a_parallel_job_runs_alone(checkout: Checkout) -> None:
    checkout.write("""
version: 2.1
jobs:
  test:
    docker: [{image: PLAIN}]
    parallelism: 2
    steps: [run: 'echo "this is $CIRCLE_NODE_INDEX of $CIRCLE_NODE_TOTAL"']
""")
    one = checkout.run("--job", "test", "--node-index", "1")
    assert one.returncode == 0, one.stderr
    assert [each["node_index"] for each in checkout.instances("test")] == [1]
    assert "this is 1 of 2" in one.stderr
    more = checkout.run("--job", "test", "--node-index", "2", "--node-total", "3")
    assert "this is 2 of 3" in more.stderr
    assert checkout.statuses() == {"test": "success"}
    assert checkout.run("--node-index", "1").returncode == 2


def test_what_only_circleci_has_is_told_at_the_end(checkout: Checkout) -> None:
    done = checkout.build(
        "- run: 'true'",
        image="PLAIN",
        keys="circleci_ip_ranges: true\nretention: {caches: 3d}\n",
    )
    assert done.returncode == 0, done.stderr
    assert "not as on CircleCI: build has this machine's address" in done.stderr
    told = checkout.record()["not_emulated"]
    assert [word for word in ("address", "3d") if not any(word in line for line in told)] == []


def test_nothing_is_checked_out_into_folders_of_this_machine(checkout: Checkout) -> None:
    mine = checkout.store / "mine"
    mine.mkdir(parents=True)
    (mine / "note.txt").write_text("mine\n")
    before = mine.stat()
    for target in ("/root/project", "/root"):
        done = checkout.build("- checkout", "-v", f"{mine}:{target}", image="PLAIN")
        assert done.returncode == 2, done.stderr
        assert f"--volume {mine}:{target} is where build has its working directory" in done.stderr
    (checkout.folder / "lib").mkdir()
    (checkout.folder / "lib" / "a.rb").write_text("a\n")
    done = checkout.build("- checkout", "-v", f"{mine}:/root/project/lib", image="PLAIN")
    assert done.returncode == 1
    assert "is where `checkout` puts lib/a.rb, which would land in" in done.stderr
    elsewhere = "docker: [{image: PLAIN, environment: {HOME: /srv/ci}}]"
    checkout.write(f"version: 2.1\njobs: {{build: {{{elsewhere}, steps: [checkout]}}}}\n")
    done = checkout.run("-v", f"{mine}:/srv/ci/project")
    assert done.returncode == 1
    assert "is where the job has its working directory, /srv/ci/project" in done.stderr
    assert [path.name for path in mine.iterdir()] == ["note.txt"]
    assert (mine.stat().st_uid, mine.stat().st_mode) == (before.st_uid, before.st_mode)
    done = checkout.build(
        "- checkout\n- run: cat deps/note.txt", "-v", f"{mine}:/root/project/deps", image="PLAIN"
    )
    assert done.returncode == 0, done.stderr


def test_a_volume_of_this_machine_is_seen_in_containers(checkout: Checkout) -> None:
    shared = checkout.store / "shared"
    shared.mkdir(parents=True)
    (shared / "note.txt").write_text("from this machine\n")
    done = checkout.build(
        """
        - run: cat /mnt/shared/note.txt
        - run: touch /mnt/shared/mine || echo "may not write"
        """,
        "-v",
        f"{shared}:/mnt/shared:ro",
        "-e",
        "A=b",
        image="PLAIN",
    )
    assert done.returncode == 0, done.stderr
    assert "from this machine" in done.stderr
    assert "may not write" in done.stderr
    assert [path.name for path in shared.iterdir()] == ["note.txt"]


def test_the_stand_in_splits_tests_between_the_instances(checkout: Checkout) -> None:
    for name in "abcd":
        path = checkout.folder / "spec" / f"{name}_spec.rb"
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    checkout.write("""
version: 2.1
jobs:
  test:
    docker: [{image: IMAGE}]
    parallelism: 2
    steps:
      - checkout
      - run: circleci tests glob "spec/**/*_spec.rb" | circleci tests split > mine; cat mine
      - run: circleci env subst 'job ${CIRCLE_JOB}'
      - store_artifacts: {path: mine}
workflows: {main: {jobs: [test]}}
""")
    done = checkout.run()
    assert done.returncode == 0, done.stderr
    assert "job test" in done.stderr
    newest = max((checkout.folder / ".orbyard" / "runs").iterdir())
    parts = [path.read_text().split() for path in newest.glob("jobs/test/*/artifacts/mine")]
    assert len(parts) == 2
    assert sorted(name for part in parts for name in part) == [
        f"spec/{letter}_spec.rb" for letter in "abcd"
    ]
    assert all(len(part) == 2 for part in parts)


def wait_until(holds: Any) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, "it did not happen within a minute"
        time.sleep(0.1)


def test_a_run_is_taken_up_where_it_failed_with_its_workspace(checkout: Checkout) -> None:
    checkout.write("""
version: 2.1
jobs:
  make:
    docker: [{image: PLAIN}]
    steps:
      - run: mkdir out; date +%s%N > out/made
      - persist_to_workspace: {root: ., paths: [out]}
  use:
    docker: [{image: PLAIN}]
    steps:
      - attach_workspace: {at: .}
      - run: cat out/made; test -n "$GOES_WELL"
  after: {docker: [{image: PLAIN}], steps: [run: echo after]}
workflows: {main: {jobs: [make, use: {requires: [make]}, after: {requires: [use]}]}}
""")
    assert checkout.run().returncode == 1
    first = checkout.record()
    assert checkout.statuses() == {"make": "success", "use": "failed", "after": "not_run"}
    again = checkout.run("--failed", "last", "--env", "GOES_WELL=1")
    assert again.returncode == 0, again.stderr
    assert checkout.statuses() == {"make": "success", "use": "success", "after": "success"}
    assert checkout.jobs()["make"]["kept_from"] == first["id"]
    third = checkout.run("--from", "use", "--env", "GOES_WELL=1")
    assert third.returncode == 0, third.stderr
    assert checkout.jobs()["make"]["kept_from"] == first["id"]
    nothing_left = checkout.run("--failed", "last")
    assert nothing_left.returncode == 2
    assert "went well" in nothing_left.stderr


def test_a_failed_run_goes_on_with_its_options_and_says_which_variables_it_lacks(
    checkout: Checkout,
) -> None:
    checkout.write("""
version: 2.1
jobs:
  build:
    machine: true
    steps:
      - checkout
      - run: test -e untracked.txt && echo the working tree || echo the commit
      - run: 'echo number << pipeline.number >>; echo token "$TOKEN"; test -n "$TOKEN"'
      - run: exit 1
workflows: {main: {jobs: [build]}}
""")
    checkout.git("add", ".circleci")
    checkout.git("commit", "-qm", "the configuration")
    given = [
        "--committed",
        "--value",
        "pipeline.number=77",
        "-e",
        "TOKEN=hunter2-hunter2",
        "-e",
        "N=1",
    ]
    assert checkout.run(*given).returncode == 1
    first = checkout.newest()
    assert "the commit" in "".join(step["text"] for step in checkout.steps().values())
    again = checkout.run("--failed", "last", "-e", "N=1")
    text = "".join(step["text"] for step in checkout.steps().values())
    assert "the commit" in text
    assert "number 77" in text
    assert f"the run {first.name} was given TOKEN by --env; the values are not kept" in again.stderr
    assert "give them again: --env TOKEN=VALUE" in again.stderr
    assert "hunter2" not in again.stderr
    for file in first.rglob("*"):
        assert not file.is_file() or b"hunter2" not in file.read_bytes()
    third = checkout.run(
        "--failed", first.name, "-e", "N=1", "-e", "TOKEN=x", "--value", "pipeline.number=3"
    )
    assert "number 3" in "".join(step["text"] for step in checkout.steps().values())
    assert "the values are not kept" not in third.stderr


def test_two_runs_with_a_serial_group_take_turns(checkout: Checkout) -> None:
    checkout.write("""
version: 2.1
jobs:
  deploy:
    docker: [{image: PLAIN}]
    steps: [run: sleep 3]
workflows: {main: {jobs: [deploy: {serial-group: app/deploy}]}}
""")
    first = subprocess.Popen(checkout.argv(), cwd=checkout.folder, env=checkout.environ())
    runs = checkout.folder / ".orbyard" / "runs"
    wait_until(lambda: list(runs.glob("*/jobs/deploy/*.log")))
    second = checkout.run()
    assert first.wait(timeout=60) == 0
    assert second.returncode == 0, second.stderr
    assert "waits for 'app/deploy'" in second.stderr


def test_without_an_engine_a_run_does_not_begin(checkout: Checkout) -> None:
    checkout.write("""
version: 2.1
jobs:
  here: {machine: true, steps: [run: echo here]}
  build: {docker: [{image: PLAIN}], steps: [run: echo built]}
workflows: {main: {jobs: [here, build: {requires: [here]}]}}
""")
    environ = {**checkout.environ(), "DOCKER_HOST": "unix:///nowhere/docker.sock"}
    argv = checkout.argv()
    done = subprocess.run(
        argv, cwd=checkout.folder, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert "no Docker engine answers" in done.stderr
    assert not list(checkout.folder.glob(".orbyard/runs/*"))
    alone = subprocess.run(
        [*argv, "--job", "here"], cwd=checkout.folder, env=environ, capture_output=True, check=False
    )
    assert alone.returncode == 0


def test_a_run_that_goes_on_is_for_the_same_tag_and_where_the_same_executor_says(
    checkout: Checkout,
) -> None:
    checkout.write("""
version: 2.1
jobs:
  build: {docker: [{image: not-there.example/no:1}], steps: [run: echo built]}
  release:
    docker: [{image: not-there.example/no:1}]
    steps: [run: 'echo "releasing $CIRCLE_TAG"; test -n "$GOES_WELL"']
workflows:
  main:
    jobs:
      - build: {filters: {tags: {only: /v.*/}}}
      - release: {requires: [build], filters: {branches: {ignore: /.*/}, tags: {only: /v.*/}}}
""")
    assert checkout.run("--tag", "v1.2", "--executor", "host").returncode == 1
    again = checkout.run("--failed", "last", "--env", "GOES_WELL=1")
    assert again.returncode == 0, again.stderr
    assert "releasing v1.2" in again.stderr


def test_a_rerun_attaches_nothing_that_a_failed_attempt_persisted(checkout: Checkout) -> None:
    checkout.write("""
version: 2.1
jobs:
  make:
    machine: true
    steps:
      - run: mkdir -p out; date +%s%N > "out/$(date +%s%N)"
      - persist_to_workspace: {root: ., paths: [out]}
      - run: test -e ../../../../tried || { touch ../../../../tried; exit 1; }
  look:
    machine: true
    steps:
      - attach_workspace: {at: .}
      - run: ls out; test "$(ls out | wc -l)" = 1
workflows: {main: {max_auto_reruns: 1, jobs: [make, look: {requires: [make]}]}}
""")
    done = checkout.run()
    assert done.returncode == 0, done.stderr
    assert "rerun 1 from where it failed" in done.stderr
