from __future__ import annotations

import re
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from disturbed_runs import EPOCHS, LIVELY, STEPS, raise_signal, run
from event_files import read_scalars
from pytorch_lightning.trainer.states import TrainerFn

from seqtrain.records import StepOutput
from seqtrain.runs.folder import RunFolder
from seqtrain.training.callbacks import progress
from seqtrain.training.callbacks.checkpoints import BestCheckpoint
from seqtrain.training.callbacks.progress import EpochReport, EvaluationThroughput, Throughput


def test_a_pipe_gets_one_line_an_epoch(compose, capfd) -> None:
    run(compose())
    out, err = capfd.readouterr()
    assert "\r" not in out + err
    first, second = (line for line in err.splitlines() if line.startswith("epoch "))
    assert re.fullmatch(r"epoch 1/2  loss \d\.\d{4}  val/accuracy 0\.\d{4}  \d+\.\d s  best so far", first)
    assert second.startswith("epoch 2/2  loss ")


def test_a_pipe_gets_lines_within_long_epochs(compose, capfd, monkeypatch) -> None:
    monkeypatch.setattr(progress, "SECONDS_PER_LINE", 0.0)
    run(compose())
    first = next(line for line in capfd.readouterr().err.splitlines() if line.startswith("epoch "))
    assert re.fullmatch(r"epoch 1/2  batch 1 of \d+  loss \d\.\d{4}", first)


def test_what_is_as_good_as_before_is_not_the_best_so_far() -> None:
    best = BestCheckpoint("best.ckpt", "val/accuracy", "max")
    marks = []
    for epoch, score in enumerate([0.5, 0.7, 0.7, 0.6, 0.8]):
        trainer = Mock(current_epoch=epoch, callbacks=[best], callback_metrics={"val/accuracy": score})
        trainer.state.fn, trainer.sanity_checking = TrainerFn.FITTING, False
        best.on_validation_end(trainer, Mock())
        marks.append(progress._is_best(trainer))
    assert marks == [True, True, False, False, True]
    assert (best.epoch, best.first_epoch) == (5, 5)


