"""Whose the folders are that come about when an archive has something in them and no member for them.

Docker's engine, and a tar that runs as root, make them root's. Another user could write nothing beside
what was unpacked: no ``~/.npm/_logs`` after ``~/.npm/_cacache`` was restored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

__all__ = ["give_folders_argvs"]

_AT_ONCE = 500
_GIVE = (
    'owner=$1; shift; for folder; do [ "$(stat -L -c %u "${folder%/*}/")" != "${owner%:*}" ] ||'
    ' [ "$(stat -c %u "$folder")" != 0 ] || chown "$owner" "$folder"; done'
)
"""Gives a user what is root's in a folder that is the user's, and so could have been made by them."""


def give_folders_argvs(
    folders: Iterable[str], owner: tuple[int, int], home: str
) -> Iterator[tuple[str, ...]]:
    """Yield programs for root that give folders to a user; none for a home folder and what it is in.

    Args:
        folders: absolute.
        owner: the user and its group.
        home: the user's home folder.
    """
    made = sorted(name for name in folders if not f"{home}/".startswith(f"{name}/"))
    for first in range(0, len(made), _AT_ONCE):
        some = made[first : first + _AT_ONCE]
        yield ("/bin/sh", "-c", _GIVE, "sh", f"{owner[0]}:{owner[1]}", *some)
