"""Warnings in plain words about a training that goes wrong."""

from __future__ import annotations

import logging
from typing import Any

import pytorch_lightning as pl

from seqtrain.telemetry.rules import Finding, judge, judge_loss
from seqtrain.telemetry.sink import sink_of

log = logging.getLogger("seqtrain")


class HealthWarnings(pl.Callback):
    """Warns in the terminal and in TensorBoard when a rule of thumb keeps firing.

    It judges the scalars that the other callbacks have logged, and reports each finding once. See
    `seqtrain.telemetry.rules`.

    Args:
        patience: validations in a row for which a rule has to fire.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self._in_a_row: dict[str, int] = {}
        self._losses: list[float] = []
        self._reported: dict[str, str] = {}

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.sanity_checking or not trainer.is_global_zero:
            return
        training, validation = sink_of(trainer).latest
        if "train/loss" in training:
            self._losses.append(training["train/loss"])
        found = [*judge(training, validation), *judge_loss(self._losses)]
        # Gradients that vanish and gradients that explode have the same tag, but not at the same time.
        self._in_a_row = {finding.tag: self._in_a_row.get(finding.tag, 0) + 1 for finding in found}
        for finding in found:
            if self._in_a_row[finding.tag] >= self.patience and finding.tag not in self._reported:
                self._report(trainer, finding)

    def _report(self, trainer: pl.Trainer, finding: Finding) -> None:
        self._reported[finding.tag] = str(finding)
        log.warning("warning: %s", finding)
        text = "\n".join(f"- {message}" for message in self._reported.values())
        sink_of(trainer).text("run/warnings", text, trainer.global_step)

    def state_dict(self) -> dict[str, Any]:
        return {"in_a_row": self._in_a_row, "losses": self._losses, "reported": self._reported}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._in_a_row = state_dict["in_a_row"]
        self._losses = state_dict["losses"]
        self._reported = state_dict["reported"]
