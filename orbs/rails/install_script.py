"""The shell script that frames an install in its container, and the pure building of its container.

The install runs as root with the HOME of the image's own user: what a Dockerfile.builder prepared
(mirrors in ``~/.bundle/config``, logins in ``~/.yarnrc``) is found, and the mounted folder can be
written to whoever owns it. What was made is then given to its owner, also when the install fails or is
stopped.

Secrets come through standard input, as ``export`` lines: a container's variables stand in ``docker
inspect`` and in the engine's files, and its words in every process list.
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Mapping

from orbs.rails.engine_types import ContainerSpec, ImageInfo, Mount
from orbs.rails.model import Installer

__all__ = ["CA_FILE", "EARLIER", "HELP_FOLDER", "export_lines", "install_spec"]

HELP_FOLDER = "orbyard"
"""A folder at the top of the container's own file system."""
CA_FILE = f"{HELP_FOLDER}/ca.pem"
EARLIER = f"/{HELP_FOLDER}/earlier"
"""Where the volume to start from is mounted."""

_LAST_LINE = ": end of the secrets"
"""Harmless as a command."""

_SCRIPT = r"""
set -u
target=$1 owner=$2 account=$3 last=$4 tidy=$5; shift 5
if [ -n "$last" ]; then
  given=
  while IFS= read -r line && [ "$line" != "$last" ]; do
    given="$given$line
"
  done
  eval "$given"
  unset given line
fi

account=${account%%:*}
if [ -n "$account" ] && [ "${HOME:-/root}" = /root ]; then
  while IFS=: read -r name _ number _ _ home _; do
    if [ "$name" = "$account" ] || [ "$number" = "$account" ]; then export HOME="$home"; fi
  done </etc/passwd
fi

if [ -f /orbyard/ca.pem ]; then
  all=/orbyard/all.pem
  for system in "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt \
      /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
    if [ -f "$system" ]; then cat "$system" >"$all"; echo >>"$all"; break; fi
  done
  cat /orbyard/ca.pem >>"$all"
  export SSL_CERT_FILE="$all" BUNDLE_SSL_CA_CERT="$all" NODE_EXTRA_CA_CERTS="$all" \
    GIT_SSL_CAINFO="$all" CURL_CA_BUNDLE="$all" REQUESTS_CA_BUNDLE="$all"
fi

hand_over() {
  if [ -n "$owner" ]; then chown -R "$owner" "$target"; fi
}
stop() {
  trap '' TERM INT
  kill -TERM -1 2>/dev/null
  wait
  hand_over
  exit 143
}
trap stop TERM INT

if [ -d /orbyard/earlier ]; then
  cp -a /orbyard/earlier/. "$target"/ </dev/null &
  if ! wait $!; then
    echo "the earlier volume could not be copied; starting from nothing"
    find "$target" -mindepth 1 -delete
  fi
fi
"$@" </dev/null &
wait $!
status=$?
if [ $status = 0 ] && [ -n "$tidy" ]; then eval "$tidy" || true; fi
hand_over
exit $status
"""


def install_spec(
    installer: Installer,
    image: ImageInfo,
    *,
    home: Mount,
    earlier: Mount | None,
    environment: Mapping[str, str],
    labels: Mapping[str, str],
    network: str = "",
    owner: str = "",
    takes_secrets: bool = False,
    host_user: bool = False,
) -> ContainerSpec:
    """Return the container of an install.

    Args:
        installer: what runs.
        image: the builder image.
        home: what is filled; its target is where the installer's path is in the container.
        earlier: a volume to start from.
        environment: variables, none of them secret.
        labels: labels of the container.
        network: Docker's network mode.
        owner: ``uid:gid`` or a name of the image, to whom the files are given; "" leaves them root's.
        takes_secrets: whether ``export`` lines will be piped to it.
        host_user: outside of the engine's user-namespace remapping.
    """
    shell = image.shell or ("/bin/sh", "-c")
    words = (home.target, owner, image.user, _LAST_LINE if takes_secrets else "", installer.tidy)
    return ContainerSpec(
        image=image.id,
        command=("/bin/sh", "-c", _SCRIPT, "orbyard", *words, *shell, installer.command),
        environment=environment,
        mounts=(home, *((earlier,) if earlier else ())),
        working_dir=work_folder(image),
        user="0:0",
        network=network,
        labels=labels,
        host_user=host_user,
        takes_input=takes_secrets,
    )


def work_folder(image: ImageInfo) -> str:
    """Return the image's ``WORKDIR``."""
    return image.working_dir or "/"


def target_folder(image: ImageInfo, installer: Installer) -> str:
    """Return where an installer's folder is in the container."""
    return posixpath.join(work_folder(image), installer.path)


def export_lines(secrets: Mapping[str, str]) -> bytes:
    """Return the shell lines that set the variables, and the line that ends them."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in sorted(secrets.items())]
    return ("\n".join([*lines, _LAST_LINE]) + "\n").encode()
