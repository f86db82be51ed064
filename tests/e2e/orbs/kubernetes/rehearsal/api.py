"""One way to ask a real cluster and a rehearsal the same thing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from kubernetes.client import ApiClient
from kubernetes.client.exceptions import ApiException

Json = dict[str, Any]

APPLY = "application/apply-patch+yaml"
PATHS = {"Deployment": "apis/apps/v1", "Job": "apis/batch/v1"}


class Api:
    def __init__(self, client: ApiClient, namespace: str) -> None:
        self._client = client
        self.namespace = namespace

    def ask(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json"
    ) -> tuple[int, Any]:
        """Return status code and answer; ``{ns}`` in the path is the namespace."""
        url = f"{self._client.configuration.host}/{path.replace('{ns}', self.namespace)}"
        headers = {"Content-Type": content_type, "User-Agent": "likeness/1", **self._auth()}
        sent = body if content_type.endswith("json") else json.dumps(body)
        try:
            answer = self._client.rest_client.request(
                method, url, headers=headers, body=sent, _request_timeout=20
            )
            return answer.status, decoded(answer.read())
        except ApiException as error:
            return error.status, decoded(error.body)

    def _auth(self) -> dict[str, str]:
        token = self._client.configuration.get_api_key_with_prefix("authorization")
        return {"authorization": token} if token else {}

    def create(self, manifest: Json) -> None:
        kind = manifest["kind"]
        path = f"{PATHS.get(kind, 'api/v1')}/namespaces/{{ns}}/{kind.lower()}s"
        code, answer = self.ask("POST", path, manifest)
        assert code == 201, answer

    def workload(self, manifest: Json) -> Json:
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        path = f"{PATHS[kind]}/namespaces/{{ns}}/{kind.lower()}s/{name}"
        return dict(self.ask("GET", path)[1])

    def pods(self, scenario: str) -> list[Json]:
        query = f"labelSelector=scenario%3D{scenario}"
        return list(self.ask("GET", f"api/v1/namespaces/{{ns}}/pods?{query}")[1]["items"])

    def events(self, about: str) -> list[Json]:
        items = self.ask("GET", "api/v1/namespaces/{ns}/events")[1]["items"]
        named = [item for item in items if item["involvedObject"]["name"] == about]
        return named + [
            item for item in items if item["involvedObject"]["name"].startswith(f"{about}-")
        ]


def decoded(body: Any) -> Any:
    text = body.decode() if isinstance(body, bytes) else body
    try:
        return json.loads(text)
    except ValueError:
        return text


def until(look: Callable[[], bool], what: str, timeout_s: float) -> None:
    end = time.monotonic() + timeout_s
    while not look():
        assert time.monotonic() < end, f"{what} did not come within {timeout_s:.0f} s"
        time.sleep(0.1)
