"""The exit codes of every command, and the message that goes with each."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable

from seqtrain.errors import InputError

DONE, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130


def exit_code(command: Callable[[], object]) -> int:
    """Run a command; turn what it raises into a message and an exit code."""
    try:
        command()
    except InputError as refusal:
        print(refusal, file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt as interruption:
        print(" ".join(["Interrupted.", *map(str, interruption.args)]), file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has had enough: not an error, and nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except SystemExit as end:
        # So Hydra ends a sweep in which a job failed, which it has told.
        return FAILED if end.code else DONE
    except Exception:
        traceback.print_exc()
        return FAILED
    return DONE
