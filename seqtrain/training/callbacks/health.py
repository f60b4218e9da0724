"""A training that goes wrong: warnings in plain words, and an end where it has diverged."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from statistics import fmean
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from seqtrain.analysis.rules import Finding, judge, judge_loss
from seqtrain.errors import RunError
from seqtrain.records import are_of_steps
from seqtrain.training.steps import has_stepped, step_output
from seqtrain.training.telemetry.sink import sink_of

log = logging.getLogger("seqtrain")


HISTORY = ("train/loss", "val/loss", "train/padding")  # judged by more than their last value
RECOVERY = 0.9  # a number that has fallen below this share of the one before is getting better


class HealthWarnings(pl.Callback):
    """Warns in the terminal and in TensorBoard when a rule of thumb keeps firing.

    It judges the scalars that the other callbacks have logged after this validation, and reports each finding
    once. A finding is forgotten when its number is healthy again; while the number recovers, its count
    restarts where the rule allows for that. See `seqtrain.analysis.rules`.

    Args:
        patience: measurements in a row for which a rule has to fire.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self._in_a_row: dict[str, int] = {}
        self._values: dict[str, float] = {}  # of the findings
        self._history: dict[str, list[float]] = {tag: [] for tag in HISTORY}  # at each validation
        self._one_target = True
        self._reported: dict[str, str] = {}

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._one_target = batch.targets is None or not are_of_steps(batch.targets)
        if not self._history["train/loss"]:  # that of the first batch, long before a validation
            output = step_output(outputs)
            self._history["train/loss"].append(float(output.loss_sum) / max(output.num_valid, 1))

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.sanity_checking or not trainer.is_global_zero:
            return
        training, validation = sink_of(trainer).measured_at(trainer.global_step)
        self._remember(training, trainer.callback_metrics)
        found = {finding.tag: finding for finding in self._judge(training, validation)}
        for tag in {*training, *validation} - set(found):
            self._in_a_row.pop(tag, None)
        for finding in found.values():
            self._count(finding)
            if self._in_a_row[finding.tag] >= self.patience and finding.tag not in self._reported:
                self._report(trainer, finding)

    def _remember(self, training: Mapping[str, float], metrics: Mapping[str, Any]) -> None:
        """The metrics of this validation are in `metrics` only: they are logged after it."""
        for tag, values in self._history.items():
            source = metrics if tag.startswith("val/") else training
            if tag in source:
                values.append(float(source[tag]))

    def _judge(self, training: Mapping[str, float], validation: Mapping[str, float]) -> Iterator[Finding]:
        if "train/padding" in training:  # that of a single batch, which may be an unusual one
            training = {**training, "train/padding": fmean(self._history["train/padding"])}
        yield from judge(training, validation, self._one_target)
        if "train/loss" in training:
            yield from judge_loss(self._history["train/loss"], self._history["val/loss"])

    def _count(self, finding: Finding) -> None:
        before = self._in_a_row.get(finding.tag, 0)
        recovers = before > 0 and finding.value < RECOVERY * self._values.get(finding.tag, 0.0)
        self._in_a_row[finding.tag] = 1 if finding.may_recover and recovers else before + 1
        self._values[finding.tag] = finding.value

    def _report(self, trainer: pl.Trainer, finding: Finding) -> None:
        self._reported[finding.tag] = str(finding)
        log.warning("warning: %s", finding)
        text = "\n".join(f"- {message}" for message in self._reported.values())
        sink_of(trainer).text("run/warnings", text, trainer.global_step)

    def state_dict(self) -> dict[str, Any]:
        return {
            "in_a_row": self._in_a_row,
            "values": self._values,
            "history": self._history,
            "reported": self._reported,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._in_a_row = {str(tag): int(count) for tag, count in state_dict["in_a_row"].items()}
        values = state_dict.get("values", {})
        self._values = {str(tag): float(value) for tag, value in values.items()}
        # Checkpoints of earlier versions have no values, of losses that of training alone, and of the
        # validations only.
        old: dict[str, list[float]] = {tag: [] for tag in HISTORY} | {
            "train/loss": state_dict.get("losses", [])
        }
        history = state_dict.get("history", old)
        self._history = {tag: list(map(float, history[tag])) for tag in HISTORY}
        self._reported = {str(tag): str(text) for tag, text in state_dict["reported"].items()}


ADVICE = (
    "Try a lower optimizer.lr, a lower trainer.gradient_clip_val, or trainer.precision=32-true; "
    "trainer.detect_anomaly=true names the operation. callbacks.nonfinite=null trains on regardless."
)


class StopOnNonfinite(pl.Callback):
    """Fails the run when a loss, a weight or a metric is nan or infinite.

    On the CPU the loss is checked after every step. On a GPU this would synchronize the device, so losses are
    summed there and checked every `log_every_n_steps` of the trainer and at the end of an epoch. A gradient
    that is not finite shows in the weights, which are checked before a checkpoint is written: no checkpoint
    ever holds such weights.
    """

    def __init__(self) -> None:
        self._loss_sum: Tensor | None = None  # since the last check
        self._checked_at = 0  # the last step whose loss was finite

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._checked_at = trainer.global_step

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        loss_sum = step_output(outputs).loss_sum
        self._loss_sum = loss_sum if self._loss_sum is None else self._loss_sum + loss_sum
        step = trainer.global_step + (not has_stepped(trainer, batch_idx))
        every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
        if pl_module.device.type == "cpu" or trainer.is_last_batch or step % every == 0:
            self._check_loss(step, float(self._loss_sum))
            self._loss_sum = None

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.check_metrics(trainer.callback_metrics, f"after step {trainer.global_step}")

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        for name, weight in checkpoint["state_dict"].items():
            if not torch.isfinite(weight).all():
                weight_name = name.removeprefix("network.")
                raise RunError(
                    f"The weight {weight_name} is not finite after step {trainer.global_step}: its gradient "
                    f"was infinite or nan. {ADVICE}"
                )

    def check_metrics(self, metrics: Mapping[str, Any], when: str) -> None:
        """Fail where a metric is nan or infinite.

        Raises:
            RunError: with the metric, and what to try.
        """
        for name, value in metrics.items():
            if not math.isfinite(float(value)):
                raise RunError(f"{name} is {float(value)} {when}. {ADVICE}")

    def _check_loss(self, step: int, loss_sum: float) -> None:
        if not math.isfinite(loss_sum):
            first = self._checked_at + 1
            steps = f"step {step}" if first >= step else f"steps {first} to {step}"
            raise RunError(f"The training loss is {loss_sum} in {steps}. {ADVICE}")
        self._checked_at = step
