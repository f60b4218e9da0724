from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from event_files import read_texts
from pytorch_lightning.loggers import TensorBoardLogger
from small_networks import batch

from seqtrain.errors import RunError
from seqtrain.records import StepOutput
from seqtrain.runs.folder import RunFolder
from seqtrain.training.callbacks import health
from seqtrain.training.callbacks.health import HealthWarnings
from seqtrain.training.learner import SequenceLearner
from seqtrain.training.telemetry.sink import Sink
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
    losses: Sequence[float] = (),
) -> None:
    """A validation for each value, or one after which nothing is measured, with these losses on dev."""
    monkeypatch.setattr(health, "sink_of", lambda _: sink)
    module: Any = None
    for number, value in enumerate(values):
        step = 5 * (number + 1)
        metrics = {"val/loss": losses[number]} if losses else {}
        trainer: Any = SimpleNamespace(
            sanity_checking=False, is_global_zero=True, global_step=step, callback_metrics=metrics
        )
        if value is not None:
            sink.scalars({tag: value}, step, validation=not tag.startswith("train/"))
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


def start(warnings: HealthWarnings, *losses: float) -> None:
    """Training steps of a tagger, each with its mean loss over two words."""
    nothing: Any = None
    for number, loss in enumerate(losses):
        output = StepOutput(torch.tensor(2 * loss, dtype=torch.float64), 2, (), 1)
        warnings.on_train_batch_end(nothing, nothing, output, batch("tags"), number)


def test_a_tagger_has_a_loss_at_each_step_which_the_ratio_depends_on(monkeypatch, caplog) -> None:
    warnings, sink = HealthWarnings(patience=1), Sink([])
    start(warnings, 2.8)
    validate(warnings, sink, monkeypatch, SICK)
    assert caplog.messages == []
    validate(warnings, sink, monkeypatch, 1e5, tag="gradients/layer0/forward/growth")
    assert caplog.messages[0].startswith("warning: gradients explode in layer0, forward: ")


def test_a_loss_that_fell_before_the_first_validation_is_not_flat(monkeypatch, caplog) -> None:
    warnings, sink = HealthWarnings(patience=3), Sink([])
    start(warnings, 2.8, 0.3)
    validate(warnings, sink, monkeypatch, *[0.3] * 4, tag="train/loss", losses=[0.4] * 4)
    assert caplog.messages == []


def test_a_slow_descent_on_dev_is_not_flat(monkeypatch, caplog) -> None:
    """As of the chrono-initialised LSTM on pixels in docs/watching.md."""
    training, dev = [2.2964, 2.2975, 2.2948, 2.2900, 2.2900], [2.3008, 2.2985, 2.2876, 2.2754, 2.2754]
    warnings, sink = HealthWarnings(patience=3), Sink([])
    start(warnings, 2.3057)
    validate(warnings, sink, monkeypatch, *training, tag="train/loss", losses=dev)
    assert caplog.messages == []


def test_a_loss_that_stays_is_flat(monkeypatch, caplog) -> None:
    """As of the LSTM with torch's initialization beside it."""
    training, dev = [2.3012, 2.3010, 2.3030], [2.3018, 2.3019, 2.3021]
    warnings, sink = HealthWarnings(patience=3), Sink([])
    start(warnings, 2.3071)
    validate(warnings, sink, monkeypatch, *training, tag="train/loss", losses=dev)
    assert caplog.messages[0].startswith(
        "warning: the loss is flat: 2.3071 at the start, 2.3030 now. Raise or lower optimizer.lr"
    )


def test_padding_is_judged_by_its_mean(monkeypatch, caplog) -> None:
    """A single batch with much padding can be an unusual one."""
    warnings, sink = HealthWarnings(patience=3), Sink([])
    validate(warnings, sink, monkeypatch, 0.1, 0.6, 0.7, 0.6, tag="train/padding")
    assert caplog.messages == []
    validate(warnings, sink, monkeypatch, *[0.6] * 3, tag="train/padding")
    assert caplog.messages[0].startswith("warning: much of the work is padding: 54% of the positions")


def test_a_resumed_training_counts_on(monkeypatch, caplog) -> None:
    before, after, sink = HealthWarnings(2), HealthWarnings(2), Sink([])
    validate(before, sink, monkeypatch, SICK)
    after.load_state_dict(before.state_dict())
    validate(after, sink, monkeypatch, SICK, SICK)
    assert len(caplog.messages) == 1


