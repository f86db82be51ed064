"""A working copy of the example app with an environment of its own: namespace, database, secrets."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from examples.support.database import POSTGRES_CONTEXT, free_port, postgres_manifests

__all__ = ["Finished", "Workbench", "cluster_namespace", "ensure_database_image"]

EXAMPLE = Path(__file__).resolve().parent.parent / "rails-app"
PROJECT = EXAMPLE.parent.parent
_NOT_COPIED = ("vendor", "node_modules", "tmp", "log", ".orbyard")


@dataclass(frozen=True)
class Finished:
    """A run of the program: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """Both outputs."""
        return self.out + self.err


@dataclass
class Workbench:
    """A copy of the example in a git repository, ready to be deployed.

    Attributes:
        root: the copy's folder.
        kubeconfig: of the cluster, as a mapping.
        namespace: where the app goes.
        repository: the image's, without a tag.
        environ: variables of the runs.
        secrets: every secret value of this copy, by what it is.
    """

    root: Path
    kubeconfig: dict[str, Any]
    namespace: str
    repository: str
    environ: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)

    @classmethod
    def make(
        cls, root: Path, kubeconfig: Mapping[str, Any], namespace: str, registry: str
    ) -> Workbench:
        """Copy the example to ``root``, with Secrets and kubeconfig of its own, and commit it."""
        shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns(*_NOT_COPIED))
        bench = cls(root, dict(kubeconfig), namespace, f"{registry}/hoge-app")
        bench.environ = {
            **{name: value for name, value in os.environ.items() if name != "KUBECONFIG"},
            "PYTHONPATH": str(PROJECT),
            "ORBYARD_IMAGE_REPOSITORY": bench.repository,
        }
        password = secrets.token_hex(12)
        bench.secrets = {
            "password": password,
            "DATABASE_URL": f"postgresql://hoge:{password}@hoge-db/hoge",
            "SECRET_KEY_BASE": secrets.token_hex(32),
        }
        bench.write_secret(bench.secrets["DATABASE_URL"])
        bench.write_kubeconfig()
        bench.git("init", "-q", "-b", "main")
        bench.commit("the example")
        return bench

    def write_secret(self, database_url: str) -> None:
        """Encrypt the app's Secret with this database URL."""
        manifest = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "hoge-app"},
            "type": "Opaque",
            "stringData": {
                "DATABASE_URL": database_url,
                "SECRET_KEY_BASE": self.secrets["SECRET_KEY_BASE"],
            },
        }
        self._encrypt(manifest, "deploy/secrets/staging.secret.yml.enc")

    def write_kubeconfig(self) -> None:
        """Encrypt the cluster's kubeconfig, with our namespace in its current context."""
        config = json.loads(json.dumps(self.kubeconfig))
        for context in config["contexts"]:
            context["context"]["namespace"] = self.namespace
        for user in config.get("users") or ():
            for name, value in (user.get("user") or {}).items():
                if name.endswith("-data") or name in ("token", "password"):
                    self.secrets[name] = str(value)
        self._encrypt(config, "deploy/kubeconfig/staging.kubeconfig.enc")

    def _encrypt(self, value: Mapping[str, Any], path: str) -> None:
        from orbs.sops import encrypt_for_run
        from pipeline.command import Run
        from pipeline.yamlfile import dump_yaml

        run = Run(cwd=self.root, environ=self.environ)
        (self.root / path).write_text(encrypt_for_run(run, dump_yaml(value), Path(path)))

    def git(self, *words: str) -> str:
        """Run git in the copy and return what it says."""
        identity = ["-c", "user.name=Demo", "-c", "user.email=demo@example.com"]
        done = subprocess.run(
            ["git", *identity, *words], cwd=self.root, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, message: str) -> str:
        """Commit everything and return the commit's id."""
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def write(self, path: str, text: str) -> None:
        """Write a file of the copy."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def replace(self, path: str, old: str, new: str) -> None:
        """Change a text in a file of the copy, where it has to be."""
        text = (self.root / path).read_text()
        if old not in text:
            raise ValueError(f"{old!r} is not in {path}")
        self.write(path, text.replace(old, new))

    def argv(self, *words: str) -> list[str]:
        """The command of a run of the program."""
        return [sys.executable, "-c", "from pipeline.program import main; main()", *words]

    def orbyard(self, *words: str, **environ: str) -> Finished:
        """Run the program in the copy."""
        done = subprocess.run(
            self.argv(*words),
            cwd=self.root,
            env={**self.environ, **environ},
            capture_output=True,
            text=True,
            check=False,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    def start(self, *words: str, **environ: str) -> subprocess.Popen[str]:
        """Start the program in the copy, both outputs in one pipe."""
        return subprocess.Popen(
            self.argv(*words),
            cwd=self.root,
            env={**self.environ, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def start_database(self, image: str) -> None:
        """Apply a PostgreSQL that the app's DATABASE_URL leads to, and wait until it is ready."""
        from orbs.kubernetes.cluster import DEPLOYMENT
        from pipeline.yamlfile import parse_documents

        text = postgres_manifests(
            image, database_url=self.secrets["DATABASE_URL"], port=free_port()
        )
        with self.cluster() as cluster:
            for document in parse_documents(text, "postgres.yml"):
                kind = cluster.find_kind(document.value["apiVersion"], document.value["kind"])
                assert kind is not None
                if document.value["kind"] == "Service":
                    document.value["spec"]["ports"][0]["protocol"] = "TCP"
                cluster.apply(kind, document.value, manager="workbench")
            deadline = time.monotonic() + 120
            while time.monotonic() < deadline:
                live = cluster.get(DEPLOYMENT, "hoge-db") or {}
                if (live.get("status") or {}).get("readyReplicas"):
                    return
                time.sleep(0.3)
        raise TimeoutError("the database did not become ready")

    @contextmanager
    def cluster(self) -> Iterator[Any]:
        """Open the cluster with our namespace."""
        with _open(self.kubeconfig, self.namespace) as cluster:
            yield cluster

    def get(self, path: str, *, service: str = "hoge-app:http") -> tuple[int, str]:
        """GET a path of the app through its Service, by way of the API server's proxy."""
        import kubernetes

        with kubernetes.config.new_client_from_config_dict(self.kubeconfig) as client:
            core = kubernetes.client.CoreV1Api(client)
            try:
                answer = core.connect_get_namespaced_service_proxy_with_path(
                    service, self.namespace, path.lstrip("/"), _preload_content=False
                )
                return int(answer.status), answer.data.decode()
            except kubernetes.client.ApiException as error:
                return int(error.status), str(error.body)

    def sql(self, statement: str) -> str:
        """Run a statement in the database's own Pod and return its rows."""
        import kubernetes
        from kubernetes.stream import stream

        with kubernetes.config.new_client_from_config_dict(self.kubeconfig) as client:
            core = kubernetes.client.CoreV1Api(client)
            pods = core.list_namespaced_pod(self.namespace, label_selector="app=hoge-db").items
            said = stream(
                core.connect_get_namespaced_pod_exec,
                pods[0].metadata.name,
                self.namespace,
                command=["psql", "-At", "-d", "hoge", "-c", statement],
                stdout=True,
                stderr=True,
            )
        return str(said).strip()


