"""A service that speaks S3, on this machine, with one bucket."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

NAME = "acme-ci"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "hoge-key-id",
    "AWS_SECRET_ACCESS_KEY": "sesame-opens-the-bucket",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


@dataclass(frozen=True)
class Refusal:
    """Requests of a method that the service refuses, all or those with a header of that name."""

    method: str
    status: str
    code: str
    header: str = ""

    def fits(self, environ: dict[str, Any]) -> bool:
        named = f"HTTP_{self.header.upper().replace('-', '_')}"
        return environ["REQUEST_METHOD"] == self.method and (not self.header or named in environ)


@dataclass(frozen=True)
class BucketService:
    """Where the service answers, a client that sees all of the bucket, and what it refuses."""

    endpoint: str
    client: Any
    refusals: list[Refusal]

    def settings(self) -> dict[str, str]:
        """The variables with which ci.run uses it."""
        return {
            "ORBYARD_CI_STORE": f"s3://{NAME}/team",
            "ORBYARD_CI_STORE_ENDPOINT": self.endpoint,
            "ORBYARD_CI_STORE_REGION": "us-east-1",
        }

    def names(self) -> list[str]:
        found = self.client.list_objects_v2(Bucket=NAME).get("Contents", [])
        return [item["Key"] for item in found]

    def read(self, name: str) -> bytes:
        content: bytes = self.client.get_object(Bucket=NAME, Key=name)["Body"].read()
        return content

    def put(self, name: str, content: bytes, **metadata: str) -> None:
        """Write an object with metadata, `_` in their names standing for `-`."""
        named = {key.replace("_", "-"): value for key, value in metadata.items()}
        self.client.put_object(Bucket=NAME, Key=name, Body=content, Metadata=named)

    def unfinished_uploads(self) -> list[Any]:
        found: list[Any] = self.client.list_multipart_uploads(Bucket=NAME).get("Uploads", [])
        return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def bucket_service() -> Iterator[BucketService]:
    """moto's S3 server; one request at a time, since two of moto's own could both be the first writer."""
    import boto3
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    refusals: list[Refusal] = []
    app = DomainDispatcherApplication(create_backend_app)

    def guarded(environ: dict[str, Any], start_response: Any) -> Any:
        for refusal in refusals:
            if refusal.fits(environ):
                environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
                start_response(refusal.status, [("Content-Type", "application/xml")])
                code = f"<Code>{refusal.code}</Code><Message>not for you</Message>"
                return [f"<?xml version='1.0'?><Error>{code}</Error>".encode()]
        return app(environ, start_response)

    server = make_server("127.0.0.1", 0, guarded)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test-secret-access-key",
    )
    client.create_bucket(Bucket=NAME)
    try:
        yield BucketService(endpoint, client, refusals)
    finally:
        refusals.clear()
        items = client.list_objects_v2(Bucket=NAME).get("Contents", [])
        for item in items:
            client.delete_object(Bucket=NAME, Key=item["Key"])
        client.close()
        server.shutdown()
        thread.join()
        server.server_close()
