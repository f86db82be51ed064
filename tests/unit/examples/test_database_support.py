from __future__ import annotations

import pytest
import yaml

from examples.support.database import postgres_manifests

URL = "postgresql://hoge_app:p%40ss@hoge-db/hoge_app_staging"


def test_the_database_is_made_to_fit_the_apps_own_url() -> None:
    secret, service, deployment = yaml.safe_load_all(
        postgres_manifests("registry.example/db@sha256:1", database_url=URL, port=15432)
    )
    assert secret["stringData"] == {
        "POSTGRES_USER": "hoge_app",
        "POSTGRES_PASSWORD": "p@ss",
        "POSTGRES_DB": "hoge_app_staging",
    }
    assert service["spec"]["ports"][0] == {"name": "postgres", "port": 5432, "targetPort": 15432}
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "registry.example/db@sha256:1"
    assert {"name": "PGPORT", "value": "15432"} in container["env"]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://hoge_app:secret@db.example.com/hoge_app_staging",
        "postgresql://hoge-db/hoge_app_staging",
        "postgresql://hoge_app:secret@hoge-db",
    ],
)
def test_a_url_that_the_database_cannot_serve_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="expected postgresql://"):
        postgres_manifests("image", database_url=url, port=15432)
