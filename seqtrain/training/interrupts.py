"""Interruptions that a library hides behind an error of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from seqtrain.errors import RunError


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
