"""Jobs that work on the working tree itself, not on a copy (``--in-place``).

A container has the tree under the name that it has on this machine. Where the job's working directory would
be is a link to it, for what is written as ``~/project/…``.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from pipeline.runner.docker_sandbox import DockerSandbox
from pipeline.runner.host_sandbox import HostSandbox
from pipeline.runner.sandbox import Sandbox

__all__ = ["enter_tree"]

_LINK = """
mkdir -p "$(dirname {link})"
[ -L {link} ] || rmdir {link} 2>/dev/null
[ -e {link} ] || ln -s {tree} {link}
"""
"""What is in the image at that place stays."""

_TAKE_OVER = """
name=$(sed -n 's/^\\([^:]*\\):[^:]*:{uid}:.*/\\1/p' /etc/passwd | head -n 1)
[ -n "$name" ] || exit 0
sed -i "s/^$name:\\([^:]*\\):[0-9]*:[0-9]*:/$name:\\1:{new_uid}:{new_gid}:/" /etc/passwd
chown -R {new_uid}:{new_gid} {home}
echo "$name"
"""
"""Gives the job's user the ids of the tree's owner, and prints its name."""


def enter_tree(sandbox: Sandbox, tree: Path, working_directory: str) -> None:
    """Link the tree to where the job's working directory would be, and let the job's user write in it.

    Args:
        sandbox: the job's.
        tree: the working tree.
        working_directory: the job's, absolute.
    """
    if isinstance(sandbox, DockerSandbox):
        _take_over(sandbox, tree)
        sandbox.as_root(
            _LINK.format(link=shlex.quote(working_directory), tree=shlex.quote(str(tree)))
        )
    elif isinstance(sandbox, HostSandbox):
        link = Path(working_directory)
        # Outside of the job's own home, this machine is not to be touched.
        if link.is_relative_to(sandbox.home) and not os.path.lexists(link):
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(tree)


def _take_over(sandbox: DockerSandbox, tree: Path) -> None:
    """Make the job's user, if it is not root, the one that the tree belongs to: else it could not write."""
    owner = tree.stat()
    if sandbox.uid in (0, owner.st_uid):
        return
    name = sandbox.as_root(
        _TAKE_OVER.format(
            uid=sandbox.uid,
            new_uid=owner.st_uid,
            new_gid=owner.st_gid,
            home=shlex.quote(sandbox.home),
        )
    ).strip()
    # A user without a name in the image is but a number.
    sandbox.user = name or f"{owner.st_uid}:{owner.st_gid}"
    sandbox.uid, sandbox.gid = owner.st_uid, owner.st_gid
