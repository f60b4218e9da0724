"""What can happen to a training: it is stopped, paused, disturbed, or has no room. Nothing is lost by it."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from soaking.trials import INTERRUPTED, Trial

DAY = 86_400
ENDS = {
    signal.SIGKILL: {0, -signal.SIGKILL},
    signal.SIGQUIT: {0, -signal.SIGQUIT},
    signal.SIGHUP: {0, -signal.SIGHUP},
    signal.SIGTERM: {*INTERRUPTED, -signal.SIGTERM},
    signal.SIGINT: INTERRUPTED,
}
STORM = (signal.SIGINT, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
ONE_IN = 4  # commands with an interpreter of its own, whose imports a signal can meet
PAGE = 4096  # bytes


def kill(trial: Trial) -> None:
    """Signals at random moments, up to four in one run, each followed by the same command."""
    for _ in range(trial.draw.randint(1, 4)):
        sent = trial.draw.choice(list(ENDS))
        command = trial.train(fresh=trial.draw.randrange(ONE_IN) == 0)
        if command.wait(trial.moment()) is None:
            command.send(sent)
            trial.count(sent.name)
        trial.end(command, ENDS[sent], f"after {sent.name}")
        if (trial.run / "metrics.json").exists():
            break
    trial.finish()


def storm(trial: Trial) -> None:
    """Signals in quick succession, as of someone who leans on Ctrl-C."""
    command = trial.train(fresh=trial.draw.randrange(ONE_IN) == 0)
    command.wait(trial.moment())
    chosen = STORM[:1] if trial.draw.randrange(2) else STORM
    for _ in range(trial.draw.randint(3, 30)):
        if command.wait(trial.draw.choice([0, 0.001, 0.01, 0.1])) is not None:
            break
        sent = trial.draw.choice(chosen)
        command.send(sent)
        trial.count(sent.name)
    trial.end(command, {*INTERRUPTED, -signal.SIGTERM, -signal.SIGQUIT}, "after a storm of signals")
    trial.finish()


def pause(trial: Trial) -> None:
    """Ctrl-Z; another process tries to use the folder and is refused; fg."""
    command = trial.train()
    if command.wait(trial.moment()) is None:
        command.send(signal.SIGTSTP)
        if (trial.run / "checkpoints").exists() and not (trial.run / "metrics.json").exists():
            trial.end(trial.train(), {2}, "while another process is paused in the folder")
        command.wait(trial.draw.uniform(0, 0.5))
        command.send(signal.SIGCONT)
    trial.end(command, {0}, "continued")
    trial.finish()


def clock(trial: Trial) -> None:
    """The clock is set back by a day, between two attempts or within one."""

    def set_back() -> None:
        until, right = time.monotonic() + trial.moment(), time.time
        time.time = lambda: right() - (DAY if time.monotonic() > until else 0)

    command = trial.train(prepare=set_back)
    if command.wait(trial.moment()) is None:
        command.send(signal.SIGKILL)
    trial.end(command, ENDS[signal.SIGKILL], "with a clock that is set back")
    for path in trial.run.rglob("*"):
        os.utime(path, (time.time() + DAY,) * 2)
    trial.finish()


def remove(trial: Trial) -> None:
    """The folder is deleted while a run writes it; the command then begins again."""
    command = trial.train()
    if command.wait(trial.moment()) is None:
        what = trial.draw.choice([trial.run, trial.run / "checkpoints", trial.run / "config.yaml"])
        shutil.rmtree(what, ignore_errors=True)
        with contextlib.suppress(OSError):
            what.unlink()
        trial.count(what.name)
    trial.end(command, {0, 1, 2}, "with its folder deleted")
    is_finished = (trial.run / "metrics.json").exists()
    needed = ["config.yaml", *(["checkpoints/best.ckpt"] if is_finished else [])]
    if trial.run.exists() and not all((trial.run / each).exists() for each in needed):
        shutil.rmtree(trial.run)  # no longer a run folder, or finished before what it needs was deleted
    trial.finish()


def twice(trial: Trial) -> None:
    """Two processes, one folder: one trains, the other is refused and changes nothing."""
    first = trial.train()
    first.wait(trial.moment() if trial.draw.randrange(2) else 0)
    second = trial.train()
    codes = [trial.end(first, {0, 2}, "first of two"), trial.end(second, {0, 2}, "second of two")]
    if codes not in ([0, 2], [2, 0]):
        trial.problem("other", f"two at once: exit codes {codes}, expected 0 and 2")
    trial.finish()


def full_disk(trial: Trial) -> None:
    """A disk on which a write fails, any of them: a small file system, or a limit on the size of files."""
    sizes = [path.stat().st_size for path in trial.whole.run.rglob("*") if path.is_file()]
    with _small_disk(trial, sum(sizes)) as disk:
        if disk is None:
            trial.count("limits")
            limit = trial.draw.randrange(max(sizes))
            limited = trial.train(prepare=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
            trial.end(limited, {0, 1, 2}, f"with files of at most {limit} bytes")
            trial.finish()
            return
        trial.count("file systems")
        run = disk / "run"
        trial.end(trial.train(run), {0, 1, 2}, "on a full disk")
        _mount(disk, "remount,size=1g,nr_inodes=1000")
        trial.finish(run, "repeated with room")


@contextmanager
def _small_disk(trial: Trial, needed: int) -> Iterator[Path | None]:
    """A file system with room for some of the files of a run, or some of their bytes; None where it cannot be
    mounted."""
    disk = trial.folder / "disk"
    disk.mkdir()
    pages, inodes = trial.draw.randrange(1, needed // PAGE + 8), trial.draw.randrange(2, 30)
    of_inodes = trial.draw.randrange(4) == 0
    size = f"size=1g,nr_inodes={inodes}" if of_inodes else f"size={pages * PAGE},nr_inodes=1000"
    if not _mount(disk, size):
        yield None
        return
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=False)


def _mount(disk: Path, options: str) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)]
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def lost_place(trial: Trial) -> None:
    """The folder in which a command begins has been deleted."""
    place = trial.folder / "place"
    run = str(trial.whole.run)
    for arguments in ([f"run_dir={trial.run}", *trial.arguments], ["evaluate", run], ["report", run]):
        place.mkdir()
        trial.end(trial.command(*arguments, here=place, prepare=place.rmdir), {2}, "in a deleted folder")
    trial.finish()