def test_a_terminal_gets_a_bar_with_loss_and_metric(compose, capsys, monkeypatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    run(compose("callbacks.progress.refresh_rate=2"))
    _, err = capsys.readouterr()
    assert "epoch 2/2" in err
    assert "loss 2." in err
    assert "val/accuracy 0." in err


def test_the_bar_of_a_resumed_epoch_starts_where_it_stopped(compose, disturbed, monkeypatch) -> None:
    cfg = compose()
    with pytest.raises(KeyboardInterrupt):
        disturbed(cfg, STEPS + 4, raise_signal(signal.SIGINT))
    bar = Mock(wraps=progress.tqdm)
    monkeypatch.setattr(progress, "tqdm", bar)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    run(cfg)
    assert [each.kwargs["initial"] for each in bar.call_args_list] == [4]


@pytest.mark.parametrize("stopped_at", [None, STEPS + 4])
def test_the_loss_is_the_mean_over_the_whole_epoch(
    compose, disturbed, whole_runs, stopped_at: int | None
) -> None:
    cfg = whole_runs("digits", *LIVELY)
    if stopped_at is not None:
        cfg = compose(*LIVELY)
        with pytest.raises(KeyboardInterrupt):
            disturbed(cfg, stopped_at, raise_signal(signal.SIGINT))
        run(cfg)
    log = RunFolder(cfg.run_dir).log_file.read_text()
    shown = [float(loss) for loss in re.findall(r"INFO epoch \d/3  loss (\d\.\d{4})", log)]
    points = read_scalars(Path(cfg.run_dir))["train/loss"]
    # Points every second step, and batches of equal size: an epoch of six steps has three points.
    means = [sum(points[epoch * STEPS + step] for step in (2, 4, 6)) / 3 for epoch in range(EPOCHS)]
    assert shown == pytest.approx(means, abs=1e-4)


def test_no_bar_is_built_without_the_callback(compose, capfd) -> None:
    run(compose("callbacks.progress=null"))
    assert "epoch 1/2" not in capfd.readouterr().err


def validate(answer: bool, **metrics: float) -> tuple[list[tuple[int, float]], Any]:
    """What is reported after a validation, and the trainer then."""
    report = Mock(return_value=answer)
    tensors = {name.replace("_", "/"): torch.tensor(value) for name, value in metrics.items()}
    trainer: Any = SimpleNamespace(callback_metrics=tensors, current_epoch=4, should_stop=False)
    EpochReport("val/accuracy", report).on_validation_end(trainer, None)  # type: ignore[arg-type]
    return [each.args for each in report.call_args_list], trainer


@pytest.mark.parametrize("answer", [True, False])
def test_the_answer_decides_whether_training_ends(answer: bool) -> None:
    reported, trainer = validate(answer, val_accuracy=0.5, val_loss=2.0)
    assert reported == [(4, 0.5)]
    assert trainer.should_stop is answer


def test_without_the_metric_nothing_is_reported() -> None:
    reported, trainer = validate(True, val_loss=2.0)
    assert reported == []
    assert not trainer.should_stop


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """The time, which the test sets."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


NOTHING: Any = None


def step(measured: Throughput, num_valid: int) -> None:
    output = StepOutput(torch.tensor(0.0), num_valid, (), 1)
    measured.on_train_batch_end(NOTHING, NOTHING, {"loss": NOTHING, "output": output}, NOTHING, 0)


def test_positions_are_divided_by_the_time_of_the_training(clock) -> None:
    measured = Throughput()
    assert measured.seconds == 0
    assert measured.per_second(1) is None
    measured.on_train_start(NOTHING, NOTHING)
    step(measured, 30)
    clock[0] += 4
    measured.on_train_end(NOTHING, NOTHING)
    clock[0] += 50  # the final test is not part of it
    assert measured.seconds == 4
    assert measured.per_second(1) == 7.5
    assert measured.per_second(2) == 15.0


def test_a_resumed_training_adds_to_what_its_checkpoint_has(clock) -> None:
    first, second = Throughput(), Throughput()
    first.on_train_start(NOTHING, NOTHING)
    step(first, 30)
    clock[0] += 4
    second.load_state_dict(first.state_dict() | {"cpu_seconds": 8.0})
    clock[0] += 50  # between the two attempts
    second.on_train_start(NOTHING, NOTHING)
    step(second, 30)
    clock[0] += 2
    assert second.seconds == 6
    assert 8.0 < second.cpu_seconds <= second.state_dict()["cpu_seconds"] < 9.0
    assert second.per_second(1) == 10.0


def test_positions_that_were_never_counted_give_no_throughput() -> None:
    measured = Throughput()
    measured.load_state_dict({"seconds": 3.0, "num_trained": None})
    step(measured, 30)
    assert measured.seconds == 3.0
    assert measured.cpu_seconds is None
    assert measured.per_second(1) is None


def test_an_evaluation_counts_its_valid_positions_only(clock) -> None:
    measured = EvaluationThroughput()
    assert measured.per_second is None
    for num_valid in (30, 10):  # a second pass starts anew
        measured.on_test_start(NOTHING, NOTHING)
        clock[0] += 4
        output = StepOutput(torch.tensor(0.0), num_valid, (), 1)
        measured.on_test_batch_end(NOTHING, NOTHING, output, NOTHING, 0)
        measured.on_test_end(NOTHING, NOTHING)
        assert measured.per_second == num_valid / 4
        clock[0] += 50


def test_an_evaluation_of_nothing_has_no_throughput(clock) -> None:
    measured = EvaluationThroughput()
    measured.on_test_start(NOTHING, NOTHING)
    clock[0] += 4
    measured.on_test_end(NOTHING, NOTHING)
    assert measured.per_second is None
