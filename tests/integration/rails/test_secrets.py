from __future__ import annotations

import base64
import json
import threading

VALUE = "k3y-with 'quotes' $and \"more\""


def declare(app, command: str) -> None:
    app.declare(f"private: {{lockfile: lock, path: made, command: {json.dumps(command)}}}")
    settings = app.root / "orbyard.yml"
    text = settings.read_text()
    settings.write_text(
        text.replace("timeout: 2m", "timeout: 2m\n  pass_environment: [GEM_TOKEN, NOT_SET]")
    )


def test_a_passed_secret_arrives_whole_and_is_masked_in_the_output(app, engine):
    declare(app, 'echo "value: $GEM_TOKEN"; printf %s "$GEM_TOKEN" | base64; test -z "$NOT_SET"')
    app.install(engine, GEM_TOKEN=VALUE)
    output = app.err.getvalue()
    assert "private | value: ****" in output
    assert VALUE not in output
    assert base64.b64encode(VALUE.encode()).decode() not in output
    declare(app, f'[ "$GEM_TOKEN" = {json.dumps(VALUE).replace("$", chr(92) + "$")} ]')
    app.install(engine, GEM_TOKEN=VALUE)


def test_a_passed_secret_is_no_part_of_the_key(app, engine):
    declare(app, "true")
    app.install(engine, GEM_TOKEN="one-token")
    assert app.install(engine, GEM_TOKEN="another-token")["private"].reused


def test_a_passed_secret_stands_in_no_container_image_volume_or_file(app, engine, docker_engine):
    declare(app, "until [ -e made/go ]; do sleep 0.1; done")
    thread = threading.Thread(target=lambda: app.install(GEM_TOKEN=VALUE, CI="true"))
    thread.start()
    app.err.wait_for("==> Install")
    while not (running := app.containers(engine)):
        thread.join(0.1)
        assert thread.is_alive()
    seen = json.dumps([docker_engine.api.inspect_container(container) for container in running])
    app.write("made/go", "")
    thread.join(60)
    for image in engine.list_images(f"orbyard.dev/project={app.name}"):
        seen += json.dumps(docker_engine.api.inspect_image(image.id))
        seen += json.dumps(docker_engine.api.history(image.id))
    files = [path.read_text() for path in app.root.parent.rglob("*") if path.is_file()]
    assert "k3y-with" not in seen
    assert not any("k3y-with" in text for text in files)


def test_a_failing_command_that_prints_its_secret_does_not_tell_it_in_the_error(app, engine):
    declare(app, 'echo "login $GEM_TOKEN refused"; exit 1')
    child = app.start("build.install", GEM_TOKEN=VALUE)
    output, _ = child.communicate(timeout=120)
    assert child.returncode == 1
    assert output.count("login **** refused") == 2
    assert "k3y-with" not in output
