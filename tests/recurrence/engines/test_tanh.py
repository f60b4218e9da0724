"""tanh from expm1: precise at every scale, and at the ends of the number line."""

import pytest
import torch

from seqtrain.recurrence.engines.tanh import MIN_NUMBERS, Tanh, choose_tanh

SMALL, LARGE = choose_tanh(torch.zeros(1), 1), choose_tanh(torch.zeros(1), MIN_NUMBERS)


@pytest.mark.parametrize("tanh", [SMALL, LARGE], ids=["small", "large"])
def test_relative_error_is_a_few_roundings_from_1e_minus_37_to_100(tanh: Tanh) -> None:
    x = torch.logspace(-37, 2, 5000)
    x = torch.cat([x, -x])
    exact = torch.tanh(x.double())
    found = torch.empty_like(x)
    tanh.run(x * tanh.scale, found)
    assert float(((found - exact) / exact).abs().max()) < 3e-7


@pytest.mark.parametrize("tanh", [SMALL, LARGE], ids=["small", "large"])
def test_ends_and_zeros(tanh: Tanh) -> None:
    x = torch.tensor([float("inf"), -float("inf"), 1e30, -1e30, 0.0, -0.0, float("nan")])
    tanh.run(x, x)
    assert x[:6].tolist() == [1.0, -1.0, 1.0, -1.0, 0.0, 0.0]
    assert x[4:6].signbit().tolist() == [False, True]
    assert x[6].isnan()


def test_narrow_dtypes_use_torchs_own() -> None:
    assert choose_tanh(torch.zeros(1, dtype=torch.bfloat16), MIN_NUMBERS) == SMALL
