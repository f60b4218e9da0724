"""Interruptions that Lightning hides."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def keep_interrupts() -> Iterator[None]:
    """Let KeyboardInterrupt through a call of the trainer, which would exit with the code of a failure.

    Raises:
        KeyboardInterrupt: the trainer was interrupted.
    """
    try:
        yield
    except SystemExit as end:
        if isinstance(end.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise
