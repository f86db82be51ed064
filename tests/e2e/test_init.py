"""What `orbyard init` writes deploys a real Rails app."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path
from typing import Any

from examples.support.workbench import Workbench, cluster_namespace

AGE = "age1wwzy8s5xhg6cnlu2cvaa76p7j2ncg6pnft37wezwxy6stkcyeshsu6qepj"


def test_an_app_without_a_deploy_folder_is_initialised_and_deployed(
    docker_engine: Any,
    registry: str,
    kubeconfig: dict[str, Any],
    database_image: str,
    tmp_path: Path,
) -> None:
    with cluster_namespace(kubeconfig, f"orbyard-init-{uuid.uuid4().hex[:8]}", keep=False) as name:
        bench = Workbench.make(tmp_path / "hoge-app", kubeconfig, name, registry)
        shutil.rmtree(bench.root / "deploy")
        for path in (".sops.yaml", ".dockerignore", ".gitignore", "orbyard.yml"):
            (bench.root / path).unlink()
        bench.environ |= {
            "SOPS_AGE_KEY_FILE": str(bench.root / "test-only.agekey"),
            "ORBYARD_IMAGE_REPRODUCIBLE": "false",
        }
        done = bench.orbyard("init", "--image", bench.repository, "--age", AGE)
        assert done.code == 0, done.text
        bench.write_secret(bench.secrets["DATABASE_URL"])
        bench.write_kubeconfig()
        bench.start_database(database_image)
        deployed = bench.orbyard("deploy", "--env", "staging")
        assert deployed.code == 0, deployed.text
        assert "warning" not in deployed.err
        assert bench.get("/ready") == (200, "ready")
