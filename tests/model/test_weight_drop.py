"""BiLSTM's weight_drop: numbers of weight_hh that are zero during a whole call."""

from __future__ import annotations

import pytest
import torch
from cpu_backends import CPU_BACKENDS

from seqtrain.model import BiLSTM


def layer(backend: str = "auto", cell: str = "lstm", weight_drop: float = 0.5) -> BiLSTM:
    torch.manual_seed(0)
    return BiLSTM(3, 8, num_layers=2, backend=backend, cell=cell, weight_drop=weight_drop)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("backend", CPU_BACKENDS)
def test_it_drops_numbers_of_weight_hh_alone(backend: str, cell: str) -> None:
    dropping, plain = layer(backend, cell), layer(backend, cell, weight_drop=0.0)
    steps = torch.rand(5, 4, 3)
    torch.manual_seed(1)
    output, _ = dropping(steps)
    output.sum().backward()
    torch.manual_seed(1)
    with torch.no_grad():
        for names in (names for both in dropping._names for names in both):
            weight = getattr(plain, names["weight_hh"])
            weight.copy_(torch.nn.functional.dropout(weight, 0.5))
    expected, _ = plain(steps)
    assert torch.equal(output, expected)
    gradient = dropping.weight_hh_l0.grad
    assert gradient is not None
    assert torch.equal(gradient == 0, plain.weight_hh_l0 == 0)


def test_it_does_nothing_in_evaluation() -> None:
    steps = torch.rand(5, 4, 3)
    assert torch.equal(layer().eval()(steps)[0], layer(weight_drop=0.0).eval()(steps)[0])


def test_it_is_named_where_it_is_set() -> None:
    assert "weight_drop=0.5" in repr(layer())
    assert "weight_drop" not in repr(layer(weight_drop=0.0))


@pytest.mark.parametrize(
    ("cell", "weight_drop", "message"),
    [
        (
            "mingru",
            0.1,
            r"^weight_drop must be 0 with cell='mingru', which has no weight_hh to drop",
        ),
        (
            "lstm",
            1.5,
            r"^weight_drop must be a number from 0 to 1, the probability of zeroing",
        ),
    ],
)
def test_what_cannot_be_dropped_is_refused(cell: str, weight_drop: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        layer(cell=cell, weight_drop=weight_drop)
