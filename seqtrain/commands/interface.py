"""The interface of every command: its arguments, the run that they name, its messages and exit code."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seqtrain.errors import (
    DONE,
    FAILED,
    INTERRUPTED,
    REFUSED,
    ConfigError,
    InputError,
    RunError,
    SweepError,
    first_line,
    keep_interrupts,
    nearest,
    printable,
)

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from seqtrain.runs.folder import RunFolder


class Arguments(dict[str, str]):
    """The values by key; of a key given several times the last, with all of them in `all_of`."""

    def __init__(self) -> None:
        super().__init__()
        self._all: dict[str, list[str]] = {}

    def add(self, key: str, value: str) -> None:
        self[key] = value
        self._all.setdefault(key, []).append(value)

    def all_of(self, key: str) -> list[str]:
        """Every value of `key`, in order."""
        return self._all.get(key, [])

    def check_choice(self, key: str, choices: Sequence[str]) -> None:
        """Refuse a value that is none of `choices`."""
        if key in self and self[key] not in choices:
            raise ConfigError([f"{key}: got {self[key]!r}, expected one of {', '.join(choices)}"])


def parse_arguments(
    arguments: Sequence[str],
    usage: str,
    required: Sequence[str],
    optional: Sequence[str],
    plain: str = "run_dir",
    repeatable: Collection[str] = (),
) -> Arguments | None:
    """Read `key=value` arguments.

    Args:
        arguments: of the command line.
        usage: the text that `--help` prints.
        required: the keys that must be given.
        optional: the keys that may be given.
        plain: the key of an argument that is not key=value: `seqtrain evaluate runs/pos/lstm/...`.
        repeatable: the keys that may be given several times.

    Returns:
        The arguments; None after `--help`.

    Raises:
        ConfigError: an unknown key, a key given twice or a required one missing.
    """
    if any(argument in ("--help", "-h") for argument in arguments):
        print(usage, end="")
        return None
    known = [*required, *optional]
    given, problems = Arguments(), []
    for argument in arguments:
        key, value = _split(argument, known, plain)
        if key not in known:
            problems.append(_explain_unknown(key, known))
        elif key in given and key not in repeatable:
            problems.append(f"{key}: given twice")
        else:
            given.add(key, value)
    problems += [f"{key}: missing; give {key}=..." for key in required if key not in given]
    if problems:
        raise ConfigError(problems)
    return given


def _split(argument: str, known: Sequence[str], plain: str) -> tuple[str, str]:
    """The key and the value of an argument; a path may contain an equals sign."""
    key, equals, value = argument.partition("=")
    is_plain = not equals or (key not in known and Path(argument).exists())
    return (plain, argument) if is_plain and not argument.startswith("-") else (key, value)


def _explain_unknown(key: str, known: Sequence[str]) -> str:
    if key.startswith("-"):
        return f"{key}: no such flag; arguments are key=value, with a key of {', '.join(known)}"
    near = nearest(key, known)
    hint = f"did you mean {near}?" if near else f"known are {', '.join(known)}"
    return f"{key}: no such argument; {hint}"


@dataclass(frozen=True)
class LoadedRun:
    """The run that a command works on; found once, since another may finish and be `latest` meanwhile."""

    folder: RunFolder
    config: DictConfig  # checked
    checkpoint: Path  # to use


def load_run(given: Mapping[str, str]) -> LoadedRun:
    """Find the run that the arguments name, and check its configuration.

    Raises:
        ConfigError: there is no such run folder or checkpoint, or the configuration is refused.
    """
    # Only now: an exported model is read without them, in half the time.
    from seqtrain.config.saved import read_saved_config
    from seqtrain.runs.find import choose_checkpoint, find_run_folder

    folder = find_run_folder(given["run_dir"])
    checkpoint = choose_checkpoint(folder, given.get("checkpoint"))
    cfg = read_saved_config(folder.config_file, parse_names(given.get("plugins", "")))
    if "data_dir" in given:
        _move_data(cfg.data, given["data_dir"])
    return LoadedRun(folder, cfg, checkpoint)


def parse_names(text: str) -> list[str]:
    """The names in a list such as [mine,theirs], with or without brackets."""
    return [name.strip() for name in text.strip("[]").split(",") if name.strip()]


def _move_data(data: DictConfig, folder: str) -> None:
    key = "data_dir" if data.get("path") is None else "path"  # the one that training looked in
    if key not in data:
        raise ConfigError(["data_dir: the data of this run does not come from a folder; leave it out"])
    data[key] = folder
    if "download" in data:
        data.download = True


# Errors of the machine, not of this program: one line is as useful as a traceback.
OS_ERRNOS = {
    *(errno.EACCES, errno.EDQUOT, errno.EEXIST, errno.EFBIG, errno.EIO, errno.EISDIR, errno.ELOOP),
    *(errno.EMFILE, errno.ENAMETOOLONG, errno.ENOSPC, errno.ENOTDIR, errno.EPERM, errno.EROFS),
}


def exit_code(command: Callable[[], object]) -> int:
    """Run a command, and turn what it raises into a message and an exit code.

    SIGTERM interrupts it as Ctrl-C does, whatever error a library makes of it.
    """
    try:
        Path.cwd()
    except FileNotFoundError:  # which libraries say without a name
        print("seqtrain: the current folder has been deleted; change to another one", file=sys.stderr)
        return REFUSED
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
        name = error.filename2 or error.filename  # of a rename what it would have replaced
        file = "" if name is None else f"{os.fsdecode(name)}: "
        print(printable(f"seqtrain: {file}{error.strerror}"), file=sys.stderr)
    elif isinstance(error, MemoryError):
        print(printable(f"seqtrain: not enough memory: {first_line(error)}"), file=sys.stderr)
    else:
        print(printable("".join(traceback.format_exception(error))), end="", file=sys.stderr)
