"""Commands of seqtrain in processes of their own: what they print, how they end, and whether they do."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

TIMEOUT = 300.0  # seconds: a command that takes longer hangs
ALL_SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP}


def import_all() -> None:
    """Import what commands use, so that forked ones begin at once."""
    import seqtrain.__main__
    import seqtrain.commands.check_data
    import seqtrain.commands.evaluate
    import seqtrain.commands.export
    import seqtrain.commands.generate
    import seqtrain.commands.inspect
    import seqtrain.commands.predict
    import seqtrain.commands.report
    import seqtrain.commands.train
    import seqtrain.serving.export.files
    import seqtrain.serving.onnx_predictor
    import seqtrain.serving.predictor
    import seqtrain.training.train  # noqa: F401


@dataclass
class Command:
    """A command that was started."""

    pid: int
    log: Path  # what it prints, after what was printed there before
    begins_at: int  # in the log, in bytes
    code: int | None = None  # once it has ended: negative is a signal
    is_fresh: bool = False  # with an interpreter of its own

    def wait(self, seconds: float = TIMEOUT) -> int | None:
        """The exit code; None where it runs on."""
        until = time.monotonic() + seconds
        while self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > until:
                return None
            else:
                time.sleep(0.01)
        return self.code

    def send(self, number: signal.Signals) -> None:
        if self.wait(0) is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self.wait()

    @property
    def said(self) -> str:
        with self.log.open("rb") as file:
            file.seek(self.begins_at)
            return file.read().decode(errors="replace")


def start(
    action: Callable[[], int], here: Path, log: Path, prepare: Callable[[], object] | None = None
) -> Command:
    """Run what returns an exit code in a fork of this process, which has imported all of seqtrain.

    Args:
        action: what to run.
        here: the current folder.
        log: gets standard output and standard error.
        prepare: is called in the new process first.
    """
    begins_at = log.stat().st_size if log.exists() else 0
    signal.pthread_sigmask(signal.SIG_BLOCK, ALL_SIGNALS)  # until the command handles them
    try:
        pid = os.fork()
        if pid == 0:
            _run(action, here, log, prepare)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ALL_SIGNALS)
    return Command(pid, log, begins_at)


def _run(action: Callable[[], int], here: Path, log: Path, prepare: Callable[[], object] | None) -> None:
    code = 1
    try:
        os.setpgid(0, 0)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(here)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # SIGQUIT would write one
        if prepare is not None:
            prepare()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ALL_SIGNALS)
        code = action()
    except KeyboardInterrupt:  # before the command began, or after its end
        code = 130
    except BaseException:  # as the interpreter does
        sys.excepthook(*sys.exc_info())
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, ALL_SIGNALS)
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def start_fresh(arguments: Sequence[str], here: Path, log: Path) -> Command:
    """Run `python -m seqtrain ARGUMENTS`, which takes seconds to begin; a signal can meet its imports."""
    begins_at = log.stat().st_size if log.exists() else 0
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "seqtrain", *arguments],
            cwd=here,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            process_group=0,
        )
    process.returncode = 0  # `Command.wait` waits for it
    return Command(process.pid, log, begins_at, is_fresh=True)
