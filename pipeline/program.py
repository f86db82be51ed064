"""The ``orbyard`` command, and the namespace that a repository's ``tasks.py`` hands to Invoke.

Nothing is loaded to print help but Invoke and the orbs' task modules.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.collection import Collection
from invoke.exceptions import Exit, ParseError
from invoke.program import Program
from invoke.terminals import pty_size
from invoke.util import enable_logging

from pipeline import __version__
from pipeline.errors import InvalidInput, did_you_mean

if TYPE_CHECKING:
    namespace: Collection

__all__ = ["collect_namespace", "main", "namespace"]


def collect_namespace(start: Path | None = None) -> Collection:
    """Return the tasks of the engine and of every orb found, as one Invoke collection."""
    from pipeline import tasks
    from pipeline.orb import find_orbs, load_tasks

    root = Collection()
    _merge(root, tasks.namespace)
    for orb in find_orbs(_project_root(start or Path.cwd())):
        found = load_tasks(orb)
        if found is not None:
            _merge(root, found)
    return root


def _project_root(start: Path) -> Path | None:
    from pipeline.project import find_root

    try:
        return find_root(start)
    except InvalidInput:
        return None  # Outside of a project help is still printed; a task says what is missing.


def _merge(into: Collection, other: Collection) -> None:
    for task in other.tasks.values():
        into.add_task(task)
    for name, child in other.collections.items():
        into.add_collection(child, name=name)


class OrbyardProgram(Program):
    """Invoke's program with our exit codes: wrong usage is bad input, and so 2."""

    def create_config(self) -> None:
        """Load the tasks when the program runs, so that importing this module costs nothing."""
        self.namespace = collect_namespace()
        super().create_config()

    def parse_core_args(self) -> None:
        """Read the options before the first task."""
        try:
            super().parse_core_args()
        except ParseError as error:
            raise self._usage(error) from None

    def parse_tasks(self) -> None:
        """Read the tasks and their options; ``--debug`` may stand behind them."""
        try:
            super().parse_tasks()
        except ParseError as error:
            raise self._usage(error) from None
        except ValueError as error:
            raise self._no_number(error) from None
        if self.args.debug.value:
            enable_logging()

    def print_task_help(self, name: str) -> None:
        """Print the help of a task: by its groups, where it has any."""
        from pipeline.help_page import task_help

        task = self.collection[name]
        if not getattr(task, "groups", None):
            super().print_task_help(name)
            return
        context = self.parser.contexts[name]
        usage = f"Usage: {self.binary} {name} [--options]"
        lines = task_help(usage, inspect.getdoc(task) or "", context, task, pty_size()[0])
        sys.stdout.writelines(f"{line}\n" for line in lines)

    def _make_parser(self) -> Any:
        parser = super()._make_parser()
        words = self.core.unparsed
        context = parser.contexts.get(words[0]) if len(words) == 2 else None
        if context is not None and words[1] in {"--help", "-h"} - set(context.flags):
            # A task that takes a word would take this one.
            self.args.help.value = words[0]
            words.clear()
        words[:] = self._with_variadic_words(words, parser.contexts)
        return parser

    def _with_variadic_words(self, words: list[str], contexts: Mapping[str, Any]) -> list[str]:
        """Put the option before each bare word behind a task that takes any number of them."""
        result: list[str] = []
        context, option, value_follows = None, "", False
        for word in words:
            if word in contexts and not value_follows:
                context = contexts[word]
                option = getattr(self.collection[context.name], "variadic", "")
            elif context is not None and option:
                if value_follows:
                    value_follows = False
                elif word.startswith("-") and word != "-":
                    known = context.flags.get(word)
                    value_follows = known is not None and known.takes_value
                else:
                    result.append(f"--{option}")
            result.append(word)
        return result

    def _no_number(self, error: ValueError) -> Exit:
        """Say what option is not a number: Invoke converts the words, and names neither."""
        value = str(error).rpartition(": ")[2].strip("'")
        words = [word for one in self.argv for word in one.split("=", 1)]
        names = [name for name, word in pairwise(words) if word == value and name.startswith("-")]
        return Exit(
            f"error: {names[0] if names else 'an option'} takes a number, found {value!r}",
            code=InvalidInput.exit_code,
        )

    def _known_like(self, word: str) -> list[str]:
        """Return the options that the tasks of the command line have, or all tasks."""
        if not hasattr(self, "collection"):
            return []
        if not word.startswith("-"):
            return list(self.collection.task_names)
        contexts = [
            self.parser.contexts[name] for name in self.argv if name in self.parser.contexts
        ]
        return [flag for context in contexts for flag in context.flags if flag.startswith("--")]

    def _advice_for(self, word: str) -> str:
        """Return what may have been meant by a word that is neither a task nor an option."""
        known = self._known_like(word)
        below = [name for name in known if name.startswith(f"{word}.")]
        following = self.argv[self.argv.index(word) + 1 :] if word in self.argv else []
        if following and f"{word}.{following[0]}" in below:
            return f"write `{word}.{following[0]}`"
        if below:
            return f"there are {', '.join(sorted(below))}"
        return did_you_mean(word, known) or ""

    def _usage(self, error: ParseError) -> Exit:
        message = str(error)
        words = message.split("'")
        advice = "see `orbyard --list`, and `orbyard --help TASK`"
        if message.startswith("No idea what") and len(words) > 2:
            advice = self._advice_for(words[1]) or advice
        elif "did not receive required positional arguments" in message and len(words) > 3:
            task, missing = words[1], ", ".join(f"--{name}" for name in words[3::2])
            message, advice = f"{task} needs {missing}", f"see `orbyard --help {task}`"
        return Exit(f"error: {message}\nwhat to do: {advice}", code=InvalidInput.exit_code)


def main() -> None:
    """Run the ``orbyard`` command."""
    _open_streams()
    try:
        OrbyardProgram(name="orbyard", binary="orbyard", version=__version__).run(sys.argv)
    except BrokenPipeError:
        # The reader of our output went away, as `head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_streams() -> None:
    """Put /dev/null where the caller closed a standard stream, as ``>&-`` does.

    The next file that is opened would take its number, and programs that are started would write to it.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, number)
            if null != number:
                os.close(null)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def __getattr__(name: str) -> Any:
    # Invoke looks for `ns` or `namespace` in a tasks module; made when asked for, not at import.
    if name == "namespace":
        return collect_namespace()
    raise AttributeError(name)
