from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from seqtrain.records import IGNORED, DataSpec, SequenceBatch
from seqtrain.training.task import Evaluation, SequenceClassification, SequenceTagging, Task

SPEC = DataSpec(("A", "B", "C"), feature_size=1)
TAGGING = SequenceTagging("val/accuracy", "max")
CLASSIFICATION = SequenceClassification("val/accuracy", "max")


def batch(targets: list, lengths: list[int] | None = None, unseen: list | None = None) -> SequenceBatch:
    return SequenceBatch(
        inputs=torch.zeros(len(targets), 1, 1),
        lengths=torch.tensor(lengths or [1] * len(targets)),
        targets=torch.tensor(targets),
        unseen=None if unseen is None else torch.tensor(unseen),
    )


def evaluated(task: Task, *updates: tuple[SequenceBatch, float, list]) -> dict[str, float]:
    evaluation = Evaluation(SPEC)
    for each, loss_sum, answers in updates:
        evaluation.update(task, each, torch.tensor(loss_sum), torch.tensor(answers))
    return evaluation.compute()


def test_every_sequence_counts_in_classification() -> None:
    sequences = batch([0, 2], lengths=[5, 1])
    assert CLASSIFICATION.valid(sequences).tolist() == [True, True]
    assert CLASSIFICATION.num_valid(sequences) == 2


def test_every_step_but_padding_counts_in_tagging() -> None:
    sentences = batch([[0, 1, 2], [2, IGNORED, IGNORED]], lengths=[3, 1])
    assert TAGGING.valid(sentences).tolist() == [[True, True, True], [True, False, False]]
    assert TAGGING.num_valid(sentences) == 4


def test_metrics_by_eye() -> None:
    # A: right twice, missed once. B: right once, given wrongly once. C: never there, never given.
    metrics = evaluated(CLASSIFICATION, (batch([0, 0, 0, 1]), 6.0, [0, 0, 1, 1]))
    assert metrics == pytest.approx(
        {
            "loss": 1.5,
            "accuracy": 0.75,
            "f1/A": 0.8,  # 2 * 2 / (2 * 2 + 0 + 1)
            "f1/B": 2 / 3,  # 2 * 1 / (2 * 1 + 1 + 0)
            "f1/C": 0.0,
            "macro_f1": (0.8 + 2 / 3) / 2,  # over the classes that were there or given
        }
    )


def test_padding_is_ignored() -> None:
    alone = evaluated(TAGGING, (batch([[0, 1]], [2]), 3.0, [[0, 0]]), (batch([[2]], [1]), 1.0, [[2]]))
    padded = batch([[0, 1, IGNORED], [2, IGNORED, IGNORED]], lengths=[2, 1])
    together = evaluated(TAGGING, (padded, 4.0, [[0, 0, 1], [2, 2, 0]]))
    assert together == pytest.approx(alone)
    assert together["loss"] == pytest.approx(4 / 3)
    assert together["accuracy"] == pytest.approx(2 / 3)


def test_a_short_last_batch_shifts_nothing() -> None:
    whole = evaluated(CLASSIFICATION, (batch([0, 1, 2, 0, 1]), 10.0, [0, 1, 1, 0, 0]))
    parts = evaluated(
        CLASSIFICATION, (batch([0, 1, 2, 0]), 3.0, [0, 1, 1, 0]), (batch([1]), 7.0, [0])
    )  # the mean of the batches' means would be (3/4 + 7) / 2
    assert parts == pytest.approx(whole)
    assert parts["loss"] == pytest.approx(2.0)


def test_accuracy_on_words_that_train_lacks() -> None:
    sentences = batch([[0, 1, 2], [2, 1, IGNORED]], [3, 2], [[True, False, True], [False, True, True]])
    metrics = evaluated(TAGGING, (sentences, 0.0, [[0, 0, 1], [0, 1, 1]]))
    assert metrics["accuracy_unseen"] == pytest.approx(2 / 3)  # the last one is padding
    assert metrics["accuracy"] == pytest.approx(2 / 5)


def test_confusions_by_eye() -> None:
    evaluation = Evaluation(SPEC)
    sentences = batch([[0, 1, 2], [2, 2, IGNORED]], [3, 2])
    evaluation.update(TAGGING, sentences, torch.tensor(0.0), torch.tensor([[0, 0, 2], [1, 2, 0]]))
    assert evaluation.confusions() == [[1, 0, 0], [1, 0, 0], [0, 1, 2]]


def test_no_unseen_word_at_all_is_no_number_to_report() -> None:
    metrics = evaluated(TAGGING, (batch([[0]], [1], [[False]]), 0.0, [[0]]))
    assert "accuracy_unseen" not in metrics


def test_reset_forgets_everything() -> None:
    evaluation = Evaluation(SPEC)
    evaluation.update(CLASSIFICATION, batch([0], unseen=[True]), torch.tensor(1.0), torch.tensor([1]))
    evaluation.reset()
    evaluation.update(CLASSIFICATION, batch([2]), torch.tensor(3.0), torch.tensor([2]))
    metrics = evaluation.compute()
    assert metrics == pytest.approx(
        {"loss": 3.0, "accuracy": 1.0, "macro_f1": 1.0, "f1/A": 0.0, "f1/B": 0.0, "f1/C": 1.0}
    )


def test_a_loss_that_is_not_a_number_shows() -> None:
    assert math.isnan(evaluated(CLASSIFICATION, (batch([0]), float("nan"), [0]))["loss"])


def test_nothing_to_compare_with() -> None:
    unlabelled = SequenceBatch(torch.zeros(1, 1, 1), torch.tensor([1]))
    nothing: Tensor = torch.tensor([0])
    with pytest.raises(ValueError, match=r"^the batch has no targets to compare with$"):
        Evaluation(SPEC).update(CLASSIFICATION, unlabelled, torch.tensor(0.0), nothing)
