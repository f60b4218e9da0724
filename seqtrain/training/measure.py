"""Evaluate a network on dev and test."""

from __future__ import annotations

from omegaconf import DictConfig

from seqtrain.data.datamodule import SequenceDataModule
from seqtrain.training.build import build_evaluator
from seqtrain.training.callbacks import EvaluationThroughput
from seqtrain.training.interrupts import keep_interrupts
from seqtrain.training.learner import SequenceLearner


def measure(
    cfg: DictConfig,
    learner: SequenceLearner,
    data: SequenceDataModule,
    throughput: EvaluationThroughput | None = None,
) -> dict[str, float]:
    """The metrics of a learner on dev (as `val/...`) and test.

    Args:
        cfg: the configuration of its run.
        learner: with the weights to evaluate.
        data: after its `setup`.
        throughput: measures the speed of the pass over test.
    """
    trainer = build_evaluator(cfg, [throughput] if throughput else [])
    metrics: dict[str, float] = {}
    for run in (trainer.validate, trainer.test):
        with keep_interrupts():
            run(learner, data, verbose=False)
        metrics |= {name: float(value) for name, value in trainer.callback_metrics.items()}
    return metrics
