"""The errors whose text is all that the user is shown, and interruptions that others hide."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class InputError(ValueError):
    """A configuration, a command line or data that cannot be used; its text is all that the user is shown."""


class RunError(RuntimeError):
    """A run that cannot continue, through no fault in this package; its text suggests what to try."""


class DataError(InputError):
    """What is wrong with the data, where, and what to do about it.

    The message starts with the file, and with the line where there is one, as compilers write it.
    """

    def __init__(self, problem: str, path: str | Path | None = None, line: int | None = None) -> None:
        place = "" if path is None else f"{path}: " if line is None else f"{path}:{line}: "
        super().__init__(printable_line(place + problem))


class SweepError(Exception):
    """Some jobs of a sweep are not done; the message names them and explains how to continue."""


@contextmanager
def keep_interrupts() -> Iterator[None]:
    """Let KeyboardInterrupt through libraries that raise something else when one arrives.

    Lightning exits with the code of a failure, and OmegaConf raises an error of its own with the interruption
    in its chain. What goes wrong while an interrupted run is saved stays an error: the disk, or the run.

    Raises:
        KeyboardInterrupt: in place of what was raised on its account.
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


# C0 except newline and tab, DEL, C1, what changes the direction of text, and halves of surrogate pairs.
CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
LINE_CONTROL = re.compile(rf"{CONTROL.pattern}|[\t\n\u2028\u2029]")
