"""Tasks: targets against scores, over valid positions only."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchmetrics import SumMetric
from torchmetrics.classification import MulticlassConfusionMatrix

from seqtrain.records import IGNORED, DataSpec, SequenceBatch


class SequenceClassification:
    """One class per sequence.

    Args:
        monitor: the metric that checkpoints, early stopping and sweeps look at.
        mode: `max` where more of it is better, else `min`.
    """

    unit = "sequences"  # what is counted

    def __init__(self, monitor: str, mode: str) -> None:
        self.monitor = monitor
        self.mode = mode

    def valid(self, batch: SequenceBatch) -> Tensor:
        """(batch,) bool: the positions that count; here every sequence."""
        return torch.ones(len(batch), dtype=torch.bool, device=_targets(batch).device)

    def num_valid(self, batch: SequenceBatch) -> int:
        """How many positions count, known without a look at the device."""
        return len(batch)


class SequenceTagging:
    """A tag per step.

    Args:
        monitor: the metric that checkpoints, early stopping and sweeps look at.
        mode: `max` where more of it is better, else `min`.
    """

    unit = "words"  # what is counted

    def __init__(self, monitor: str, mode: str) -> None:
        self.monitor = monitor
        self.mode = mode

    def valid(self, batch: SequenceBatch) -> Tensor:
        """(batch, time) bool: the positions that count; padding does not."""
        return _targets(batch) != IGNORED

    def num_valid(self, batch: SequenceBatch) -> int:
        """How many positions count, known without a look at the device."""
        return int(batch.lengths.sum())


Task = SequenceClassification | SequenceTagging


class Evaluation(nn.Module):
    """The metrics of one pass over a split, as sums over valid positions.

    Args:
        spec: names the targets.
    """

    def __init__(self, spec: DataSpec) -> None:
        super().__init__()
        self.target_names = spec.target_names
        num = spec.num_targets
        # Not a MeanMetric: where it lets a nan through, it takes no weights.
        self.loss_sum = SumMetric(nan_strategy="disable")
        self.num_valid = SumMetric(nan_strategy="disable")
        self.confusion = MulticlassConfusionMatrix(num, validate_args=False)
        self.num_unseen = SumMetric(nan_strategy="disable")
        self.num_unseen_right = SumMetric(nan_strategy="disable")

    def update(self, task: Task, batch: SequenceBatch, loss_sum: Tensor, answers: Tensor) -> None:
        """Count one batch.

        Args:
            task: says which positions are valid.
            batch: with targets.
            loss_sum: the loss summed over valid positions.
            answers: the targets that the model chose, shaped like the batch's.
        """
        valid = task.valid(batch)
        targets = _targets(batch)[valid]
        answers = answers[valid]
        self.loss_sum.update(loss_sum)
        self.num_valid.update(task.num_valid(batch))
        self.confusion.update(answers, targets)
        unseen = torch.zeros_like(targets, dtype=torch.bool) if batch.unseen is None else batch.unseen[valid]
        self.num_unseen.update(unseen.sum())
        self.num_unseen_right.update((unseen & (answers == targets)).sum())

    def compute(self) -> dict[str, float]:
        """`loss`, `accuracy`, `macro_f1`, each `f1/<target>`; `accuracy_unseen` if there are such words."""
        counts = self.confusion.compute().cpu().double()
        right, there, given = counts.diagonal(), counts.sum(dim=1), counts.sum(dim=0)
        f1 = 2 * right / (there + given).clamp(min=1)
        metrics = {
            "loss": float(self.loss_sum.compute()) / float(self.num_valid.compute()),
            "accuracy": float(right.sum() / counts.sum()),
            # Of the targets that were there or given: one that is rare may be missing from a small split.
            "macro_f1": float(f1[there + given > 0].mean()),
        }
        if num_unseen := float(self.num_unseen.compute()):
            metrics["accuracy_unseen"] = float(self.num_unseen_right.compute()) / num_unseen
        per_target = f1.tolist()
        return metrics | {f"f1/{name}": f1 for name, f1 in zip(self.target_names, per_target, strict=True)}

    def confusions(self) -> list[list[int]]:
        """How often a position of each target (row) was given each target (column)."""
        counts: list[list[int]] = self.confusion.compute().tolist()
        return counts

    def reset(self) -> None:
        for metric in self.children():
            metric.reset()  # type: ignore[operator]


def _targets(batch: SequenceBatch) -> Tensor:
    if batch.targets is None:
        raise ValueError("the batch has no targets to compare with")
    return batch.targets
