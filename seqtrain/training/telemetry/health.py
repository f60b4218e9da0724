"""Warnings in plain words about a training that goes wrong."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from statistics import fmean
from typing import Any

import pytorch_lightning as pl

from seqtrain.analysis.rules import Finding, judge, judge_loss
from seqtrain.training.telemetry.sink import sink_of
from seqtrain.training.telemetry.steps import step_output

log = logging.getLogger("seqtrain")


HISTORY = ("train/loss", "val/loss", "train/padding")  # judged by more than their last value
RECOVERY = 0.9  # a number that has fallen below this share of the one before is getting better


class HealthWarnings(pl.Callback):
    """Warns in the terminal and in TensorBoard when a rule of thumb keeps firing.

    It judges the scalars that the other callbacks have logged after this validation, and reports each finding
    once. A finding is forgotten when its number is healthy again, and counted anew while the number recovers,
    where the rule allows for that. See `seqtrain.analysis.rules`.

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
        self._one_target = batch.targets is None or batch.targets.ndim == 1
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
        """Those of this validation are in `metrics` only: they are logged after it."""
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
        self._in_a_row = state_dict["in_a_row"]
        self._values = state_dict.get("values", {})  # not in checkpoints of earlier versions
        # Checkpoints of earlier versions have the training loss alone, and that of the validations only.
        old: dict[str, list[float]] = {tag: [] for tag in HISTORY} | {
            "train/loss": state_dict.get("losses", [])
        }
        self._history = state_dict.get("history", old)
        self._reported = state_dict["reported"]
