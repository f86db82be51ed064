"""Opens the store of caches and workspaces that a project's settings name."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.ci_options import ci_settings, project_folder
from pipeline.ci_settings import CiSettings
from pipeline.runner.bucket_address import BucketAddress, parse_bucket
from pipeline.runner.store import Store

if TYPE_CHECKING:
    from pipeline.command import Run

__all__ = ["bucket_address", "open_store", "project_name", "store_folder"]


def project_name(values: Mapping[str, Any], root: Path) -> str:
    """Return the name under which a project's caches are kept: its slug, else its folder."""
    return str(values.get("pipeline.project.slug") or root.resolve())


def store_folder(run: Run, settings: CiSettings) -> Path:
    """Return the folder of the store on this machine."""
    if settings.store and not settings.store.startswith("s3://"):
        return project_folder(run) / Path(settings.store).expanduser()
    cache = run.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "orbyard" / "store"


def bucket_address(settings: CiSettings) -> BucketAddress | None:
    """Return the bucket in which caches are shared, if they are."""
    return parse_bucket(
        settings.store, endpoint=settings.store_endpoint, region=settings.store_region
    )


def open_store(run: Run, *, cancelled: Callable[[], bool] = lambda: False) -> Store:
    """Open the store; where it has a bucket, this is not asked before a cache is.

    Args:
        run: whose settings and screen are used.
        cancelled: asked during long transfers; True ends them.

    Raises:
        InvalidInput: the settings have mistakes.
        Unavailable: boto3 is missing.
        WorkFailed: the folder cannot be written.
    """
    settings = ci_settings(run)
    address, warn = bucket_address(settings), run.console.warning
    folder, limit = store_folder(run, settings), settings.store_limit
    if address is None:
        return Store(folder, size_limit_bytes=limit, warn=warn)
    from pipeline.runner.bucket import Bucket, check_installed
    from pipeline.runner.shared_store import SharedStore

    check_installed(address)
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        run.console.masker.add(run.environ.get(name, ""))
    bucket = Bucket(address, cancelled=cancelled, hide=run.console.masker.add)
    note = run.console.detail
    return SharedStore(folder, bucket, size_limit_bytes=limit, warn=warn, note=note, user=_user())


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""  # a container's user may have no name
