from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from event_files import read_texts
from pytorch_lightning.loggers import TensorBoardLogger

from seqtrain.runs.folder import RunFolder
from seqtrain.telemetry import health
from seqtrain.telemetry.health import HealthWarnings
from seqtrain.telemetry.sink import Sink
from seqtrain.training.train import train

DEAD = "h_n/layer0/forward/dead"
RATIO = "gradients/layer0/forward/ratio"
SICK, WELL = 1e-9, 0.5


def validate(
    warnings: HealthWarnings,
    sink: Sink,
    monkeypatch: pytest.MonkeyPatch,
    *values: float | None,
    tag: str = RATIO,
) -> None:
    """A validation for each value, or one after which nothing is measured."""
    monkeypatch.setattr(health, "sink_of", lambda _: sink)
    module: Any = None
    for number, value in enumerate(values):
        step = 5 * (number + 1)
        trainer: Any = SimpleNamespace(sanity_checking=False, is_global_zero=True, global_step=step)
        if value is not None:
            sink.scalars({tag: value}, step, validation=True)
        warnings.on_validation_end(trainer, module)


def test_a_finding_is_reported_once_when_it_stays(monkeypatch, caplog) -> None:
    warnings, sink = HealthWarnings(patience=3), Sink([])
    with caplog.at_level("WARNING", "seqtrain"):
        validate(warnings, sink, monkeypatch, SICK, SICK)
        assert caplog.messages == []
        validate(warnings, sink, monkeypatch, SICK, SICK, SICK)
    (message,) = caplog.messages
    assert message.startswith("warning: gradients vanish in layer0, forward: ")
    assert "initialization=remember" in message


def test_a_finding_that_goes_away_is_not_reported(monkeypatch, caplog) -> None:
    validate(HealthWarnings(patience=2), Sink([]), monkeypatch, SICK, WELL, SICK, WELL)
    assert caplog.messages == []


def test_a_validation_without_a_measurement_neither_counts_nor_clears(monkeypatch, caplog) -> None:
    warnings, sink = HealthWarnings(patience=2), Sink([])
    validate(warnings, sink, monkeypatch, SICK, None, None)
    assert caplog.messages == []
    validate(warnings, sink, monkeypatch, SICK)
    assert len(caplog.messages) == 1


def test_units_that_come_to_life_are_no_reason_to_warn(monkeypatch, caplog) -> None:
    warnings, sink = HealthWarnings(patience=2), Sink([])
    validate(warnings, sink, monkeypatch, 0.9, 0.7, 0.5, 0.4, tag=DEAD)
    assert caplog.messages == []
    validate(warnings, sink, monkeypatch, 0.4, tag=DEAD)
    assert caplog.messages[0].startswith("warning: units are dead in layer0, forward: 40% of them")


def test_gradients_that_vanish_less_still_vanish(monkeypatch, caplog) -> None:
    validate(HealthWarnings(patience=2), Sink([]), monkeypatch, 1e-9, 1e-7)
    assert len(caplog.messages) == 1


def test_a_resumed_training_counts_on(monkeypatch, caplog) -> None:
    before, after, sink = HealthWarnings(2), HealthWarnings(2), Sink([])
    validate(before, sink, monkeypatch, SICK)
    after.load_state_dict(before.state_dict())
    validate(after, sink, monkeypatch, SICK, SICK)
    assert len(caplog.messages) == 1


def test_tensorboard_has_the_text(monkeypatch, tmp_path: Path) -> None:
    sink = Sink([TensorBoardLogger(tmp_path, "", "")])
    validate(HealthWarnings(patience=1), sink, monkeypatch, SICK)
    sink.close()
    assert read_texts(tmp_path)["run/warnings"][5].startswith("- gradients vanish in layer0, forward")


def test_a_healthy_run_is_quiet_and_one_without_learning_is_not(compose, capfd) -> None:
    options = ("trainer.max_epochs=4", "data.batch_size=32")
    healthy = compose(*options, "optimizer.lr=0.01")
    train(healthy, RunFolder(healthy.run_dir))
    assert "warning" not in capfd.readouterr().err
    stuck = compose(*options, "optimizer.lr=1e-9", f"run_dir={healthy.run_dir}_stuck")
    train(stuck, RunFolder(stuck.run_dir))
    assert "warning: the loss is flat: " in capfd.readouterr().err
