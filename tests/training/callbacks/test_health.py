from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from disturbed_runs import checkpoint, run, trained
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

DEAD = "h_n/layer0/forward/dead"
RATIO = "gradients/layer0/forward/ratio"
SICK, WELL = 1e-9, 0.5


Validate = Callable[..., list[str]]


@pytest.fixture
def validate(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Validate:
    """A validation for each value, or one after which nothing is measured, with these losses on dev.

    Returns the warnings so far.
    """

    def validate(
        warnings: HealthWarnings,
        sink: Sink,
        *values: float | None,
        tag: str = RATIO,
        losses: Sequence[float] = (),
    ) -> list[str]:
        monkeypatch.setattr(health, "sink_of", lambda _: sink)
        for number, value in enumerate(values):
            step = 5 * (number + 1)
            metrics = {"val/loss": losses[number]} if losses else {}
            trainer = SimpleNamespace(
                sanity_checking=False, is_global_zero=True, global_step=step, callback_metrics=metrics
            )
            if value is not None:
                sink.scalars({tag: value}, step, validation=not tag.startswith("train/"))
            warnings.on_validation_end(trainer, None)  # type: ignore[arg-type]
        return caplog.messages

    return validate


def start(warnings: HealthWarnings, *losses: float) -> None:
    """Training steps of a tagger, each with its mean loss over two words."""
    nothing: Any = None
    for number, loss in enumerate(losses):
        output = StepOutput(torch.tensor(2 * loss, dtype=torch.float64), 2, (), 1)
        warnings.on_train_batch_end(nothing, nothing, output, batch("tags"), number)


VANISH = "gradients vanish in layer0, forward: "
FLAT = "the loss is flat: 2.3071 at the start, 2.3030 now. Raise or lower optimizer.lr"
# Losses of LSTMs on pixels, in training and on dev: the chrono-initialised one in docs/watching.md, and
# the one with torch's initialization beside it.
DESCENT = [2.2964, 2.2975, 2.2948, 2.2900, 2.2900], [2.3008, 2.2985, 2.2876, 2.2754, 2.2754]
STANDSTILL = [2.3012, 2.3010, 2.3030], [2.3018, 2.3019, 2.3021]


@pytest.mark.parametrize(
    ("patience", "tag", "values", "warning"),
    [
        (3, RATIO, [SICK] * 2, None),  # it has to stay, and is told once
        (3, RATIO, [SICK] * 5, VANISH),
        (2, RATIO, [SICK, WELL, SICK, WELL], None),
        (2, RATIO, [SICK, None, None], None),  # without a measurement nothing counts, and nothing clears
        (2, RATIO, [SICK, None, None, SICK], VANISH),
        (2, RATIO, [1e-9, 1e-7], VANISH),  # vanishing less is vanishing
        (2, DEAD, [0.9, 0.7, 0.5, 0.4], None),  # units come to life
        (2, DEAD, [0.9, 0.7, 0.5, 0.4, 0.4], "units are dead in layer0, forward: 40% of them"),
        # A single batch with much padding can be an unusual one: its mean is judged.
        (3, "train/padding", [0.1, 0.6, 0.7, 0.6], None),
        (
            3,
            "train/padding",
            [0.1, 0.6, 0.7, *[0.6] * 4],
            "much of the work is padding: 54% of the positions",
        ),
    ],
)
def test_a_finding_is_reported_once_when_it_stays(validate: Validate, patience, tag, values, warning) -> None:
    messages = validate(HealthWarnings(patience), Sink([]), *values, tag=tag)
    assert [each.startswith(f"warning: {warning}") for each in messages] == [True] * (warning is not None)
    assert warning != VANISH or "initialization=remember" in messages[0]


@pytest.mark.parametrize(
    ("first", "training", "dev", "warning"),
    [
        ([2.8, 0.3], [0.3] * 4, [0.4] * 4, None),  # it fell before the first validation
        ([2.3057], *DESCENT, None),  # slowly, on dev
        ([2.3071], *STANDSTILL, FLAT),
    ],
)
def test_a_loss_that_stays_is_flat(validate: Validate, first, training, dev, warning) -> None:
    warnings = HealthWarnings(patience=3)
    start(warnings, *first)
    messages = validate(warnings, Sink([]), *training, tag="train/loss", losses=dev)
    assert [each.startswith(f"warning: {warning}") for each in messages] == [True] * (warning is not None)


def test_a_tagger_has_a_loss_at_each_step_which_the_ratio_depends_on(validate: Validate) -> None:
    warnings, sink = HealthWarnings(patience=1), Sink([])
    start(warnings, 2.8)
    assert validate(warnings, sink, SICK) == []
    (message,) = validate(warnings, sink, 1e5, tag="gradients/layer0/forward/growth")
    assert message.startswith("warning: gradients explode in layer0, forward: ")


def test_a_resumed_training_counts_on(validate: Validate) -> None:
    before, after, sink = HealthWarnings(2), HealthWarnings(2), Sink([])
    validate(before, sink, SICK)
    after.load_state_dict(before.state_dict())
    assert len(validate(after, sink, SICK, SICK)) == 1


def test_a_resumed_training_is_compared_with_its_start(validate: Validate) -> None:
    before, after, sink = HealthWarnings(1), HealthWarnings(1), Sink([])
    start(before, 2.8)
    validate(before, sink, 0.1, tag="train/loss", losses=[0.2])
    after.load_state_dict(before.state_dict())
    start(after, 0.1)
    validate(after, sink, SICK)  # that of a tagger is no sign
    assert validate(after, sink, 0.1, 0.1, tag="train/loss", losses=[0.2, 0.2]) == []


def test_a_checkpoint_of_an_earlier_version_has_losses(validate: Validate) -> None:
    warnings = HealthWarnings(1)
    warnings.load_state_dict({"in_a_row": {}, "losses": [0.5, 0.1], "reported": {}})
    start(warnings, 0.1)
    assert validate(warnings, Sink([]), 0.1, 0.1, tag="train/loss", losses=[0.2, 0.2]) == []


def test_tensorboard_has_the_text(validate: Validate, tmp_path: Path) -> None:
    sink = Sink([TensorBoardLogger(tmp_path, "", "")])
    validate(HealthWarnings(patience=1), sink, SICK)
    sink.close()
    assert read_texts(tmp_path)["run/warnings"][5].startswith("- gradients vanish in layer0, forward")


def test_a_healthy_run_is_quiet_and_one_without_learning_is_not(compose, capfd) -> None:
    options = ("trainer.max_epochs=4", "data.batch_size=32")
    healthy = trained(compose(*options, "optimizer.lr=0.01"))
    assert "warning" not in capfd.readouterr().err
    trained(compose(*options, "optimizer.lr=1e-9", f"run_dir={healthy.path}_stuck"))
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
        run(cfg)
    folder = RunFolder(cfg.run_dir)
    assert not folder.is_done
    assert checkpoint(cfg)["global_step"] == 6
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
        run(cfg)
    assert checkpoint(cfg)["global_step"] == 6


def test_a_metric_that_is_not_finite_fails_the_run(compose, monkeypatch) -> None:
    from seqtrain.tasks.metrics import Metrics

    compute = Metrics.compute
    monkeypatch.setattr(Metrics, "compute", lambda self: compute(self) | {"loss": float("inf")})
    with pytest.raises(RunError, match=r"^val/loss is inf after step 6. Try"):
        run(compose())


def test_without_the_callback_the_run_goes_on_and_its_metrics_are_valid_json(compose, poison) -> None:
    poison(8, float("nan"))
    cfg = compose("callbacks.nonfinite=null")
    assert run(cfg)["epochs"] == 2

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    text = (Path(cfg.run_dir) / "metrics.json").read_text()
    assert json.loads(text, parse_constant=refuse)["epochs"] == 2
