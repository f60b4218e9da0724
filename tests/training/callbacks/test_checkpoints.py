from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

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
    trained,
)
from small_runs import without_times

from seqtrain.config import ConfigError
from seqtrain.runs.folder import RunFolder
from seqtrain.spec import DataSpec, SequenceClasses, VectorInputs
from seqtrain.training import LastCheckpoint
from seqtrain.training.build import build_trainer
from seqtrain.training.callbacks.checkpoints import WEIGHTS_ONLY, BestCheckpoint, LocalCheckpointIO

AVERAGED = ("callbacks=average", "callbacks.average.decay=0.9")


@pytest.mark.parametrize(
    ("mode", "scores", "kept"),
    [
        ("max", [0.5, 0.7, 0.7, 0.6], [True, True, True, False]),
        ("min", [3.0, 3.0, 2.0, 2.5], [True, True, True, False]),
        ("min", [float("nan"), 1.0, float("nan")], [False, True, False]),
    ],
)
def test_no_earlier_score_beats_the_best_and_the_last_of_equals_is_kept(
    mode: str, scores: list[float], kept: list[bool]
) -> None:
    best = BestCheckpoint("best.ckpt", "val/loss", mode)
    for score, is_kept in zip(scores, kept, strict=True):
        assert best.is_best(score) == is_kept
        if is_kept:
            best.score = score


def test_a_resumed_run_compares_with_its_best_unless_its_file_is_gone(tmp_path: Path) -> None:
    here, gone = (BestCheckpoint(str(tmp_path / name), "val/loss", "min") for name in ("a", "b"))
    here.path.touch()
    for best in (here, gone):
        best.load_state_dict({"score": 1.0, "epoch": 3})
    assert (here.score, here.epoch) == (1.0, 3)
    assert (gone.score, gone.epoch) == (None, None)


def test_it_holds_weights_only_and_the_last_one_all_that_resuming_needs(compose) -> None:
    folder = trained(compose("model=lstm"))
    best, last = (torch.load(p, weights_only=True) for p in (folder.best_checkpoint, folder.last_checkpoint))
    assert best.keys() == {"state_dict", "spec", "epoch", "global_step", "pytorch-lightning_version"}
    assert {"optimizer_states", "lr_schedulers", "loops", "callbacks"} <= last.keys()
    assert best["state_dict"].keys() == last["state_dict"].keys()
    assert folder.best_checkpoint.stat().st_size < 0.5 * folder.last_checkpoint.stat().st_size


def test_averaged_weights_are_the_ones_kept(compose) -> None:
    folder = trained(compose(*AVERAGED, "trainer.max_epochs=1"))
    best, last = (torch.load(p, weights_only=True) for p in (folder.best_checkpoint, folder.last_checkpoint))
    for name, average in best["state_dict"].items():
        assert torch.equal(average, last["state_dict"][name])
        assert not torch.equal(average, last["current_model_state"][name])


def test_a_monitor_that_is_no_metric_is_refused_with_those_that_are(compose) -> None:
    cfg = compose()
    cfg.callbacks.best.monitor = "val/acuracy"
    with pytest.raises(ConfigError, match=r"no metric val/acuracy; there are val/accuracy, val/loss"):
        run(cfg)


def test_another_training_starts_from_its_weights(compose, tmp_path: Path) -> None:
    first = compose("trainer.max_epochs=1", f"run_dir={tmp_path / 'first'}")
    metrics = run(first)
    best = RunFolder(first.run_dir).best_checkpoint
    second = compose(f"checkpoint={best}", "optimizer.lr=1e-9", "trainer.max_epochs=1")
    again = run(second)
    assert again["epochs"] == 1
    assert without_times(again) == pytest.approx(without_times(metrics), abs=1e-4)
    log = RunFolder(second.run_dir).log_file.read_text()
    assert f"checkpoint  {best} has only weights: a new training starts from them" in log


