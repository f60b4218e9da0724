from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from seqtrain.model import Network, VectorEncoder
from seqtrain.model.heads.softmax import cross_entropy_sum
from seqtrain.records import IGNORED, FinalState, SequenceBatch
from seqtrain.spec import DataSpec, StepClasses, VectorInputs, Vocabulary, WordInputs
from seqtrain.tasks import SequenceClassification, SequenceTagging, Task

TAGGING = SequenceTagging("val/accuracy", "max")
CLASSIFICATION = SequenceClassification("val/accuracy", "max")
SENTENCES = ([[0, 1, 2], [2, IGNORED, IGNORED]], [3, 1])


def batch(targets: list, lengths: list[int], unseen: list | None = None) -> SequenceBatch:
    return SequenceBatch(
        inputs=torch.zeros(len(targets), max(lengths), 3),
        lengths=torch.tensor(lengths),
        targets=torch.tensor(targets),
        unseen=None if unseen is None else torch.tensor(unseen),
    )


class Still(nn.Module):
    """A backbone that returns its features."""

    output_size = 3

    def forward(
        self, features: Tensor, lengths: Tensor, state: FinalState | None = None
    ) -> tuple[Tensor, Tensor, FinalState]:
        return features, features[:, -1], FinalState(features[None, :, -1])


class Uniform(nn.Module):
    """A head that takes features for scores: where all are zero, it predicts class 0 at every step."""

    def forward(self, states: Tensor, summary: Tensor, lengths: Tensor) -> Tensor:
        return states

    def loss_sum(self, scores: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
        return cross_entropy_sum(scores.flatten(0, 1), targets.flatten(), 0.0)

    def decode(self, scores: Tensor, lengths: Tensor) -> Tensor:
        return scores.argmax(dim=-1)


SPEC = DataSpec(VectorInputs(feature_size=3), StepClasses(("A", "B", "C")))
NETWORK = Network(VectorEncoder(SPEC), Still(), Uniform())


def test_every_sequence_counts_in_classification() -> None:
    sequences = batch([0, 2], [5, 1])
    assert CLASSIFICATION.valid(sequences).tolist() == [True, True]
    assert CLASSIFICATION.num_valid(sequences) == 2


def test_every_step_but_padding_counts_in_tagging() -> None:
    sentences = batch(*SENTENCES)
    assert TAGGING.valid(sentences).tolist() == [[True, True, True], [True, False, False]]
    assert TAGGING.num_valid(sentences) == 4


def test_what_has_no_target_does_not_count() -> None:
    sentences = batch([[0, IGNORED, 2], [IGNORED, IGNORED, IGNORED]], [3, 1])
    assert TAGGING.num_valid(sentences) == int(TAGGING.valid(sentences).sum()) == 2
    loss, output = TAGGING.training_step(NETWORK, sentences)
    torch.testing.assert_close(loss, torch.tensor(3.0).log())
    assert output.num_valid == 2
    assert CLASSIFICATION.num_valid(batch([0, IGNORED], [5, 1])) == 1
    metrics = TAGGING.build_metrics(SPEC, {})
    TAGGING.evaluation_step(NETWORK, sentences, metrics)
    assert metrics.compute()["accuracy"] == 0.5


def test_a_batch_without_any_target_has_a_loss_of_zero() -> None:
    loss, output = TAGGING.training_step(NETWORK, batch([[IGNORED, IGNORED]], [2]))
    assert (float(loss), output.num_valid) == (0.0, 0)


def test_a_training_step_is_the_mean_over_valid_positions() -> None:
    loss, output = TAGGING.training_step(NETWORK, batch(*SENTENCES))
    ln_3 = torch.tensor(3.0).log()
    torch.testing.assert_close(loss, ln_3)
    torch.testing.assert_close(output.loss_sum, 4 * ln_3)
    assert (output.num_valid, len(output.final_states), output.num_directions) == (4, 1, 1)


def test_an_evaluation_step_counts_no_padding() -> None:
    metrics = TAGGING.build_metrics(SPEC, {})
    unseen = [[True, True, False], [False, True, True]]
    output = TAGGING.evaluation_step(NETWORK, batch(*SENTENCES, unseen), metrics)
    computed = metrics.compute()
    assert output.num_valid == 4
    assert metrics.confusions() == [[1, 0, 0], [1, 0, 0], [2, 0, 0]]
    assert computed["loss"] == pytest.approx(torch.tensor(3.0).log().item())
    assert computed["accuracy_unseen"] == 0.5  # of the first two words; the others are known, or padding


def test_sequences_with_a_mistake_are_worth_showing() -> None:
    targets = batch([[0, 1, 1], [2, IGNORED, IGNORED]], [3, 1])
    predictions = torch.tensor([[0, 2, 1], [2, 0, 0]])
    assert TAGGING.worth_showing(targets, predictions).tolist() == [True, False]
    targets = batch([1, 0, IGNORED], [1, 1, 1])
    assert CLASSIFICATION.worth_showing(targets, torch.ones(3)).tolist() == [False, True, False]
    assert CLASSIFICATION.worth_showing(batch([0.5, 1.0], [1, 1]), torch.ones(2)).tolist() == [True, True]


def test_nothing_to_learn_from() -> None:
    unlabelled = SequenceBatch(torch.zeros(1, 1, 3), torch.tensor([1]))
    for step in (
        lambda: TAGGING.training_step(NETWORK, unlabelled),
        lambda: TAGGING.evaluation_step(NETWORK, unlabelled, TAGGING.build_metrics(SPEC, {})),
    ):
        with pytest.raises(ValueError, match=r"^the batch has no targets to learn from$"):
            step()


WORDS = DataSpec(WordInputs(words=Vocabulary((), ()), characters=Vocabulary((), ())), StepClasses(("A",)))
NUMBERS = DataSpec(VectorInputs(feature_size=3), StepClasses(("A",)))


@pytest.mark.parametrize(
    ("task", "spec", "unit"),
    [(TAGGING, WORDS, "words"), (TAGGING, NUMBERS, "time_steps"), (CLASSIFICATION, NUMBERS, "sequences")],
)
def test_throughput_is_named_by_what_is_counted(task: Task, spec: DataSpec, unit: str) -> None:
    assert task.name_unit(spec) == unit
