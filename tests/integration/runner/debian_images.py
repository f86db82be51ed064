"""Images for pipelines, made of Debian's packages, since what they name cannot be had everywhere."""

from __future__ import annotations

import hashlib
import io
import ssl
import tarfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.conftest import missing

_KEPT_FOR = timedelta(hours=6)
_FOLDER = Path(__file__).parent / "images"
_PROJECT = Path(__file__).resolve().parents[3]


def debian_image(engine: Any, name: str) -> str:
    """Build the image of ``images/NAME`` where it is not there yet, and return its name."""
    files = {path.name: path.read_bytes() for path in sorted((_FOLDER / name).iterdir())}
    if name == "python":
        files |= _for_python()
    return _build(engine, name, files)


def _for_python() -> dict[str, bytes]:
    trusted = ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt"
    if not Path(trusted).is_file():
        missing(f"an image with Python needs {trusted}")
    return {
        "ca-certificates.crt": Path(trusted).read_bytes(),
        "constraints.txt": (_PROJECT / "constraints.txt").read_bytes(),
    }


def _build(engine: Any, name: str, files: Mapping[str, bytes]) -> str:
    import docker.errors

    context = _packed(files)
    tag = f"orbyard-test/{name}:{hashlib.sha256(context).hexdigest()[:12]}"
    if engine.images.list(name=tag):
        return tag
    _remove_old(engine, f"orbyard-test/{name}")
    try:
        engine.images.build(fileobj=io.BytesIO(context), custom_context=True, tag=tag, rm=True)
    except (docker.errors.BuildError, docker.errors.APIError) as error:
        missing(f"the image {name} cannot be built: {error}")
    return tag


def _remove_old(engine: Any, repository: str) -> None:
    """Remove images of other files, unless another checkout's tests may be using them."""
    import docker.errors

    for image in engine.images.list(name=repository):
        made = datetime.fromisoformat(image.attrs["Created"][:19]).replace(tzinfo=UTC)
        if datetime.now(UTC) - made > _KEPT_FOR:
            for tag in image.tags:
                with suppress(docker.errors.APIError):  # it is in use, or gone
                    engine.images.remove(tag)


def _packed(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()
