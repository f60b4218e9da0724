"""The metrics of a network's weights, by one pass over each split."""

from __future__ import annotations

from omegaconf import DictConfig

from seqtrain.data.datamodule import SequenceDataModule
from seqtrain.training.build import build_evaluator
from seqtrain.training.learner import SequenceLearner


def measure(cfg: DictConfig, learner: SequenceLearner, data: SequenceDataModule) -> dict[str, float]:
    """The metrics of a learner's weights on the validation and the test part."""
    trainer = build_evaluator(cfg)
    metrics: dict[str, float] = {}
    for run in (trainer.validate, trainer.test):
        run(learner, data, verbose=False)
        metrics |= {name: float(value) for name, value in trainer.callback_metrics.items()}
    return metrics