EVERY_STEP = "callbacks.last.every_minutes=1e-9"
CARRIED = (EVERY_STEP, "encoder.dropout=0.1", "data.restarts=0.3")
# Stops early, after the second epoch.
STALLED = ("callbacks=early_stopping", "callbacks.early_stopping.patience=1", "optimizer.lr=1e-9")
PAIRS = ("trainer.accumulate_grad_batches=2",)
# The task, its overrides, the signal or None for a crash, in which batch it comes, and the steps then kept.
INTERRUPTIONS = [
    ("digits", (), signal.SIGINT, 1, 1),
    ("digits", (), signal.SIGINT, STEPS + 3, STEPS + 3),
    ("digits", (), signal.SIGTERM, STEPS + 3, STEPS + 3),
    ("digits", (), signal.SIGTERM, 2 * STEPS, 2 * STEPS),
    ("digits", (), signal.SIGINT, EPOCHS * STEPS - 1, EPOCHS * STEPS - 1),
    ("digits", (), signal.SIGTERM, EPOCHS * STEPS, EPOCHS * STEPS),
    ("digits", (EVERY_STEP,), None, STEPS + 4, STEPS + 3),
    ("digits", ("callbacks.last.every_minutes=5",), None, STEPS + 4, STEPS),
    ("digits", AVERAGED, signal.SIGINT, STEPS + 2, STEPS + 2),
    ("digits", PAIRS, signal.SIGTERM, 3, 2),
    ("digits", PAIRS, signal.SIGTERM, STEPS + 3, (STEPS + 4) // 2),
    ("digits", STALLED, signal.SIGINT, STEPS + 2, STEPS + 2),
    ("digits", STALLED, signal.SIGINT, 2 * STEPS, 2 * STEPS),
    ("pos", (), signal.SIGINT, 2, 2),
    ("pos", (), signal.SIGINT, STEPS, STEPS),
    ("language_model", CARRIED, None, 4, 3),
    ("language_model", CARRIED, None, STEPS + 1, STEPS),
    ("language_model", CARRIED, None, STEPS + 5, STEPS + 4),
]


class TestResume:
    @pytest.mark.parametrize(("task", "overrides", "number", "batch", "kept"), INTERRUPTIONS)
    def test_a_run_ends_as_one_that_nothing_happened_to(
        self, compose, disturbed, whole_runs, task, overrides, number, batch, kept
    ) -> None:
        before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
        cfg = compose(*LIVELY, *overrides, task=task)
        with pytest.raises(KeyboardInterrupt if number else CrashError):
            disturbed(cfg, batch, raise_signal(number) if number else crash)
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
        assert not RunFolder(cfg.run_dir).is_done
        stopped = checkpoint(cfg)
        assert stopped["global_step"] == kept
        if task == "language_model":
            state = stopped["callbacks"]["LastCheckpoint"]["task"]["states"][0]["final_state"]
            assert [tuple(each.shape) for each in state] == [(2, 8, 16)] * 2
        run(cfg)
        assert_same_run(whole_runs(task, *LIVELY, *overrides), cfg)

    def test_three_interruptions_in_a_row(self, compose, disturbed, whole_runs) -> None:
        cfg = compose(*LIVELY)
        for step in (4, 1, 6):
            with pytest.raises(KeyboardInterrupt):
                disturbed(cfg, step, raise_signal(signal.SIGTERM))
        assert checkpoint(cfg)["global_step"] == 11
        run(cfg)
        assert_same_run(whole_runs("digits", *LIVELY), cfg)

    def test_a_training_that_stands_still_stops_early(self, whole_runs) -> None:
        folder = RunFolder(whole_runs("digits", *LIVELY, *STALLED).run_dir)
        assert json.loads(folder.metrics_file.read_text())["epochs"] == 2
        ended = "INFO stopped early after epoch 2: no better val/accuracy since epoch 1; the best weights"
        assert ended in folder.log_file.read_text()

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
    assert isinstance(build_trainer(compose()).callbacks[-1], LastCheckpoint)


WHOLE = {
    "state_dict": {"weight": torch.zeros(2)},
    "spec": DataSpec(VectorInputs(feature_size=3), SequenceClasses(("A", "B"))).to_dict(),
    "epoch": 1,
    "optimizer_states": [{"state": {}}],
    "callbacks": {"BestCheckpoint": {"score": 0.5, "epoch": 1}},
}


def through(tmp_path: Path, **changes: Any) -> dict[str, Any]:
    """What a training resumes from, of a checkpoint with these changes."""
    checkpoint_io = LocalCheckpointIO()
    path = tmp_path / "run" / "checkpoints" / "last.ckpt"
    path.parent.parent.mkdir(exist_ok=True)
    checkpoint_io.save_checkpoint(WHOLE | changes, path)
    return checkpoint_io.load_checkpoint(path)


def test_the_state_of_a_training_comes_back_and_nothing_else(tmp_path: Path) -> None:
    foreign = {"hyper_parameters": {"network": 1}, "datamodule_hyper_parameters": {}, "SomeDataModule": {}}
    for resumed in (through(tmp_path), through(tmp_path, **foreign)):
        assert resumed.keys() == WHOLE.keys()
        assert resumed["callbacks"] == WHOLE["callbacks"]


def test_weights_only_leaves_the_optimizer_out(tmp_path: Path) -> None:
    path = tmp_path / "best.ckpt"
    LocalCheckpointIO().save_checkpoint(WHOLE, path, storage_options=WEIGHTS_ONLY)
    assert torch.load(path, weights_only=True).keys() == {"state_dict", "spec", "epoch"}


@pytest.mark.parametrize("key", ["kth_best_model_path", "best_model_path", "last_model_path", "dirpath"])
def test_no_path_out_of_the_folder_is_taken(tmp_path: Path, key: str) -> None:
    folder = tmp_path / "run" / "checkpoints"
    inside = {"dirpath": str(folder), "best_model_path": str(folder / "best.ckpt"), "best_k_models": {}}
    states = {"ModelCheckpoint{'monitor': None}": inside}
    assert through(tmp_path, callbacks=states)["callbacks"] == states
    for path in (tmp_path / "precious", folder / ".." / ".." / "precious"):
        outside = {"ModelCheckpoint{'monitor': None}": inside | {key: str(path)}}
        assert through(tmp_path, callbacks=outside)["callbacks"] == {}
        many = {"ModelCheckpoint": inside | {"best_k_models": {str(path): torch.tensor(0.0)}}}
        assert through(tmp_path, callbacks=many)["callbacks"] == {}


def test_the_clock_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    last = {"seconds": 12.5, "num_trained": 700, "should_stop": False}
    callbacks = through(tmp_path, callbacks={"LastCheckpoint": last})["callbacks"]
    assert callbacks == {"LastCheckpoint": last, "Throughput": {"seconds": 12.5, "num_trained": 700}}
    del last["num_trained"]
    callbacks = through(tmp_path, callbacks={"LastCheckpoint": last})["callbacks"]
    assert callbacks["Throughput"] == {"seconds": 12.5, "num_trained": None}


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    path.write_bytes(b"x")
    LocalCheckpointIO().remove_checkpoint(path)
    LocalCheckpointIO().remove_checkpoint(path)
    assert not path.exists()