@contextmanager
def _open(kubeconfig: Mapping[str, Any], namespace: str) -> Iterator[Any]:
    from orbs.kubernetes.cluster import open_cluster
    from orbs.kubernetes.kubeconfig import read_config, select_source

    config = read_config(
        json.dumps(kubeconfig), origin="the cluster", file="kubeconfig", folder=Path.cwd()
    )
    with open_cluster(select_source(config, environ=os.environ), namespace) as cluster:
        yield cluster


@contextmanager
def cluster_namespace(kubeconfig: Mapping[str, Any], name: str, *, keep: bool) -> Iterator[str]:
    """Make a namespace, and delete it afterwards unless it is to be kept."""
    from orbs.kubernetes.cluster import NAMESPACE

    with _open(kubeconfig, name) as cluster:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        cluster.create(NAMESPACE, body)
        try:
            yield name
        finally:
            if not keep:
                cluster.delete(NAMESPACE, name)


def ensure_database_image(registry: str) -> str:
    """Build and push the tests' PostgreSQL where the engine does not have it; return its name."""
    image = f"{registry}/hoge-db:test"
    for argv in (
        ["docker", "build", "-q", "-t", image, str(POSTGRES_CONTEXT)],
        ["docker", "push", "-q", image],
    ):
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip()[-400:]}")
    return image
