"""Small projects in a folder, with a stand-in for decryption."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from orbs.kubernetes.manifest import RenderedManifest
from orbs.kubernetes.marks import Provenance
from orbs.kubernetes.objects import read_objects
from orbs.kubernetes.render import RenderedSet, render
from pipeline.command import Run
from pipeline.output import Console
from pipeline.project import Revision
from pipeline.secret import Secret

PROVENANCE = Provenance(
    "0123456789ab", "ann@desk", "https://ci.example.com/7", "2024-05-01T12:00:00Z"
)
REVISION = Revision(commit="0123456789ab" + "c" * 28)
IMAGE = "registry.example.com/app@sha256:" + "1" * 64

DEPLOYMENT = """\
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: app}
    spec:
      replicas: 2
      selector: {matchLabels: {app: app}}
      template:
        metadata: {labels: {app: app}}
        spec:
          containers:
          - name: app
            image: HOGE_APP_IMAGE_NAME
            envFrom:
            - configMapRef: {name: app}
            - secretRef: {name: app}
"""
CONFIGMAP = """\
    apiVersion: v1
    kind: ConfigMap
    metadata: {name: app}
    data: {LEVEL: debug}
"""
SECRET = """\
    apiVersion: v1
    kind: Secret
    metadata: {name: app}
    stringData: {PASSWORD: correct-horse}
"""


class ProjectRun(Run):
    """A run whose encrypted files are decrypted by cutting off their first line."""

    def capability(self, name: str) -> Callable[..., Any]:
        assert name == "decrypt"
        return lambda _run, path: Secret(Path(path).read_text().partition("\n")[2])


def encrypted(text: str, key: str = "ciphertext") -> str:
    """Return a file that only :class:`ProjectRun` can read; ``key`` stands for its ciphertext."""
    return f"# {key}\n{textwrap.dedent(text)}"


def project(
    root: Path, files: Mapping[str, str], *, environ: Mapping[str, str] | None = None
) -> ProjectRun:
    """Write the files and return a run in their folder."""
    (root / "deploy").mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    quiet = Console(out=io.StringIO(), err=io.StringIO())
    return ProjectRun(console=quiet, cwd=root, environ=environ or {})


def rendered(
    root: Path,
    files: Mapping[str, str],
    *,
    environment: str = "staging",
    image: str | None = IMAGE,
) -> RenderedSet:
    """Render a project."""
    run = project(root, files)
    return render(run, environment, image=image, revision=REVISION, provenance=PROVENANCE)


def manifest(text: str, file: str = "deploy/x.yml", *, encrypted: bool = False) -> RenderedManifest:
    """Return the one object of a text."""
    (found,) = read_objects(textwrap.dedent(text), file, encrypted=encrypted)
    return found
