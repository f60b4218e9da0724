"""The errors whose text is all that the user is shown."""

from __future__ import annotations

from pathlib import Path


class InputError(ValueError):
    """A configuration, a command line or data that cannot be used; its text is all that the user is shown."""


class RunError(RuntimeError):
    """A run that cannot continue, through no fault in this package; its text says what to try."""


class DataError(InputError):
    """What is wrong with the data, where, and what to do about it.

    The message starts with the file, and with the line where there is one, as compilers write it.
    """

    def __init__(self, problem: str, path: str | Path | None = None, line: int | None = None) -> None:
        place = "" if path is None else f"{path}: " if line is None else f"{path}:{line}: "
        super().__init__(place + problem)


class SweepError(Exception):
    """Some jobs of a sweep are not done; the message says which, and how to continue."""
