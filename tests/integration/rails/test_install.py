from __future__ import annotations

import threading

import pytest

from orbs.rails.folder_home import STAMP
from pipeline.errors import WorkFailed
from tests.integration.rails.support import read_volume

COPYING = 'copying: {lockfile: lock, path: made, command: "ls made; touch made/$(cat lock)"}'
FAILING = 'failing: {lockfile: lock, path: made, command: "touch made/half; cat lock; exit 3"}'


@pytest.fixture(params=["volumes", "folders"])
def home(request, app):
    """Both homes, for what has to be the same in them."""
    app.environ["CI"] = "true" if request.param == "folders" else ""
    return request.param


def test_the_builder_image_is_built_once_and_again_when_a_file_of_it_changes(app, engine):
    app.declare(COPYING, more="builder: {files: [lock, packages]}\n")
    app.install(engine)
    app.install(engine, no_cache=False)
    assert engine.builds == 1
    app.write("packages", "libpq-dev\n")
    app.install(engine)
    assert engine.builds == 2


def test_a_second_install_runs_no_container_and_builds_nothing(app, engine, home):
    app.declare(COPYING)
    first = app.install(engine)["copying"]
    before = engine.containers, engine.builds
    second = app.install(engine)["copying"]
    assert (engine.containers, engine.builds) == before
    assert (first.reused, second.reused) == (False, True)
    assert (second.volume, second.folder, second.key) == (first.volume, first.folder, first.key)


def test_nothing_to_install_does_not_need_the_builder_image(app, engine, home):
    app.declare(COPYING)
    app.install(engine)
    for image in engine.list_images(f"orbyard.dev/project={app.name}"):
        engine.remove_image(image.id, force=True)
    assert app.install(engine)["copying"].reused
    assert engine.builds == 1


def test_switching_a_branch_and_back_is_free_and_never_mixes(app, engine):
    app.declare(COPYING)
    one = app.install(engine)["copying"]
    app.write("lock", "two\n")
    two = app.install(engine)["copying"]
    app.write("lock", "one\n")
    before = engine.containers
    back = app.install(engine)["copying"]
    assert back.reused
    assert back.volume == one.volume != two.volume
    assert engine.containers == before
    with pytest.raises(WorkFailed):
        read_volume(engine, str(one.volume), "two")


def test_a_changed_lockfile_starts_from_what_was_there(app, engine, home):
    app.declare(COPYING)
    app.install(engine)
    app.write("lock", "two\n")
    made = app.install(engine)["copying"]
    assert "copying | one" in app.err.getvalue()
    assert not made.reused


def test_without_the_cache_everything_is_installed_from_nothing(app, engine, home):
    app.declare(COPYING)
    first = app.install(engine)["copying"]
    again = app.install(engine, no_cache=True)["copying"]
    assert not again.reused
    assert "copying | one" not in app.err.getvalue()
    assert app.install(engine)["copying"].volume == again.volume
    if first.volume:
        assert len(app.volumes(engine)) == 2


def test_another_base_image_starts_from_nothing(app, engine):
    app.declare(COPYING)
    app.install(engine)
    dockerfile = app.root / "deploy/Dockerfile.builder"
    dockerfile.write_text(dockerfile.read_text() + "ENV NEW=1\n")
    app.write("lock", "two\n")
    app.install(engine)
    assert "copying | one" not in app.err.getvalue()


def test_a_failing_install_says_why_and_leaves_nothing_that_is_taken_for_whole(app, engine, home):
    app.declare(FAILING)
    app.write("lock", "the reason\n")
    with pytest.raises(WorkFailed) as caught:
        app.install(engine)
    assert caught.value.exit_code == 1
    assert "failed with exit code 3" in caught.value.message
    assert "failing | the reason" in caught.value.details
    assert app.volumes(engine) == []
    assert app.containers(engine) == []
    assert not (app.root / "made" / STAMP).exists()
    with pytest.raises(WorkFailed):
        app.install(engine)


def test_when_one_install_fails_the_others_are_stopped_and_its_error_is_the_one_shown(app, engine):
    app.declare(
        FAILING, 'waiting: {lockfile: lock, path: other, command: "sleep 100; touch other/x"}'
    )
    with pytest.raises(WorkFailed, match="exit code 3"):
        app.install(engine)
    assert "waiting: stopped" in app.err.getvalue()
    assert app.volumes(engine) == []