def test_a_resumed_training_is_compared_with_its_start(monkeypatch, caplog) -> None:
    before, after, sink = HealthWarnings(1), HealthWarnings(1), Sink([])
    start(before, 2.8)
    validate(before, sink, monkeypatch, 0.1, tag="train/loss", losses=[0.2])
    after.load_state_dict(before.state_dict())
    start(after, 0.1)
    validate(after, sink, monkeypatch, SICK)  # that of a tagger is no sign
    validate(after, sink, monkeypatch, 0.1, 0.1, tag="train/loss", losses=[0.2, 0.2])
    assert caplog.messages == []


def test_a_checkpoint_of_an_earlier_version_has_losses(monkeypatch, caplog) -> None:
    warnings, sink = HealthWarnings(1), Sink([])
    warnings.load_state_dict({"in_a_row": {}, "losses": [0.5, 0.1], "reported": {}})
    start(warnings, 0.1)
    validate(warnings, sink, monkeypatch, 0.1, 0.1, tag="train/loss", losses=[0.2, 0.2])
    assert caplog.messages == []


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


@pytest.fixture
def poison(monkeypatch):
    """Scales the loss of one training step of a run, by its number from 0."""

    def patch(number: int, factor: float) -> None:
        step, count = SequenceLearner.training_step, iter(range(10**6))

        def poisoned(self: SequenceLearner, batch: Any, batch_idx: int) -> Any:
            network = self.network
            if next(count) == number:
                with torch.no_grad():
                    network.head.linear.bias.mul_(factor)
            return step(self, batch, batch_idx)

        monkeypatch.setattr(SequenceLearner, "training_step", poisoned)

    return patch


@pytest.mark.parametrize("factor", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_fails_the_run_at_its_step(compose, poison, factor: float) -> None:
    poison(8, factor)
    cfg = compose()
    with pytest.raises(RunError, match=r"^The training loss is nan in step 9. Try a lower optimizer.lr, "):
        train(cfg, RunFolder(cfg.run_dir))
    folder = RunFolder(cfg.run_dir)
    assert not folder.is_done
    assert torch.load(folder.last_checkpoint, weights_only=True)["global_step"] == 6
    assert "ERROR The training loss is nan in step 9." in folder.log_file.read_text()


def test_a_gradient_that_is_not_finite_never_reaches_a_checkpoint(compose, monkeypatch) -> None:
    clip = SequenceLearner.configure_gradient_clipping

    def poisoned(self: SequenceLearner, *arguments: Any, **options: Any) -> None:
        if self.trainer.global_step == 11:  # the last step of the last epoch
            self.network.head.linear.weight.grad[0] = torch.inf
        clip(self, *arguments, **options)

    monkeypatch.setattr(SequenceLearner, "configure_gradient_clipping", poisoned)
    cfg = compose("callbacks.best=null")
    cfg.trainer.limit_val_batches = 0  # a validation would notice first
    with pytest.raises(RunError, match=r"^The weight .* is not finite after step 12: its gradient was"):
        train(cfg, RunFolder(cfg.run_dir))
    assert torch.load(RunFolder(cfg.run_dir).last_checkpoint, weights_only=True)["global_step"] == 6


def test_a_metric_that_is_not_finite_fails_the_run(compose, monkeypatch) -> None:
    from seqtrain.tasks.metrics import Metrics

    compute = Metrics.compute
    monkeypatch.setattr(Metrics, "compute", lambda self: compute(self) | {"loss": float("inf")})
    cfg = compose()
    with pytest.raises(RunError, match=r"^val/loss is inf after step 6. Try"):
        train(cfg, RunFolder(cfg.run_dir))


def test_without_the_callback_the_run_goes_on_and_its_metrics_are_valid_json(compose, poison) -> None:
    poison(8, float("nan"))
    cfg = compose("callbacks.nonfinite=null")
    metrics = train(cfg, RunFolder(cfg.run_dir))
    assert metrics["epochs"] == 2

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    text = (Path(cfg.run_dir) / "metrics.json").read_text()
    assert json.loads(text, parse_constant=refuse)["epochs"] == 2
