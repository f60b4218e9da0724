from __future__ import annotations

import math

import pytest
import torch

from seqtrain.model import LabelHead, TagHead
from seqtrain.model.heads.softmax import Pooling
from seqtrain.records import IGNORED

LENGTHS = torch.tensor([2, 1])
HEADS = pytest.mark.parametrize("kind", [LabelHead, TagHead])


def set_weights(head: LabelHead | TagHead, weight: list[list[float]]) -> None:
    with torch.no_grad():
        head.linear.weight.copy_(torch.tensor(weight))
        head.linear.bias.zero_()


def test_label_head_reads_the_summary() -> None:
    head = LabelHead(input_size=4, num_targets=2, dropout=0.0, label_smoothing=0.0)
    set_weights(head, [[1, 10, 100, 1000], [0, 0, 0, 1]])
    summary = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    states = torch.full((1, 5, 4), 7.0)  # and not the states, whose last step a reader of both ends lacks
    assert head(states, summary, torch.tensor([5])).tolist() == [[4321.0, 4.0]]


@pytest.mark.parametrize(("pooling", "expected"), [("mean", [2.0, 5.0]), ("max", [3.0, 5.0])])
def test_label_head_pools_over_the_steps_of_each_sequence(pooling: Pooling, expected: list[float]) -> None:
    head = LabelHead(input_size=1, num_targets=1, dropout=0.0, label_smoothing=0.0, pooling=pooling)
    set_weights(head, [[1]])
    states = torch.tensor([[[1.0], [3.0]], [[5.0], [99.0]]])  # the second sequence has one step
    assert head(states, torch.zeros(2, 1), LENGTHS).flatten().tolist() == expected


def test_label_head_refuses_another_pooling() -> None:
    with pytest.raises(ValueError, match=r"^pooling must be one of last, mean, max, got 'sum'$"):
        LabelHead(1, 1, 0.0, 0.0, pooling="sum")  # type: ignore[arg-type]


def test_tag_head_scores_each_step_by_itself() -> None:
    head = TagHead(input_size=3, num_targets=2, dropout=0.0, label_smoothing=0.0)
    states = torch.randn(1, 2, 3, generator=torch.Generator().manual_seed(0))
    scores = head(states, torch.zeros(1, 3), LENGTHS[:1])
    assert scores.shape == (1, 2, 2)
    torch.testing.assert_close(scores[:, :1], head(states[:, :1], torch.zeros(1, 3), LENGTHS[1:]))


def test_loss_is_summed_over_the_steps_that_have_a_target() -> None:
    head = TagHead(input_size=1, num_targets=2, dropout=0.0, label_smoothing=0.0)
    # Odds 3:1, 1:1 and, at padding, whatever.
    scores = torch.tensor([[[math.log(3), 0.0], [0.0, 0.0]], [[0.0, math.log(3)], [1e9, -1e9]]])
    targets = torch.tensor([[0, 1], [0, IGNORED]])
    expected = -math.log(3 / 4) - math.log(1 / 2) - math.log(1 / 4)
    assert head.loss_sum(scores, targets, LENGTHS).item() == pytest.approx(expected, rel=1e-6)


@HEADS
def test_smoothing_is_for_training_only(kind: type[LabelHead | TagHead]) -> None:
    head = kind(input_size=1, num_targets=4, dropout=0.0, label_smoothing=0.2)
    scores, target = torch.tensor([[0.7, 0.1, 0.1, 0.1]]).log(), torch.tensor([0])
    if kind is TagHead:
        scores, target = scores[None], target[None]
    # A fifth of the probability is spread over all four: 0.85 for the target, 0.05 for each of the others.
    smoothed = -0.85 * math.log(0.7) - 3 * 0.05 * math.log(0.1)
    assert head.loss_sum(scores, target, torch.tensor([1])).item() == pytest.approx(smoothed, rel=1e-6)
    head.eval()
    assert head.loss_sum(scores, target, torch.tensor([1])).item() == pytest.approx(-math.log(0.7), rel=1e-6)


@HEADS
def test_loss_is_computed_in_float32_under_autocast(kind: type[LabelHead | TagHead]) -> None:
    head = kind(input_size=1, num_targets=2, dropout=0.0, label_smoothing=0.0)
    scores, targets = torch.zeros(1024, 2, dtype=torch.bfloat16), torch.zeros(1024, dtype=torch.long)
    if kind is TagHead:
        scores, targets = scores[None], targets[None]
    loss = head.loss_sum(scores, targets, torch.ones(1024).long())
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(1024 * math.log(2), rel=1e-6)


@HEADS
def test_dropout_is_for_training_only(kind: type[LabelHead | TagHead]) -> None:
    torch.manual_seed(0)
    head = kind(input_size=200, num_targets=3, dropout=0.5, label_smoothing=0.0)
    arguments = (torch.ones(1, 1, 200), torch.ones(1, 200), torch.tensor([1]))
    assert not torch.equal(head(*arguments), head(*arguments))
    head.eval()
    assert torch.equal(head(*arguments), head(*arguments))


@HEADS
def test_answers_come_with_their_probability(kind: type[LabelHead | TagHead]) -> None:
    head = kind(input_size=1, num_targets=2, dropout=0.0, label_smoothing=0.0)
    scores = torch.tensor([[math.log(3), 0.0], [0.0, math.log(4)]])
    scores = scores if kind is LabelHead else scores[None]
    answers = head.decode(scores, LENGTHS)
    confidences = head.confidences(scores, answers, LENGTHS)
    assert answers.shape == confidences.shape == scores.shape[:-1]
    assert answers.flatten().tolist() == [0, 1]
    assert confidences.flatten().tolist() == pytest.approx([0.75, 0.8])