def test_installs_run_side_by_side(app, engine):
    """Each waits for the test's word, which comes when both have begun."""
    command = "echo begun; until [ -e {0}/go ]; do sleep 0.1; done; echo ended"
    app.declare(
        *(f'{n}: {{lockfile: lock, path: {n}, command: "{command.format(n)}"}}' for n in "ab")
    )
    run: dict[str, object] = {}
    thread = threading.Thread(target=lambda: run.update(app.install(CI="true")))
    thread.start()
    app.err.wait_for("==> Install")
    app.err.wait_for("| begun", times=2)
    for name in "ab":
        app.write(f"{name}/go", "")
    thread.join(60)
    assert sorted(run) == ["a", "b"]


def test_two_runs_at_once_make_one_volume_and_both_use_it(app, engine):
    app.declare('slow: {lockfile: lock, path: made, command: "sleep 2; touch made/x"}')
    homes = []
    threads = [
        threading.Thread(target=lambda: homes.append(app.install()["slow"])) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len({home.volume for home in homes}) == 1
    assert sorted(home.reused for home in homes) == [False, True]
    assert len(app.volumes(engine)) == 2  # The volume, and the one that vouches for it.


def test_old_volumes_go_and_the_last_used_stay(app, engine):
    app.declare(COPYING, more="")
    settings = app.root / "orbyard.yml"
    settings.write_text(settings.read_text().replace("timeout: 2m", "timeout: 2m\n  keep: 2"))
    made = []
    for lock in ("one", "two", "three"):
        app.write("lock", f"{lock}\n")
        made.append(app.install(engine)["copying"].volume)
    assert made[0] not in app.volumes(engine)
    assert set(made[1:]) <= set(app.volumes(engine))


def test_files_beside_the_lockfile_are_there_though_the_builder_image_lacks_them(app, engine):
    app.declare(
        'pip: {lockfile: lock, path: made, manifest: [conf/*.txt], command: "cat conf/a.txt"}'
    )
    app.write("conf/a.txt", "from the manifest\n")
    app.install(engine)
    assert "pip | from the manifest" in app.err.getvalue()


def test_the_images_own_users_settings_are_found_and_the_volume_is_that_users(app, engine):
    dockerfile = app.root / "deploy/Dockerfile.builder"
    dockerfile.write_text(
        dockerfile.read_text()
        + "RUN useradd --create-home dev && echo mirror >/home/dev/.conf\nUSER dev\n"
    )
    app.declare(
        'own: {lockfile: lock, path: made, command: "cat ~/.conf; touch made/x; id -u"}',
        'look: {lockfile: lock, path: seen, command: "true"}',
    )
    app.install(engine)
    assert "own | mirror" in app.err.getvalue()
    app.declare('own: {lockfile: lock, path: made, command: "stat -c %U made/x"}')
    app.install(engine)
    assert "own | dev" in app.err.getvalue()


def test_an_authority_of_ones_own_is_trusted_beside_the_usual_ones(app, engine):
    pem = "-----BEGIN CERTIFICATE-----\nOURS\n-----END CERTIFICATE-----\n"
    app.write("ca.pem", pem)
    command = "grep -c OURS $SSL_CERT_FILE $NODE_EXTRA_CA_CERTS; grep -c BEGIN $SSL_CERT_FILE"
    app.declare(f'tls: {{lockfile: lock, path: made, command: "{command}"}}')
    settings = app.root / "orbyard.yml"
    settings.write_text(
        settings.read_text().replace("timeout: 2m", "timeout: 2m\n  ca_bundle: ca.pem")
    )
    app.install(engine)
    counts = [line for line in app.err.getvalue().splitlines() if "tls |" in line]
    assert counts[0].endswith(":1")
    assert counts[1].endswith(":1")
    assert int(counts[2].split()[-1]) > 1


def test_an_install_that_takes_too_long_is_stopped(app, engine):
    app.declare('slow: {lockfile: lock, path: made, command: "echo begun; sleep 100"}')
    settings = app.root / "orbyard.yml"
    settings.write_text(settings.read_text().replace("timeout: 2m", "timeout: 2s"))
    with pytest.raises(WorkFailed, match="did not end within 2 s"):
        app.install(engine)
    assert app.volumes(engine) == []
    assert app.containers(engine) == []
