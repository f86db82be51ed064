"""The help page of a task with many options: in groups, each in the order in which one asks for them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.command import CommandTask

__all__ = ["option_words", "task_help"]

_INDENT = "  "
_WIDEST_OPTION = 24
"""Columns; what is wider has its words on the next line, so that they have room everywhere else."""
_WIDEST_PAGE = 110


def task_help(usage: str, text: str, context: Any, task: CommandTask, width: int) -> Iterator[str]:
    """Return the lines of a page.

    Args:
        usage: the first line.
        text: what the task says of itself.
        context: the parser's context of the task, with its options.
        task: whose groups name the arguments; those that none names come last.
        width: columns of the terminal.
    """
    yield usage
    yield ""
    yield from textwrap.indent(text, _INDENT).splitlines()
    arguments = {argument.name: argument for argument in context.args.values()}
    for heading, names in task.groups.items():
        yield ""
        yield f"{heading}:"
        for name in names:
            argument = arguments.pop(name)
            yield from _entry(option_words(argument, task), argument.help or "", width)
    if arguments:
        yield ""
        yield "More:"
    for argument in arguments.values():
        yield from _entry(option_words(argument, task), argument.help or "", width)
    yield ""


def option_words(argument: Any, task: CommandTask) -> str:
    """Return an option as it is written, with its letter and what it takes: ``-e, --env NAME=VALUE``."""
    name, *others = argument.names
    letter = next((f"-{other}, " for other in others if len(other) == 1), "")
    value = task.values.get(argument.name, "VALUE") if argument.takes_value else ""
    return f"{letter}--{name} {value}".rstrip()


def _entry(option: str, text: str, width: int) -> Iterator[str]:
    indent = " " * (_WIDEST_OPTION + 2 * len(_INDENT))
    lines = textwrap.wrap(
        text,
        max(20, min(width, _WIDEST_PAGE)),
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
    )
    first = f"{_INDENT}{option}"
    if lines and len(option) <= _WIDEST_OPTION:
        first = first.ljust(len(indent)) + lines.pop(0).lstrip()
    yield first
    yield from lines
