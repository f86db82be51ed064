"""The first process of a container: tells what the runner has to know, prepares what it may, and stays.

Each program that is started in a container costs the engine more than all of this together. Where an image
brings a first process of its own, or the job's user is not root, the same is asked for by programs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = [
    "ASKS_FOR_USER",
    "FACTS",
    "Facts",
    "Wanted",
    "first_process",
    "is_whole",
    "preparation",
    "read_facts",
    "without_facts",
]

_MARK = "orbyard-facts"
_END = "orbyard-facts-end"

_USUAL = "PATH=$PATH:/usr/local/bin:/usr/bin:/bin"
"""For the programs used here: what an image has for a PATH may lead nowhere."""
_TELL = f"""
p=$PATH
{_USUAL}
u=$(id -u) g=$(id -g)
printf "%s\\n" {_MARK} "$HOME" "$u" "$g" "$p"
test -x /bin/bash && echo bash
case $(tar --version 2> /dev/null) in *GNU*) echo tar ;; esac
"""

FACTS = ("/bin/sh", "-c", f"{_TELL}echo {_END}")
"""A program that prints the facts."""
ASKS_FOR_USER = ("/bin/sh", "-c", "id -u > /dev/null")
"""A program that prints why the facts cannot be had, where there is a shell."""

_PREPARE = """
prepare() {
  if [ -n "$1" ]; then
    mkdir -p "$1" && chown "$4" "$1" || return 1
    [ -n "$(ls -A "$1")" ] || echo empty
  fi
  {
    mkdir -p /usr/local/bin
    for p in "$2"/*; do ln -sf "$p" /usr/local/bin/; done
    [ -z "$3" ] || for p in "$3"/*; do
      [ -e "/usr/local/bin/${p##*/}" ] || ln -s "$p" /usr/local/bin/
    done
  } > /dev/null 2>&1
  return 0
}
"""
_STAY = f"""
cd /
trap 'exit 0' TERM INT
{_TELL}
d=$1
case $d in "~") d=$HOME ;; "~/"*) d=$HOME/${{d#??}} ;; esac
[ "$u" != 0 ] || [ -n "$4" ] || {{ prepare "$d" "$2" "$3" "$u:$g" 2> /dev/null && echo prepared; }}
echo {_END}
while :; do
  sleep 3600 & wait $!
  [ $? != 127 ] || exit 127
done
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a container is to have before its first step.

    Attributes:
        folder: the working directory, which may begin with ``~``; empty where it is there already.
        programs: a folder with programs that are linked where every image looks for programs.
        where_missing: one whose programs are linked where the image has none of the name there, or "".
        is_later: whether the first process leaves it to :func:`preparation`, once the folder was looked at.
    """

    folder: str
    programs: str
    where_missing: str = ""
    is_later: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What a container tells of itself.

    Attributes:
        home: the home folder of the user that steps run as.
        uid: that user's number.
        gid: its group's.
        path: its PATH, or "".
        has_bash: whether there is ``/bin/bash``.
        has_tar: whether there is GNU's ``tar``: that of busybox leaves some links to root.
        is_prepared: whether all that was wanted has been made.
        is_empty: whether the working directory has nothing in it.
    """

    home: str
    uid: int
    gid: int
    path: str
    has_bash: bool = False
    has_tar: bool = False
    is_prepared: bool = False
    is_empty: bool = False


def first_process(wanted: Wanted) -> tuple[str, ...]:
    """Return a program that prints the facts, prepares the container if it is root, and stays."""
    words = (wanted.folder, wanted.programs, wanted.where_missing, "later" * wanted.is_later)
    return ("/bin/sh", "-c", _PREPARE + _STAY, "sh", *words)


def preparation(wanted: Wanted, owner: str) -> tuple[str, ...]:
    """Return a program for root that prepares the container, and prints "empty" where the folder is.

    Args:
        wanted: what to make; its folder is absolute.
        owner: whose the folder will be, as ``uid:gid``.
    """
    words = (wanted.folder, wanted.programs, wanted.where_missing, owner)
    return ("/bin/sh", "-c", f'{_USUAL}\n{_PREPARE}prepare "$@"', "sh", *words)


def is_whole(printed: bytes) -> bool:
    """Tell whether all of the facts have come in."""
    return f"\n{_END}\n".encode() in printed


def read_facts(printed: bytes) -> Facts | None:
    """Read what was printed; None for anything but facts."""
    lines = printed.decode(errors="replace").splitlines()
    if _MARK not in lines or _END not in lines:
        return None
    words = lines[lines.index(_MARK) + 1 : lines.index(_END)]
    if len(words) < 4 or not re.fullmatch(r"\d+", words[1]) or not re.fullmatch(r"\d+", words[2]):
        return None
    home, uid, gid, path, *rest = words
    return Facts(
        home or "/",
        int(uid),
        int(gid),
        path,
        has_bash="bash" in rest,
        has_tar="tar" in rest,
        is_prepared="prepared" in rest,
        is_empty="empty" in rest,
    )


def without_facts(lines: Iterable[str]) -> list[str]:
    """Return a container's output without the facts, which are no news to anybody."""
    kept: list[str] = []
    for line in lines:
        if line == _END:
            del kept[kept.index(_MARK) if _MARK in kept else 0 :]
        else:
            kept.append(line)
    return kept
