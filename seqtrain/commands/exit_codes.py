"""The exit codes of every command, and the message that goes with each."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Callable

from seqtrain.errors import InputError, RunError, SweepError, printable

DONE, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130

# Errors of the machine, not of this program: one line tells the user all that a traceback would.
OF_THE_MACHINE = {
    errno.EACCES,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EIO,
    errno.EMFILE,
    errno.ENAMETOOLONG,
    errno.ENOSPC,
    errno.EPERM,
    errno.EROFS,
}


def exit_code(command: Callable[[], object]) -> int:
    """Run a command, and turn what it raises into a message and an exit code."""
    try:
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


def _report(error: Exception) -> None:
    if isinstance(error, OSError) and error.errno in OF_THE_MACHINE:
        place = "" if error.filename is None else f"{error.filename}: "
        print(f"seqtrain: {place}{error.strerror}", file=sys.stderr)
    else:
        traceback.print_exception(error)
