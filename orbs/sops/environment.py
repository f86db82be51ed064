"""What the sops program sees of the environment, and where an editor's copy may stand."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from orbs.sops.settings import SopsSettings

__all__ = ["child_environment", "editor_environment", "memory_folder", "on_aws"]

_NAMES = frozenset(
    {
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "TMPDIR",
        "TERM",
        "LANG",
        "LC_ALL",
        "LC_CTYPE",
        "GNUPGHOME",
        "GPG_TTY",
        "GPG_AGENT_INFO",
        "SSH_AUTH_SOCK",
        "DISPLAY",
        "WAYLAND_DISPLAY",
        "DBUS_SESSION_BUS_ADDRESS",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    }
)
_PREFIXES = (
    "AWS_",
    "AZURE_",
    "CLOUDSDK_",
    "ECS_CONTAINER_METADATA_URI",
    "GOOGLE_",
    "HUAWEICLOUD_",
    "IDENTITY_",
    "MSI_",
    "SOPS_",
    "VAULT_",
    "XDG_",
)
_ROLE_HINTS = (
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_EXECUTION_ENV",
    "ECS_CONTAINER_METADATA_URI",
    "ECS_CONTAINER_METADATA_URI_V4",
)
_VIM = frozenset({"gvim", "mvim", "nvim", "vim"})
_VIM_WITHOUT_TRACES = "-n -i NONE -c 'set nobackup nowritebackup noundofile'"


def child_environment(
    settings: SopsSettings,
    root: Path,
    environ: Mapping[str, str],
    *,
    machine: Path = Path("/sys/devices/virtual/dmi/id"),
) -> dict[str, str]:
    """Return the variables that sops gets: those of its key services, and nothing else.

    The metadata service of EC2 is asked for a role on EC2 only; elsewhere the AWS SDK would wait for
    an address that nobody answers.
    """
    kept = {
        name: value
        for name, value in environ.items()
        if value and (name in _NAMES or name.startswith(_PREFIXES))
    }
    return kept | _additions(settings, root, kept, machine)


def _additions(
    settings: SopsSettings, root: Path, environ: Mapping[str, str], machine: Path
) -> dict[str, str]:
    added = {"SOPS_DISABLE_VERSION_CHECK": "1"}
    if "AWS_EC2_METADATA_DISABLED" not in environ and not on_aws(environ, machine):
        added["AWS_EC2_METADATA_DISABLED"] = "true"
    key_file = root / Path(settings.age_key_file).expanduser() if settings.age_key_file else None
    # A file that is not there is an error to sops, even where SOPS_AGE_KEY would do, as on CI.
    if key_file and key_file.exists() and "SOPS_AGE_KEY_FILE" not in environ:
        added["SOPS_AGE_KEY_FILE"] = str(key_file)
    return added


def on_aws(environ: Mapping[str, str], machine: Path) -> bool:
    """Return whether a role of the machine or container is likely: on EC2, ECS, Lambda, CodeBuild."""
    if any(environ.get(name) for name in _ROLE_HINTS):
        return True
    try:
        vendor = (machine / "sys_vendor").read_text() + (machine / "bios_vendor").read_text()
    except (OSError, UnicodeDecodeError):
        return False
    return "Amazon" in vendor


def editor_environment(
    settings: SopsSettings, root: Path, environ: Mapping[str, str], temporary: Path
) -> dict[str, str]:
    """Return the variables for ``sops edit``: all of the user's, since the editor is the user's.

    Args:
        settings: the section ``sops``.
        root: the project's folder.
        environ: the user's environment.
        temporary: the folder in which sops makes the copy that is edited.
    """
    kept = {k: v for k, v in environ.items() if v or not k.startswith("SOPS_")}
    kept |= _additions(settings, root, kept, Path("/sys/devices/virtual/dmi/id"))
    kept["TMPDIR"] = str(temporary)
    editor = next((kept[k] for k in ("SOPS_EDITOR", "VISUAL", "EDITOR") if kept.get(k)), "")
    if editor:
        # SOPS_EDITOR is known from sops 3.10 on, and wins there.
        kept["EDITOR"] = kept["SOPS_EDITOR"] = _without_traces(editor)
    return kept


def _without_traces(editor: str) -> str:
    """Keep vim from writing swap, backup, undo and history files elsewhere."""
    words = editor.split()
    plain = len(words) == 1 and Path(words[0]).name in _VIM
    return f"{editor} {_VIM_WITHOUT_TRACES}" if plain else editor


def memory_folder(environ: Mapping[str, str]) -> Path | None:
    """Return a folder that is kept in memory: the user's own of the session, else /dev/shm."""
    for name in (environ.get("XDG_RUNTIME_DIR", ""), "/dev/shm"):  # noqa: S108  # made private below
        if name and os.path.isdir(name) and os.access(name, os.W_OK | os.X_OK):
            return Path(name)
    return None
