from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from seqtrain.model import NumberHead
from seqtrain.model.ensemble import mean_of

STATES, SUMMARY, LENGTHS = torch.randn(2, 3, 4), torch.randn(2, 4), torch.tensor([3, 2])
TARGETS = torch.tensor([[1.0, torch.nan], [-3.0, 0.5]])


def head(loss: Any = "mse", **options: Any) -> NumberHead:
    torch.manual_seed(0)
    return NumberHead(4, 2, dropout=0.0, loss=loss, **options)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("mse", lambda e: e.square()),
        ("mae", Tensor.abs),
        ("huber", lambda e: F.huber_loss(e, e * 0, reduction="none")),
    ],
)
def test_the_loss_is_summed_over_the_numbers_that_are_known(loss: str, expected: Any) -> None:
    number_head = head(loss)
    scores = number_head(STATES, SUMMARY, LENGTHS)
    known = torch.tensor([[True, False], [True, True]])
    found = number_head.loss_sum(scores, TARGETS, LENGTHS)
    torch.testing.assert_close(found, expected(scores - TARGETS)[known].sum())
    found.backward()
    assert all(each.grad.isfinite().all() for each in number_head.parameters())


def test_the_loss_of_quantiles_is_least_at_the_quantiles() -> None:
    number_head = NumberHead(4, 1, 0.0, "quantiles", [0.1, 0.5, 0.9])
    targets = torch.linspace(0, 1, 1001)[:, None]

    def loss(*quantiles: float) -> float:
        scores = torch.tensor(quantiles).view(1, 3, 1).expand(1001, 3, 1)
        return float(number_head.loss_sum(scores, targets, LENGTHS))

    best = loss(0.1, 0.5, 0.9)
    for worse in ((0.15, 0.5, 0.9), (0.05, 0.5, 0.9), (0.1, 0.45, 0.9), (0.1, 0.55, 0.9), (0.1, 0.5, 0.95)):
        assert loss(*worse) > best
    # The mean of 0.1 * 0.9 / 2, 0.5 * 0.5 / 2 and 0.1 * 0.9 / 2 a target.
    assert best / 1001 == pytest.approx((0.045 + 0.125 + 0.045) / 3, rel=1e-2)


def test_quantiles_do_not_cross_and_the_median_is_the_prediction() -> None:
    number_head = head("quantiles")
    scores = number_head(STATES, SUMMARY, LENGTHS)
    assert scores.shape == (2, 3, 2)
    ordered = number_head.by_quantile(scores)
    assert list(ordered) == [0.1, 0.5, 0.9]
    assert (torch.stack(list(ordered.values())).diff(dim=0) >= 0).all()
    assert torch.equal(number_head.decode(scores, LENGTHS), ordered[0.5])
    assert head().by_quantile(scores) == {}


def test_without_pooling_there_are_numbers_for_each_step() -> None:
    assert head("quantiles", pooling=None)(STATES, SUMMARY, LENGTHS).shape == (2, 3, 3, 2)
    by_step = head(pooling=None)
    assert by_step.per_step
    torch.testing.assert_close(by_step(STATES, SUMMARY, LENGTHS), by_step.linear(STATES))
    pooled = head(pooling="mean")
    torch.testing.assert_close(pooled(STATES, SUMMARY, LENGTHS)[1], pooled.linear(STATES[1, :2].mean(dim=0)))


def test_an_ensemble_answers_by_the_mean() -> None:
    scores = [torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, -2.0]])]
    assert mean_of(scores, head()).tolist() == [[2.0, 0.0]]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"loss": "l2"}, "loss must be one of mse, mae, huber, quantiles, got 'l2'"),
        ({"loss": "mse", "pooling": "first"}, "pooling must be one of last, mean, max, got 'first'"),
        (
            {"loss": "quantiles", "quantiles": [0.1, 0.9]},
            r"quantiles must rise between 0 and 1, with 0.5 among them, got \[0.1, 0.9\]",
        ),
        ({"loss": "quantiles", "quantiles": [0.5, 0.1]}, "quantiles must rise"),
        ({"loss": "quantiles", "quantiles": [0.5, 1.0]}, "quantiles must rise"),
    ],
)
def test_wrong_arguments_are_named(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        NumberHead(4, 2, dropout=0.0, **options)
