"""`make demo`: the main job on the example app, for real where this machine can, else rehearsed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from examples.support.workbench import (  # the line above finds it
    EXAMPLE,
    Workbench,
    cluster_namespace,
    ensure_database_image,
)

REGISTRY = os.environ.get("ORBYARD_DEMO_REGISTRY", "127.0.0.1:5000")


def say(text: str = "") -> None:
    """Print a line of the demo's own."""
    print(text, flush=True)


def find_engine() -> str | None:
    """Return what is missing of the Docker engine, or None."""
    if not shutil.which("docker"):
        return "no docker program"
    done = subprocess.run(["docker", "version"], capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else "no Docker engine answers"


def find_registry() -> str | None:
    """Return what is missing of the registry, or None."""
    try:
        with urllib.request.urlopen(f"http://{REGISTRY}/v2/", timeout=3):
            return None
    except OSError:
        return f"no image registry at {REGISTRY}"


def find_cluster() -> tuple[dict[str, Any], str | None]:
    """Return the kubeconfig, and what is missing of the cluster, or None."""
    from kubernetes import client, config

    from pipeline.yamlfile import parse_documents

    path = Path(os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")
    if not path.is_file():
        return {}, "no kubeconfig (KUBECONFIG)"
    found = parse_documents(path.read_text(), str(path))
    loaded: dict[str, Any] = found[0].value if found else {}
    try:
        with config.new_client_from_config_dict(loaded) as api:
            version = client.VersionApi(api).get_code(_request_timeout=5).git_version
    except Exception as error:
        return {}, f"no cluster answers by {path}: {type(error).__name__}"
    say(f"  ✓ Kubernetes {version}")
    return loaded, None


def deploy_for_real(kubeconfig: dict[str, Any], *, keep: bool) -> int:
    """Deploy a copy of the example, ask it whether it is ready, and tidy up."""
    name = f"orbyard-demo-{uuid.uuid4().hex[:6]}"
    say("\nPreparing: a PostgreSQL for the app, and a namespace to put both in")
    database = ensure_database_image(REGISTRY)
    with (
        tempfile.TemporaryDirectory(prefix="orbyard-demo-") as folder,
        cluster_namespace(kubeconfig, name, keep=keep),
    ):
        bench = Workbench.make(Path(folder) / "hoge-app", kubeconfig, name, REGISTRY)
        bench.start_database(database)
        say(f"  ✓ the database runs in the namespace {name}\n\n$ orbyard deploy --env staging")
        code = subprocess.run(
            bench.argv("deploy", "--env", "staging"), cwd=bench.root, env=bench.environ, check=False
        ).returncode
        if code == 0:
            say("\n$ orbyard status --env staging")
            say(bench.orbyard("status", "--env", "staging").out)
            status, body = bench.get("/ready")
            say(f"GET /ready through the Service: {status} {body}")
            code = 0 if status == 200 else 1
        say(f"\n{'kept' if keep else 'tidied up'}: the namespace {name}")
    return code


def rehearse() -> int:
    """Run the deploy against the in-process API."""
    say("\n$ orbyard deploy --env staging --rehearse")
    argv = [sys.executable, "-c", "from pipeline.program import main; main()"]
    done = subprocess.run(
        [*argv, "deploy", "--env", "staging", "--rehearse"],
        cwd=EXAMPLE,
        env={**os.environ, "PYTHONPATH": str(EXAMPLE.parent.parent)},
        check=False,
    )
    return done.returncode


def main() -> int:
    """Look at what is here, and do as much as it allows."""
    say("The main job on examples/rails-app. Looking at what this machine has:")
    missing = []
    for what, problem in (
        ("a Docker engine", find_engine()),
        (f"an image registry at {REGISTRY}", find_registry()),
    ):
        say(f"  ✗ {problem}" if problem else f"  ✓ {what}")
        missing += [problem] if problem else []
    kubeconfig, problem = find_cluster()
    if problem:
        say(f"  ✗ {problem}")
        missing.append(problem)
    if not missing:
        return deploy_for_real(kubeconfig, keep="--keep" in sys.argv[1:])
    say(
        f"\nNot everything is here ({'; '.join(missing)}), so this is a rehearsal: Secrets are decrypted,"
    )
    say("manifests rendered and checked, and the deploy runs against a stand-in for the cluster.")
    code = rehearse()
    say("\nLeft out: building and pushing the image, the database, and real Pods.")
    return code


if __name__ == "__main__":
    sys.exit(main())
