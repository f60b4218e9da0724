"""The errors whose text is all that the user is shown, their messages, and interruptions hidden by others."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path

DONE, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130  # the exit codes of commands


class InputError(ValueError):
    """A configuration, a command line or data that cannot be used; its text is all that the user is shown."""


class ConfigError(InputError):
    """A configuration that cannot be run; `problems` holds every reason, each as "path: problem"."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(dict.fromkeys(problems))
        super().__init__(self.problems)

    def __str__(self) -> str:
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        head = f"seqtrain: the configuration was refused ({count}); nothing was run or written."
        return "\n".join([head, *(f"  {printable_line(problem)}" for problem in self.problems)])


class RunError(RuntimeError):
    """A run that cannot continue, through no fault in this package; its text suggests what to try."""


class DataError(InputError):
    """What is wrong with the data, where, and what to do about it.

    The message starts with the file, and with the line where there is one, as compilers write it.
    """

    def __init__(self, problem: str, path: str | Path | None = None, line: int | None = None) -> None:
        prefix = "" if path is None else f"{path}: " if line is None else f"{path}:{line}: "
        super().__init__(printable_line(prefix + problem))


class SweepError(Exception):
    """Some jobs of a sweep are not done; the message names them and explains how to continue."""


@contextmanager
def keep_interrupts() -> Iterator[None]:
    """Let KeyboardInterrupt through libraries that raise something else when one arrives.

    Lightning exits with the code of a failure, and OmegaConf raises an error of its own with the interruption
    in its chain. What goes wrong while an interrupted run is saved stays an error: the disk, or the run.

    Raises:
        KeyboardInterrupt: in place of the error that it led to.
    """
    try:
        yield
    except (Exception, SystemExit) as error:
        hidden = _interruption_behind(error)
        if hidden is None:
            raise
        raise KeyboardInterrupt(*hidden.args) from None


def _interruption_behind(error: BaseException) -> KeyboardInterrupt | None:
    """The KeyboardInterrupt that an error was raised from, or while it was handled, at any depth."""
    waiting, seen = [error], set()
    while waiting:
        each = waiting.pop()
        if isinstance(each, KeyboardInterrupt):
            return each
        is_of_its_own = isinstance(each, (OSError, RunError)) and not isinstance(each, ConnectionError)
        if not is_of_its_own and id(each) not in seen:
            seen.add(id(each))
            waiting += [origin for origin in (each.__cause__, each.__context__) if origin is not None]
    return None


def printable(text: object) -> str:
    """A text that is safe to print: control characters except newline and tab are escaped, as in \\x1b."""
    return CONTROL.sub(_escape, str(text))


def printable_line(text: object) -> str:
    """A text that is safe to print and stays on one line: newlines and tabs are escaped too."""
    return LINE_CONTROL.sub(_escape, str(text))


def printable_json(value: object) -> str:
    """JSON on one line that is safe to print: `printable` text with the escapes of JSON."""
    text = json.dumps(value, ensure_ascii=False)
    return LINE_CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _escape(found: re.Match[str]) -> str:
    return ascii(found[0])[1:-1]


def nearest(word: str, choices: Collection[str]) -> str | None:
    """The choice that `word` was most likely meant to be; None where nothing is near."""
    by_lower_case = {choice.lower(): choice for choice in choices}
    matches = get_close_matches(word.lower(), by_lower_case, n=1, cutoff=0.6)
    return by_lower_case[matches[0]] if matches else None


def not_among(word: object, choices: Collection[str]) -> str:
    """The message for a word that is not one of `choices`, with the nearest choice as a suggestion."""
    meant = nearest(word, choices) if isinstance(word, str) else None
    hint = f"; did you mean {meant}?" if meant else ""
    return f"got {show(word)}, expected one of {', '.join(choices)}{hint}"


def show(value: object) -> str:
    """A value as a person would write it in YAML, short enough for one line."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def name_some(names: Iterable[object], most: int = 20) -> str:
    """Names as a list on one line, each cut where it is too long, and how many more there are."""
    every = list(names)
    first = [shorten(printable_line(name)) for name in every[:most]]
    more = len(every) - len(first)
    return ", ".join([*first, f"{more:,} more"] if more else first)


def shorten(text: str, most: int = 60) -> str:
    """A text that is cut where it is longer."""
    return text if len(text) <= most else f"{text[: most - 1]}\N{HORIZONTAL ELLIPSIS}"


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or its type if it has none."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


# C0 except newline and tab, DEL, C1, what changes the direction of text, and halves of surrogate pairs.
CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
SURROGATE = re.compile("[\ud800-\udfff]")  # half of a pair, which is not a character
LINE_CONTROL = re.compile(rf"{CONTROL.pattern}|[\t\n\u2028\u2029]")
