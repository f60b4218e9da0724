"""Attention as pooling, and weights of classes; the other poolings are tested with all heads."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy

from seqtrain.model import LabelHead
from seqtrain.spec import SequenceClasses

LENGTHS = torch.tensor([5, 2, 1])


def head_of(**more: object) -> LabelHead:
    torch.manual_seed(0)
    return LabelHead(4, 3, dropout=0.0, label_smoothing=0.0, **more)


def test_attention_is_a_mean_whose_weights_are_those_shown() -> None:
    head, states = head_of(pooling="attention"), torch.randn(3, 5, 4)
    weights = head.step_weights(states, LENGTHS)
    assert torch.allclose(weights.sum(dim=1), torch.ones(3))
    assert weights[1, 2:].eq(0).all()
    assert weights[2].tolist() == [1, 0, 0, 0, 0]
    expected = head.linear(torch.einsum("bt,bth->bh", weights, states))
    assert torch.allclose(head(states, states[:, 0], LENGTHS), expected)


def test_attention_does_not_see_padding() -> None:
    head, states = head_of(pooling="attention"), torch.randn(3, 5, 4)
    alone = head(states[1:2, :2], states[1:2, 0], LENGTHS[1:2])
    assert torch.allclose(head(states, states[:, 0], LENGTHS)[1:2], alone)


def test_of_the_maximum_a_step_weighs_as_many_numbers_as_are_taken_from_it() -> None:
    states = torch.tensor([[[1.0, 5, 1, 0], [2, 1, 3, 1], [9, 9, 9, 9]]])
    head, lengths = head_of(pooling="max"), torch.tensor([2])
    assert head.step_weights(states, lengths).tolist() == [[0.25, 0.75, 0.0]]
    assert head_of(pooling="mean").step_weights(states, lengths) is None


@pytest.mark.parametrize(
    ("given", "factors"),
    [
        ({"b": 3}, [1.0, 3.0, 1.0]),
        ("balanced", [10 / 3 / 6, 10 / 3 / 3, 10 / 3 / 1]),
    ],
)
def test_class_weights_are_factors_of_the_loss_in_training(given: object, factors: list[float]) -> None:
    head = head_of(class_weights=given)
    head.weigh(SequenceClasses(("a", "b", "c"), (6, 3, 1)))
    scores, targets = torch.randn(3, 3), torch.tensor([0, 1, 2])
    losses = cross_entropy(scores, targets, reduction="none")
    assert torch.allclose(head.loss_sum(scores, targets, LENGTHS), (losses * torch.tensor(factors)).sum())
    assert torch.allclose(head.eval().loss_sum(scores, targets, LENGTHS), losses.sum())
    assert "factors" not in head.state_dict()


def test_weights_of_what_is_not_there_are_refused() -> None:
    with pytest.raises(ValueError, match="class_weights: there is no class 'd'; there are a, b, c"):
        head_of(class_weights={"d": 2.0}).weigh(SequenceClasses(("a", "b", "c")))
    with pytest.raises(
        ValueError, match="class_weights: this data does not say how frequent its classes are"
    ):
        head_of(class_weights="balanced").weigh(SequenceClasses(("a", "b", "c")))
