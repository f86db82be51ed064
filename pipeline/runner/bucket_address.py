"""Which bucket a store is shared in: what the setting ``store`` says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

__all__ = ["BucketAddress", "check_endpoint", "check_store", "parse_bucket"]

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9._=/-]{0,200}")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


@dataclass(frozen=True, slots=True)
class BucketAddress:
    """A bucket.

    Args:
        bucket: its name.
        prefix: what the names of all objects begin with, without a slash at its ends.
        endpoint: URL of a service other than AWS.
        region: the bucket's; empty takes the SDK's own.
    """

    bucket: str
    prefix: str = ""
    endpoint: str = ""
    region: str = ""

    def __str__(self) -> str:
        place = f"s3://{self.bucket}/{self.prefix}".rstrip("/")
        return f"{place} at {self.endpoint}" if self.endpoint else place


def check_store(value: object) -> str:
    """Return the setting ``store`` as it is: a folder or a bucket.

    Raises:
        ValueError: it is neither.
    """
    if not isinstance(value, str):
        raise ValueError(f"expected a folder or s3://bucket/prefix, found {value!r}")
    if value.startswith("s3://"):
        parse_bucket(value)
    elif scheme := _SCHEME.match(value):
        raise ValueError(
            f"expected a folder or s3://bucket/prefix; {scheme[1]}:// is not known."
            " A service that speaks S3 is named by store_endpoint"
        )
    return value


def parse_bucket(text: str, *, endpoint: str = "", region: str = "") -> BucketAddress | None:
    """Return the bucket that ``s3://bucket/prefix`` names, or None for a folder.

    Raises:
        ValueError: the bucket or the prefix cannot be.
    """
    if not text.startswith("s3://"):
        return None
    bucket, _, prefix = text.removeprefix("s3://").partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise ValueError(
            f"expected s3://bucket/prefix with the name of a bucket: 3 to 63 small letters,"
            f" digits, dots and hyphens; found {_shown(bucket)}"
        )
    prefix = prefix.strip("/")
    parts = prefix.split("/") if prefix else []
    if not _PREFIX.fullmatch(prefix) or any(part in {"", ".", ".."} for part in parts):
        raise ValueError(
            "expected s3://bucket/prefix with a prefix of letters, digits, dots, hyphens and"
            f" slashes; found {prefix!r}"
        )
    return BucketAddress(bucket, prefix, endpoint, region)


def check_endpoint(value: object) -> str:
    """Return the setting ``store_endpoint`` as it is, without a slash at its end.

    Raises:
        ValueError: it is no URL, or one with a password in it.
    """
    if value == "":
        return ""
    text = value if isinstance(value, str) else ""
    try:
        url = urlsplit(text)
        good = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:
        good = False
    if not good or "@" in url.netloc or url.query or url.fragment:
        # The value is not shown: where a password stands in it, a log is no place for it.
        raise ValueError(
            "expected a URL such as https://minio.example.com:9000, without user, password and query"
        )
    return text.rstrip("/")


def _shown(bucket: str) -> str:
    return "something with an @ in it" if "@" in bucket else repr(bucket)
