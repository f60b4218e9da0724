"""Warnings in plain words about a training that goes wrong."""

from __future__ import annotations

import logging
from typing import Any

import pytorch_lightning as pl

from seqtrain.telemetry.rules import Finding, judge, judge_loss
from seqtrain.telemetry.sink import sink_of

log = logging.getLogger("seqtrain")


RECOVERY = 0.9  # a number that has fallen below this share of the one before is getting better


class HealthWarnings(pl.Callback):
    """Warns in the terminal and in TensorBoard when a rule of thumb keeps firing.

    It judges the scalars that the other callbacks have logged after this validation, and reports each finding
    once. A finding is forgotten when its number is healthy again, and counted anew while the number recovers,
    where the rule allows for that. See `seqtrain.telemetry.rules`.

    Args:
        patience: measurements in a row for which a rule has to fire.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self._in_a_row: dict[str, int] = {}
        self._values: dict[str, float] = {}  # of the findings
        self._losses: list[float] = []
        self._reported: dict[str, str] = {}

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.sanity_checking or not trainer.is_global_zero:
            return
        sink = sink_of(trainer)
        training, _ = sink.latest
        _, validation = sink.measured_at(trainer.global_step)
        if "train/loss" in training:
            self._losses.append(training["train/loss"])
        # Gradients that vanish and gradients that explode have the same tag, but not at the same time.
        found = {
            finding.tag: finding for finding in (*judge(training, validation), *judge_loss(self._losses))
        }
        for tag in {*training, *validation} - set(found):
            self._in_a_row.pop(tag, None)
        for finding in found.values():
            self._count(finding)
            if self._in_a_row[finding.tag] >= self.patience and finding.tag not in self._reported:
                self._report(trainer, finding)

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
            "losses": self._losses,
            "reported": self._reported,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._in_a_row = state_dict["in_a_row"]
        self._values = state_dict.get("values", {})  # not in checkpoints of earlier versions
        self._losses = state_dict["losses"]
        self._reported = state_dict["reported"]
