"""Interrupted trainings, which end with the numbers of a run that was never interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from disturbed_runs import (
    EPOCHS,
    LIVELY,
    STEPS,
    CrashError,
    assert_same_run,
    checkpoint,
    crash,
    differences,
    raise_signal,
    run,
)
from small_runs import without_times

from seqtrain.runs.folder import RunFolder
from seqtrain.training import LastCheckpoint

# Stops early, after the second epoch.
STALLED = ("callbacks=early_stopping", "callbacks.early_stopping.patience=1", "optimizer.lr=1e-9")


class TestResume:
    @pytest.mark.parametrize(
        ("number", "step"),
        [
            (signal.SIGINT, 1),
            (signal.SIGINT, STEPS + 3),
            (signal.SIGTERM, STEPS + 3),
            (signal.SIGTERM, 2 * STEPS),
            (signal.SIGINT, EPOCHS * STEPS - 1),
            (signal.SIGTERM, EPOCHS * STEPS),
        ],
    )
    def test_a_signal_loses_nothing(self, compose, disturbed, whole_runs, number: int, step: int) -> None:
        before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
        cfg = compose(*LIVELY)
        with pytest.raises(KeyboardInterrupt):
            disturbed(cfg, step, raise_signal(number))
        assert checkpoint(cfg)["global_step"] == step
        assert not RunFolder(cfg.run_dir).is_done
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
        run(cfg)
        assert_same_run(whole_runs("digits", *LIVELY), cfg)

    @pytest.mark.parametrize("step", [2, STEPS])
    def test_words_resume_too(self, compose, disturbed, whole_runs, step: int) -> None:
        cfg = compose(*LIVELY, task="pos")
        with pytest.raises(KeyboardInterrupt):
            disturbed(cfg, step, raise_signal(signal.SIGINT))
        run(cfg)
        assert_same_run(whole_runs("pos", *LIVELY), cfg)

    def test_averaged_weights_go_on_too(self, compose, disturbed, whole_runs) -> None:
        overrides = ("callbacks=average", "callbacks.average.decay=0.9", *LIVELY)
        cfg = compose(*overrides)
        with pytest.raises(KeyboardInterrupt):
            disturbed(cfg, STEPS + 2, raise_signal(signal.SIGINT))
        run(cfg)
        assert_same_run(whole_runs("digits", *overrides), cfg)

    def test_three_interruptions_in_a_row(self, compose, disturbed, whole_runs) -> None:
        cfg = compose(*LIVELY)
        for step in (4, 1, 6):
            with pytest.raises(KeyboardInterrupt):
                disturbed(cfg, step, raise_signal(signal.SIGTERM))
        assert checkpoint(cfg)["global_step"] == 11
        run(cfg)
        assert_same_run(whole_runs("digits", *LIVELY), cfg)

    @pytest.mark.parametrize("step", [3, STEPS + 3])
    def test_accumulated_gradients_are_not_lost(self, compose, disturbed, whole_runs, step: int) -> None:
        overrides = (*LIVELY, "trainer.accumulate_grad_batches=2")
        cfg = compose(*overrides)
        with pytest.raises(KeyboardInterrupt):
            disturbed(cfg, step, raise_signal(signal.SIGTERM))
        assert checkpoint(cfg)["global_step"] == (step + 1) // 2
        run(cfg)
        assert_same_run(whole_runs("digits", *overrides), cfg)

    @pytest.mark.parametrize("step", [STEPS + 2, 2 * STEPS])
    def test_early_stopping_counts_on(self, compose, disturbed, whole_runs, step: int) -> None:
        whole = whole_runs("digits", *LIVELY, *STALLED)
        assert json.loads(RunFolder(whole.run_dir).metrics_file.read_text())["epochs"] == 2
        log = RunFolder(whole.run_dir).log_file.read_text()
        assert (
            "INFO stopped early after epoch 2: no better val/accuracy since epoch 1; the best weights" in log
        )
        cfg = compose(*LIVELY, *STALLED)
        with pytest.raises(KeyboardInterrupt):
            disturbed(cfg, step, raise_signal(signal.SIGINT))
        run(cfg)
        assert_same_run(whole, cfg)

    @pytest.mark.parametrize("every_minutes", [1e-9, 5.0])
    def test_a_crash_loses_what_came_after_the_last_checkpoint(
        self, compose, disturbed, whole_runs, every_minutes: float
    ) -> None:
        every = f"callbacks.last.every_minutes={every_minutes}"
        cfg = compose(*LIVELY, every)
        with pytest.raises(CrashError):
            disturbed(cfg, STEPS + 4, crash)
        assert checkpoint(cfg)["global_step"] == (STEPS + 3 if every_minutes < 1 else STEPS)
        run(cfg)
        assert_same_run(whole_runs("digits", *LIVELY, every), cfg)

    def test_kill_9_after_which_only_the_test_was_left(self, compose, whole_runs, monkeypatch) -> None:
        cfg = compose(*LIVELY)
        with monkeypatch.context() as patch:
            patch.setattr("seqtrain.training.train.measure", lambda *_: crash())
            with pytest.raises(CrashError):
                run(cfg)
        metrics = run(cfg)
        assert_same_run(whole_runs("digits", *LIVELY), cfg)
        assert metrics["seconds"] >= round(checkpoint(cfg)["callbacks"]["Throughput"]["seconds"], 1)

    def test_a_second_signal_stops_at_once(self, compose, disturbed) -> None:
        def twice() -> None:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

        cfg = compose(*LIVELY)
        with pytest.raises(KeyboardInterrupt):
            disturbed(cfg, STEPS + 2, twice)
        assert checkpoint(cfg)["global_step"] == STEPS

    def test_no_half_written_file_is_left(self, compose, disturbed, monkeypatch) -> None:
        cfg = compose(*LIVELY)
        with monkeypatch.context() as patch, pytest.raises(CrashError):
            disturbed(cfg, STEPS + 1, lambda: patch.setattr("os.fsync", lambda _: crash()))
        assert checkpoint(cfg)["global_step"] == STEPS
        assert list(Path(cfg.run_dir).rglob("*.partial")) == []


def test_kill_9_of_a_real_process(tmp_path: Path, compose) -> None:
    """The same command goes on, and ends with the numbers of a run that was never killed."""
    overrides = [*LIVELY, "callbacks.last.every_minutes=1e-9", "data_dir=none"]
    command = [sys.executable, "-m", "seqtrain", "model.hidden_size=16", "data.batch_size=32", *overrides]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    slowly = (
        "import sys, time, seqtrain.training.learner as l; step = l.SequenceLearner.training_step\n"
        "def slow(self, batch, batch_idx): time.sleep(0.05); return step(self, batch, batch_idx)\n"
        "l.SequenceLearner.training_step = slow\n"
        "from seqtrain.commands.train import main; sys.exit(main())"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", slowly, *command[3:]],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 300
        while not list(tmp_path.glob("runs/*/*/*/checkpoints/last.ckpt")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait()
    (folder,) = tmp_path.glob("runs/*/*/*")
    assert not (folder / "metrics.json").exists()
    finished = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    assert list(tmp_path.glob("runs/*/*/*")) == [folder]
    whole = compose("model.hidden_size=16", *overrides, "trainer.log_every_n_steps=20")
    expected = run(whole)
    metrics = json.loads((folder / "metrics.json").read_text())
    assert without_times(metrics) == without_times(expected)
    weights = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert differences(weights, checkpoint(whole)["state_dict"]) == []


def test_last_checkpoint_is_called_after_all_other_callbacks(compose) -> None:
    from seqtrain.runs.logs import quiet_lightning
    from seqtrain.training.build import build_trainer

    quiet_lightning()
    trainer = build_trainer(compose())
    assert isinstance(trainer.callbacks[-1], LastCheckpoint)
