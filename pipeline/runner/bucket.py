"""A bucket of Amazon S3, or of a service that speaks its protocol.

The only module that imports boto3, which is installed with ``orbyard[s3]``. Objects are written once:
the service refuses the second of two writers (If-None-Match, in S3 since 2024), where it can.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from io import BytesIO
from typing import Any, BinaryIO

from pipeline.errors import Interrupted, Unavailable, excerpt
from pipeline.retry import Backoff, retrying
from pipeline.runner.bucket_address import BucketAddress
from pipeline.runner.workers import Workers

__all__ = ["Bucket", "BucketError", "BucketObject", "check_installed"]

_PART = 8 << 20
_CHUNK = 1 << 18
_MOST_PARTS = 9_000
"""S3 takes 10,000 parts."""
_AT_ONCE = 6
_CONNECT_TIMEOUT_S = 4
_ASK_TIMEOUT_S = 10
"""Seconds without an answer after which a question is asked once more, and then given up."""
_MOVE_TIMEOUT_S = 60
"""The same for content: what is sent may still stand in this machine's buffers, on a slow line."""
_MISSING, _TAKEN = {"404", "NoSuchKey", "NotFound"}, {"PreconditionFailed", "412"}
_CONFLICT = "ConditionalRequestConflict"
_UNKNOWN_HEADER = "NotImplemented"


