"""Interruptions and disks that fail, at moments other than a training step."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from command_output import refused
from disturbed_runs import run
from small_runs import without_times

from seqtrain.commands import evaluate
from seqtrain.commands import train as train_command
from seqtrain.errors import RunError
from seqtrain.runs.folder import RunFolder
from seqtrain.training.learner import SequenceLearner


def interrupt_at(monkeypatch: pytest.MonkeyPatch, hook: str, count: int) -> None:
    """Send SIGINT when a hook of the learner is called for the count-th time."""
    calls, original = iter(range(1, 10**6)), getattr(SequenceLearner, hook)

    def interrupted(self: SequenceLearner, *arguments: Any) -> Any:
        if next(calls) == count:
            os.kill(os.getpid(), signal.SIGINT)
        return original(self, *arguments)

    monkeypatch.setattr(SequenceLearner, hook, interrupted)


@pytest.mark.parametrize(
    ("hook", "count"),
    [
        ("validation_step", 1),
        ("validation_step", 2),
        ("validation_step", 3),  # of the evaluation after the training
        ("test_step", 1),
        ("on_test_epoch_end", 1),
    ],
)
def test_the_same_command_finishes_what_was_interrupted(
    compose, tmp_path: Path, monkeypatch, hook: str, count: int
) -> None:
    expected = run(compose(f"run_dir={tmp_path / 'whole'}"))
    cfg = compose()
    before = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        interrupt_at(patch, hook, count)
        with pytest.raises(KeyboardInterrupt):
            run(cfg)
    assert signal.getsignal(signal.SIGINT) == before
    assert not RunFolder(cfg.run_dir).is_done
    assert without_times(run(cfg)) == without_times(expected)


def test_a_disk_that_fills_up_leaves_the_last_good_checkpoint(compose, tmp_path: Path, monkeypatch) -> None:
    expected = run(compose(f"run_dir={tmp_path / 'whole'}"))
    cfg = compose()
    folder, fsync = RunFolder(cfg.run_dir), os.fsync

    def full_after_one_epoch(descriptor: int) -> None:
        if folder.last_checkpoint.exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full_after_one_epoch)
        with pytest.raises(OSError, match="No space left on device"):
            run(cfg)
    assert torch.load(folder.last_checkpoint, weights_only=True)["global_step"] == 6
    assert list(folder.path.rglob("*.partial")) == []
    assert without_times(run(cfg)) == without_times(expected)


def test_sigterm_in_the_final_test_says_how_to_go_on(tmp_path: Path) -> None:
    arguments = ["trainer=debug", "model.hidden_size=8", "callbacks=minimal", "logger=none"]
    script = (
        "import os, signal, sys\n"
        "from seqtrain.training.learner import SequenceLearner\n"
        "SequenceLearner.test_step = lambda *_: os.kill(os.getpid(), signal.SIGTERM)\n"
        "from seqtrain.__main__ import main\n"
        f"sys.exit(main({arguments}))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    options: Any = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True, "check": False}
    stopped = subprocess.run([sys.executable, "-c", script], **options)
    assert stopped.returncode == 130, stopped.stderr
    said = "Interrupted. The same command resumes from the last checkpoint."
    assert stopped.stderr.splitlines()[-1] == said
    assert "Traceback" not in stopped.stderr
    done = subprocess.run([sys.executable, "-m", "seqtrain", *arguments], **options)
    assert done.returncode == 0, done.stderr
    (folder,) = tmp_path.glob("runs/digits/lstm/*")
    assert (folder / "metrics.json").exists()


def test_a_folder_that_is_deleted_while_it_is_trained_ends_the_run_in_a_line(
    compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    cfg = compose()
    calls, step = iter(range(1, 100)), SequenceLearner.training_step

    def delete(self: SequenceLearner, *arguments: Any) -> Any:
        if next(calls) == 8:  # within the second epoch
            shutil.rmtree(cfg.run_dir)
        return step(self, *arguments)

    monkeypatch.setattr(SequenceLearner, "training_step", delete)
    with pytest.raises(RunError, match="was deleted or moved while the run was going on"):
        run(cfg)
    assert not Path(cfg.run_dir).exists()


def test_events_without_room_end_the_run_without_the_traceback_of_a_thread(
    compose, capfd, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tensorboard.summary.writer.record_writer.RecordWriter.write", no_room)
    with pytest.raises(OSError, match="No space left on device"):
        run(compose())
    assert "Traceback" not in capfd.readouterr().err


def test_a_command_is_refused_in_a_folder_that_has_been_deleted(tmp_path: Path, monkeypatch, capsys) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    for main in (train_command.main, evaluate.main):
        assert "the current folder has been deleted; change to another one" in refused(main, [], capsys)
