"""The exit codes of every command, and the message that goes with each."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from seqtrain.errors import InputError, RunError, SweepError, keep_interrupts, printable

DONE, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130

# Errors of the machine, not of this program: one line is as useful as a traceback.
OS_ERRNOS = {
    errno.EACCES,
    errno.EDQUOT,
    errno.EEXIST,
    errno.EFBIG,
    errno.EIO,
    errno.EISDIR,
    errno.ELOOP,
    errno.EMFILE,
    errno.ENAMETOOLONG,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
}


def exit_code(command: Callable[[], object]) -> int:
    """Run a command, and turn what it raises into a message and an exit code.

    SIGTERM interrupts it as Ctrl-C does, whatever error a library makes of it.
    """
    try:
        with _interrupted_by_sigterm(), keep_interrupts():
            command()
    except InputError as refusal:
        print(printable(refusal), file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt as interruption:
        print(printable(" ".join(["Interrupted.", *map(str, interruption.args)])), file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has closed it, as `head` does: not an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (RunError, SweepError) as failure:
        print(printable(failure), file=sys.stderr)
        return FAILED
    except SystemExit as end:
        # Hydra ends a sweep in which a job failed like this, after it has reported the failure.
        return FAILED if end.code else DONE
    except Exception as error:
        _report(error)
        return FAILED
    return DONE


@contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _report(error: Exception) -> None:
    if isinstance(error, OSError) and error.errno in OS_ERRNOS:
        place = "" if error.filename is None else f"{error.filename}: "
        print(printable(f"seqtrain: {place}{error.strerror}"), file=sys.stderr)
    else:
        print(printable("".join(traceback.format_exception(error))), end="", file=sys.stderr)