class BucketError(Unavailable):
    """The bucket did not do what it was asked.

    Args:
        code: the service's own word, empty where there was no answer.
    """

    def __init__(self, message: str, *, code: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.retryable = not code


@dataclass(frozen=True, slots=True)
class BucketObject:
    """An object: its name below the prefix, its size, and when it was written (seconds since 1970).

    ``metadata`` and ``etag`` are known of one that was asked for by its name.
    """

    name: str
    size_bytes: int
    written_at: float
    etag: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


def check_installed(address: BucketAddress) -> None:
    """Raise Unavailable where boto3 is missing."""
    if find_spec("boto3") is None:
        raise Unavailable(
            f"the store {address} needs boto3, which is not installed",
            hint="install Orbyard with it: pip install 'orbyard[s3]'",
        )


class Bucket:
    """The objects below a prefix. It connects when it is first asked; threads may share it.

    Args:
        address: which bucket.
        cancelled: asked between the parts of a long transfer; True ends it.
        hide: called with the credentials' secret values, which nobody may print.

    Raises:
        BucketError: (by every method) no answer, no credentials, no permission.
        Interrupted: (by transfers) the run was stopped.
    """

    def __init__(
        self,
        address: BucketAddress,
        *,
        cancelled: Callable[[], bool] = lambda: False,
        hide: Callable[[str], None] = lambda _value: None,
    ) -> None:
        self.address = address
        self._cancelled = cancelled
        self._hide = hide
        self._lock = threading.Lock()
        self._clients: dict[int, Any] = {}
        self._conditional = True

    def find(self, prefix: str) -> list[BucketObject]:
        """Return the objects whose names begin so."""
        with self._asking("its objects cannot be listed"):
            pages = self._s3().get_paginator("list_objects_v2")
            return [
                self._object(found["Key"], found["Size"], found["LastModified"])
                for page in pages.paginate(
                    Bucket=self.address.bucket, Prefix=self._full_name(prefix)
                )
                for found in page.get("Contents", ())
            ]

    def get(self, name: str) -> BucketObject | None:
        """Return an object with its metadata, or None where there is none."""
        try:
            with self._asking(f"{name} cannot be looked for"):
                found = self._s3().head_object(**self._named(name))
        except BucketError as error:
            if error.code in _MISSING:
                return None
            raise
        return self._object(
            self._full_name(name),
            found["ContentLength"],
            found["LastModified"],
            found.get("ETag", ""),
            found.get("Metadata", {}),
        )

    def download(self, found: BucketObject, file: BinaryIO) -> None:
        """Write an object's content to an empty file; what changes meanwhile is an error."""
        descriptor = file.fileno()

        def fetch(part: tuple[int, int]) -> None:
            retrying(lambda: self._fetch_part(found, part, descriptor), backoff=Backoff(3))

        with Workers(_AT_ONCE, "download") as pool:
            _all_or_none(pool, fetch, _parts(found.size_bytes))

    def upload(self, name: str, file: BinaryIO, metadata: Mapping[str, str]) -> bool:
        """Write an object, unless there is one of that name, and return whether it was written."""
        size = os.fstat(file.fileno()).st_size
        put = self._put_whole if size <= 2 * _PART else self._put_parts
        while True:
            condition = {"IfNoneMatch": "*"} if self._conditional else {}
            try:
                with self._asking(f"{name} cannot be written"):
                    put(name, file, metadata, condition)
            except BucketError as error:
                if error.code in {*_TAKEN, _CONFLICT}:
                    return False
                if not (condition and error.code == _UNKNOWN_HEADER):
                    raise
                self._conditional = False
            else:
                return True

    def remove(self, name: str) -> None:
        """Remove an object, if it is there."""
        with self._asking(f"{name} cannot be removed"):
            self._s3().delete_object(**self._named(name))

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            client.close()

    def _fetch_part(self, found: BucketObject, part: tuple[int, int], descriptor: int) -> None:
        self._stop_if_cancelled()
        start, length = part
        with self._asking(f"{found.name} cannot be read"):
            answer = self._s3(_MOVE_TIMEOUT_S).get_object(
                **self._named(found.name),
                **({"IfMatch": found.etag} if found.etag else {}),
                Range=f"bytes={start}-{start + length - 1}",
            )
            came = 0
            with contextlib.closing(answer["Body"]) as body:
                for chunk in body.iter_chunks(_CHUNK):
                    self._stop_if_cancelled()
                    os.pwrite(descriptor, chunk[: length - came], start + came)
                    came += len(chunk)
        if came != length:
            raise self._error(f"{found.name} cannot be read", f"{came} of {length} bytes came")

    def _put_whole(
        self, name: str, file: BinaryIO, metadata: Mapping[str, str], condition: Mapping[str, str]
    ) -> None:
        file.seek(0)
        body = _Body(file.read(), self._stop_if_cancelled)
        self._s3(_MOVE_TIMEOUT_S).put_object(
            **self._named(name), Body=body, Metadata=dict(metadata), **condition
        )

    def _put_parts(
        self, name: str, file: BinaryIO, metadata: Mapping[str, str], condition: Mapping[str, str]
    ) -> None:
        s3, named = self._s3(_MOVE_TIMEOUT_S), self._named(name)
        upload = s3.create_multipart_upload(**named, Metadata=dict(metadata))["UploadId"]

        def send(numbered: tuple[int, tuple[int, int]]) -> dict[str, Any]:
            number, (start, length) = numbered
            body = _Body(os.pread(file.fileno(), length, start), self._stop_if_cancelled)
            sent = s3.upload_part(**named, UploadId=upload, PartNumber=number, Body=body)
            return {"PartNumber": number, "ETag": sent["ETag"]}

        try:
            parts = list(enumerate(_parts(os.fstat(file.fileno()).st_size), 1))
            with Workers(_AT_ONCE, "upload") as pool:
                sent = _all_or_none(pool, send, parts)
            s3.complete_multipart_upload(
                **named, UploadId=upload, MultipartUpload={"Parts": sent}, **condition
            )
        except BaseException:
            # Parts of an upload that was given up cost money until somebody removes them.
            with contextlib.suppress(Exception):
                s3.abort_multipart_upload(**named, UploadId=upload)
            raise

    def _s3(self, timeout_s: int = _ASK_TIMEOUT_S) -> Any:
        with self._lock:
            if timeout_s not in self._clients:
                self._clients[timeout_s] = self._connect(timeout_s)
            return self._clients[timeout_s]

    def _connect(self, timeout_s: int) -> Any:
        import boto3
        import botocore.config

        session = boto3.session.Session()
        credentials = session.get_credentials()
        if credentials is not None:
            frozen = credentials.get_frozen_credentials()
            for value in (frozen.secret_key, frozen.token):
                if value:
                    self._hide(value)
        config = botocore.config.Config(
            connect_timeout=_CONNECT_TIMEOUT_S,
            read_timeout=timeout_s,
            retries={"mode": "standard", "total_max_attempts": 2},
            max_pool_connections=4 * _AT_ONCE,
            # Other services do not know S3's newer checksums; a cache has its own.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path"} if self.address.endpoint else None,
        )
        return session.client(
            "s3",
            endpoint_url=self.address.endpoint or None,
            region_name=self.address.region or None,
            config=config,
        )

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        import botocore.exceptions as botocore

        try:
            yield
        except botocore.ClientError as error:
            answer = error.response.get("Error", {})
            code = str(answer.get("Code", ""))
            said = excerpt(f"{code}: {answer.get('Message', '')}".removesuffix(": "))
            raise self._error(what, said, code=code or "unknown") from error
        except (botocore.NoCredentialsError, botocore.PartialCredentialsError) as error:
            hint = "sign in as for the AWS command line: AWS_PROFILE, or AWS_ACCESS_KEY_ID and its secret"
            raise self._error(what, str(error), code="none", hint=hint) from error
        except (botocore.ConnectTimeoutError, botocore.ReadTimeoutError) as error:
            raise self._error(what, "no answer came in time") from error
        except botocore.EndpointConnectionError as error:
            raise self._error(what, "nothing answers there") from error
        except botocore.BotoCoreError as error:
            self._stop_if_cancelled()  # the SDK wraps what a body raises that it sends
            raise self._error(what, excerpt(str(error))) from error

    def _error(
        self, what: str, why: str, *, code: str = "", hint: str | None = None
    ) -> BucketError:
        return BucketError(f"{self.address}: {what}: {why}", code=code, hint=hint)

    @property
    def is_cancelled(self) -> bool:
        """Whether the run was stopped, so that nobody should wait for long."""
        return self._cancelled()

    def _stop_if_cancelled(self) -> None:
        if self._cancelled():
            raise Interrupted("the run was stopped")

    def _object(
        self,
        full_name: str,
        size: int,
        written: Any,
        etag: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> BucketObject:
        name = full_name[len(self._full_name("")) :]
        return BucketObject(name, size, written.timestamp(), etag, metadata or {})

    def _full_name(self, name: str) -> str:
        return f"{self.address.prefix}/{name}" if self.address.prefix else name

    def _named(self, name: str) -> dict[str, str]:
        return {"Bucket": self.address.bucket, "Key": self._full_name(name)}


class _Body(BytesIO):
    """What is sent, which looks before each piece whether to go on."""

    def __init__(self, data: bytes, check: Callable[[], None]) -> None:
        super().__init__(data)
        self._check = check

    def read(self, size: int | None = -1) -> bytes:
        self._check()
        return super().read(size)


def _parts(size: int) -> list[tuple[int, int]]:
    """Return where the parts of so many bytes begin, and how long each is."""
    length = max(_PART, -(-size // _MOST_PARTS))
    return [(start, min(length, size - start)) for start in range(0, size, length)]


def _all_or_none(pool: Workers, do: Callable[[Any], Any], items: list[Any]) -> list[Any]:
    """Return what ``do`` makes of each item; after the first failure nothing more is begun."""
    futures = [pool.submit(do, item) for item in items]
    try:
        return [future.result() for future in futures]
    except BaseException:
        for future in futures:
            future.cancel()
        raise
