"""The callbacks in real trainings: checkpoints that lose nothing, curves, hidden states, the progress bar."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from omegaconf import DictConfig
from small_runs import compose_small, without_times
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from seqtrain.runs.folder import RunFolder
from seqtrain.telemetry.histogram import HISTOGRAM_EDGES
from seqtrain.training import LastCheckpoint
from seqtrain.training.build import build_data, load_learner
from seqtrain.training.train import train

EPOCHS, STEPS = 3, 6  # of every training here; 18 steps in all

# Dropout in all places, so that random numbers matter; a schedule that never stands still.
LIVELY = (f"trainer.max_epochs={EPOCHS}", f"trainer.limit_train_batches={STEPS}", "model=bilstm")
LIVELY += ("model.num_layers=2", "model.dropout=0.3", "head.dropout=0.2", "schedule=one_cycle")
# Stops early, after the second epoch
STALLED = ("callbacks=early_stopping", "callbacks.early_stopping.patience=1", "optimizer.lr=1e-9")


class Disturbance(pl.Callback):
    """Does something when a step begins: the number-th of this process."""

    def __init__(self, number: int, action: Callable[[], object]) -> None:
        self.left, self.action = number, action

    def on_train_batch_start(self, *_: Any) -> None:
        self.left -= 1
        if self.left == 0:
            self.action()


class CrashError(RuntimeError):
    """Stands for whatever ends a process."""


def crash() -> None:
    raise CrashError


def run(cfg: DictConfig) -> dict[str, float]:
    return train(cfg, RunFolder(cfg.run_dir))


@pytest.fixture
def disturbed(monkeypatch) -> Callable[[DictConfig, int, Callable[[], object]], None]:
    """Trains, and does something at the beginning of a step."""
    import seqtrain.training.train

    build_trainer = seqtrain.training.train.build_trainer

    def run_disturbed(cfg: DictConfig, number: int, action: Callable[[], object]) -> None:
        def build(*arguments: Any) -> pl.Trainer:
            trainer = build_trainer(*arguments)
            trainer.callbacks.insert(0, Disturbance(number, action))
            return trainer

        with monkeypatch.context() as patch:
            patch.setattr(seqtrain.training.train, "build_trainer", build)
            run(cfg)

    return run_disturbed


def raise_signal(number: int) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


def checkpoint(cfg: DictConfig, name: str = "last") -> dict[str, Any]:
    loaded: dict[str, Any] = torch.load(
        RunFolder(cfg.run_dir).path / "checkpoints" / f"{name}.ckpt", weights_only=True
    )
    return loaded


def differences(left: Any, right: Any, path: str = "") -> list[str]:
    """Where two checkpoints differ, apart from the time that they took."""
    if path.endswith("seconds"):
        return []
    if isinstance(left, dict) and left.keys() == right.keys():
        return [each for key in left for each in differences(left[key], right[key], f"{path}/{key}")]
    if isinstance(left, (list, tuple)) and len(left) == len(right):
        pairs = enumerate(zip(left, right, strict=True))
        return [each for place, (a, b) in pairs for each in differences(a, b, f"{path}[{place}]")]
    same = torch.equal(left, right) if isinstance(left, Tensor) else left == right
    return [] if same else [path]


def events(folder: Path) -> tuple[dict[tuple[str, int], float], dict[tuple[str, int], Any]]:
    """Scalars and histograms by tag and step."""
    reader = EventAccumulator(str(folder), size_guidance={"scalars": 0, "histograms": 0})
    reader.Reload()
    scalars = {(tag, e.step): e.value for tag in reader.Tags()["scalars"] for e in reader.Scalars(tag)}
    histograms = {
        (tag, e.step): e.histogram_value
        for tag in reader.Tags()["histograms"]
        for e in reader.Histograms(tag)
    }
    return scalars, histograms


def assert_same_run(left: DictConfig, right: DictConfig) -> None:
    assert differences(checkpoint(left), checkpoint(right)) == []
    assert differences(checkpoint(left, "best"), checkpoint(right, "best")) == []
    metrics = [json.loads((Path(cfg.run_dir) / "metrics.json").read_text()) for cfg in (left, right)]
    assert [each["seconds"] > 0 for each in metrics] == [True, True]
    assert without_times(metrics[0]) == without_times(metrics[1])
    for part in ("", "validation"):
        assert events(Path(left.run_dir) / part) == events(Path(right.run_dir) / part)


@pytest.fixture(scope="module")
def whole_runs(tmp_path_factory, treebank) -> Callable[..., DictConfig]:
    """The configuration of a run that was never interrupted; each is trained once."""
    done: dict[tuple[str, ...], DictConfig] = {}

    def get(task: str, *overrides: str) -> DictConfig:
        key = (task, *overrides)
        if key not in done:
            folder = tmp_path_factory.mktemp("whole")
            done[key] = compose_small(folder / "run", treebank, *overrides, task=task)
            run(done[key])
        return done[key]

    return get


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
    def test_gradients_in_the_making_are_not_lost(self, compose, disturbed, whole_runs, step: int) -> None:
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
    command = [sys.executable, "-m", "seqtrain", "model.hidden_size=16", *overrides]
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


class TestCurves:
    @pytest.mark.parametrize("accumulated", [1, 2])
    def test_train_loss_is_the_mean_over_valid_positions(
        self, compose, monkeypatch, accumulated: int
    ) -> None:
        from seqtrain.training.learner import SequenceLearner

        seen: list[tuple[float, int]] = []
        step = SequenceLearner.training_step

        def noted(self: SequenceLearner, batch: Any, batch_idx: int) -> Any:
            outputs = step(self, batch, batch_idx)
            seen.append((outputs["loss"].item(), outputs["output"].num_valid))
            return outputs

        monkeypatch.setattr(SequenceLearner, "training_step", noted)
        cfg = compose(*LIVELY, f"trainer.accumulate_grad_batches={accumulated}", task="pos")
        run(cfg)
        scalars, _ = events(Path(cfg.run_dir))
        points = {step: value for (tag, step), value in scalars.items() if tag == "train/loss"}
        steps_per_epoch = STEPS // accumulated
        expected = {step for step in range(1, EPOCHS * steps_per_epoch + 1) if step % 2 == 0}
        expected |= {epoch * steps_per_epoch for epoch in range(1, EPOCHS + 1)}
        assert set(points) == expected
        before = 0
        for step in sorted(points):
            part = seen[before * accumulated : step * accumulated]
            mean = sum(loss * count for loss, count in part) / sum(count for _, count in part)
            assert points[step] == pytest.approx(mean, rel=1e-5)
            before = step

    def test_learning_rate_follows_the_schedule(self, compose) -> None:
        cfg = compose(*LIVELY, "trainer.log_every_n_steps=1")
        run(cfg)
        rates = [
            v for (tag, _), v in sorted(events(Path(cfg.run_dir))[0].items()) if tag == "train/learning_rate"
        ]
        peak = rates.index(max(rates))
        assert len(rates) == EPOCHS * STEPS
        assert max(rates) == pytest.approx(cfg.optimizer.lr, rel=0.02)
        assert rates[peak:] == sorted(rates[peak:], reverse=True)
        assert rates[-1] < cfg.optimizer.lr / 1e4


TAGS = ("mean", "std", "min", "max", "norm", "saturation")


class TestHiddenStates:
    @pytest.mark.parametrize(
        ("model", "states", "directions"),
        [
            ("rnn", ["h_n"], ["forward"]),
            ("gru", ["h_n"], ["forward"]),
            ("lstm", ["h_n", "c_n"], ["forward"]),
            ("bilstm", ["h_n", "c_n"], ["forward", "backward"]),
        ],
    )
    def test_tags_and_values(self, compose, model: str, states, directions) -> None:
        cfg = compose(f"model={model}", "model.num_layers=2", task="pos")
        run(cfg)
        places = {f"{s}/layer{k}/{d}" for s in states for k in (0, 1) for d in directions}
        for part, steps in (("", {1, 5, 9}), ("validation", {6, 12})):
            scalars, histograms = events(Path(cfg.run_dir) / part)
            figures = (*TAGS, "dead", "effective_rank") if part else TAGS  # units are judged over a split
            tags = {f"{place}/{figure}" for place in places for figure in figures}
            assert {tag for tag, _ in scalars if "_n/" in tag} == tags
            assert {tag for tag, _ in histograms} == places
            assert {step for tag, step in scalars if tag in tags} == steps
            assert {step for _, step in histograms} == steps
        self.check_validation(cfg, places)

    def check_validation(self, cfg: DictConfig, places: set[str]) -> None:
        """The last figures are those of the last weights over all of dev, each sentence run by itself."""
        learner = load_learner(cfg, RunFolder(cfg.run_dir).last_checkpoint).eval()
        data = build_data(cfg)
        data.setup()
        dev = data.corpus.splits["dev"]
        with torch.no_grad():
            finals = [learner.network(dev.batch([index]))[1][0] for index in range(len(dev.lengths))]
        scalars, histograms = events(Path(cfg.run_dir) / "validation")
        num_directions = learner.network.backbone.num_directions
        for place in places:
            name, layer, direction = place.split("/")
            row = int(layer[-1]) * num_directions + (direction == "backward")
            state = torch.cat([getattr(final, name)[row] for final in finals]).double()
            bounded = state.tanh() if name == "c_n" else state
            figures = {
                "mean": state.mean(),
                "std": state.std(unbiased=False),
                "min": state.min(),
                "max": state.max(),
                "norm": state.norm(dim=1).mean(),
                "saturation": (bounded.abs() > 0.97).double().mean(),
            }
            for figure, value in figures.items():
                logged = scalars[f"{place}/{figure}", 12]
                assert logged == pytest.approx(value.item(), rel=1e-4, abs=1e-6), (place, figure)
            histogram = histograms[place, 12]
            assert histogram.num == state.numel() == sum(histogram.bucket)
            assert histogram.sum == pytest.approx(state.sum().item(), rel=1e-3, abs=1e-4)
            assert set(histogram.bucket_limit[:-1]) <= set(HISTOGRAM_EDGES.double().tolist())

    @pytest.mark.parametrize("accumulated", [1, 2])
    def test_nothing_is_computed_between_the_looks(self, compose, monkeypatch, accumulated: int) -> None:
        from seqtrain.telemetry.final_states import StateStatistics

        updates: list[bool] = []
        update = StateStatistics.update

        def noted(self: StateStatistics, state: Tensor) -> None:
            updates.append(True)
            update(self, state)

        monkeypatch.setattr(StateStatistics, "update", noted)
        options = ("callbacks.hidden_states.every_n_steps=5", "trainer.limit_val_batches=1", "model=gru")
        run(
            compose(
                *options, "trainer.limit_train_batches=12", f"trainer.accumulate_grad_batches={accumulated}"
            )
        )
        steps = 24 // accumulated
        assert len(updates) == len(range(1, steps + 1, 5)) + 2  # and each epoch one batch of validation

    def test_a_csv_goes_on_after_an_interruption(self, compose, disturbed) -> None:
        cfg = compose("logger=csv")
        with pytest.raises(KeyboardInterrupt):
            disturbed(cfg, STEPS + 4, raise_signal(signal.SIGINT))
        run(cfg)
        with (Path(cfg.run_dir) / "metrics.csv").open(newline="") as file:
            steps = [int(row["step"]) for row in csv.DictReader(file) if row["train/loss"]]
        assert steps == [2, 4, 6, 8, 10, 12]

    def test_a_csv_has_the_same_figures(self, compose) -> None:
        tensorboard = compose("model=lstm")
        run(tensorboard)
        table = compose("model=lstm", "logger=csv", f"run_dir={tensorboard.run_dir}_csv")
        run(table)
        rows = (Path(table.run_dir) / "metrics.csv").read_text().splitlines()
        header = rows[0].split(",")
        assert {"train/loss", "val/loss", "val/h_n/layer0/forward/mean", "h_n/layer0/forward/mean"} <= set(
            header
        )
        column = header.index("val/h_n/layer0/forward/norm")
        logged = [float(row.split(",")[column]) for row in rows[1:] if row.split(",")[column]]
        scalars, _ = events(Path(tensorboard.run_dir) / "validation")
        expected = [v for (tag, _), v in sorted(scalars.items()) if tag == "h_n/layer0/forward/norm"]
        assert logged == pytest.approx(expected, rel=1e-6)


class TestProgress:
    def test_a_pipe_gets_one_line_an_epoch(self, compose, capfd) -> None:
        run(compose())
        out, err = capfd.readouterr()
        assert "\r" not in out + err
        first, second = (line for line in err.splitlines() if line.startswith("epoch "))
        assert re.fullmatch(
            r"epoch 1/2  loss \d\.\d{4}  val/accuracy 0\.\d{4}  \d+\.\d s  best so far", first
        )
        assert second.startswith("epoch 2/2  loss ")

    def test_a_terminal_gets_a_bar_with_loss_and_metric(self, compose, capsys, monkeypatch) -> None:
        monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
        run(compose("callbacks.progress.refresh_rate=2"))
        _, err = capsys.readouterr()
        assert "epoch 2/2" in err
        assert "loss 2." in err
        assert "val/accuracy 0." in err

    def test_the_bar_of_a_resumed_epoch_starts_where_it_stopped(
        self, compose, disturbed, monkeypatch, capsys
    ) -> None:
        cfg = compose()
        with pytest.raises(KeyboardInterrupt):
            disturbed(cfg, STEPS + 4, raise_signal(signal.SIGINT))
        started: list[int] = []
        import seqtrain.training.callbacks.progress as progress

        tqdm = progress.tqdm

        def noted(**options: Any) -> Any:
            started.append(options["initial"])
            return tqdm(**options)

        monkeypatch.setattr(progress, "tqdm", noted)
        monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
        run(cfg)
        assert started == [4]

    @pytest.mark.parametrize("stopped_at", [None, STEPS + 4])
    def test_the_loss_is_the_mean_over_the_whole_epoch(
        self, compose, disturbed, whole_runs, stopped_at: int | None
    ) -> None:
        cfg = whole_runs("digits", *LIVELY)
        if stopped_at is not None:
            cfg = compose(*LIVELY)
            with pytest.raises(KeyboardInterrupt):
                disturbed(cfg, stopped_at, raise_signal(signal.SIGINT))
            run(cfg)
        log = RunFolder(cfg.run_dir).log_file.read_text()
        shown = [float(loss) for loss in re.findall(r"INFO epoch \d/3  loss (\d\.\d{4})", log)]
        scalars, _ = events(Path(cfg.run_dir))
        points = {step: value for (tag, step), value in scalars.items() if tag == "train/loss"}
        # Points every second step, and batches of equal size: an epoch of six steps has three points.
        means = [sum(points[epoch * STEPS + step] for step in (2, 4, 6)) / 3 for epoch in range(EPOCHS)]
        assert shown == pytest.approx(means, abs=1e-4)

    def test_no_bar_is_built_without_the_callback(self, compose, capfd) -> None:
        run(compose("callbacks.progress=null"))
        assert "epoch 1/2" not in capfd.readouterr().err


def test_last_checkpoint_is_called_after_all_other_callbacks(compose) -> None:
    from seqtrain.runs.logs import quiet_lightning
    from seqtrain.training.build import build_trainer

    quiet_lightning()
    trainer = build_trainer(compose())
    assert isinstance(trainer.callbacks[-1], LastCheckpoint)
