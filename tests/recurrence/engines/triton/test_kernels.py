"""The activations of the kernels, at every scale; their steps are tested by test_engine.py."""

import pytest
import torch
from torch import Tensor

pytestmark = pytest.mark.usefixtures("interpreter")
SIZE = 4096


def activate(x: Tensor, monkeypatch: pytest.MonkeyPatch) -> Tensor:
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    from activation_kernel import activate as kernel

    result = torch.empty(2, SIZE)
    kernel[(1,)](x, result, SIZE=SIZE)
    return result


def relative_error(values: Tensor, exact: Tensor) -> float:
    return ((values.double() - exact) / exact).abs().max().item()


@pytest.mark.parametrize("sign", [1, -1])
def test_tanh_has_relative_precision_down_to_1e_30(monkeypatch: pytest.MonkeyPatch, sign: int) -> None:
    x = sign * torch.cat([torch.logspace(-30, 1.2, SIZE // 2), torch.linspace(0.5, 0.7, SIZE // 2)])
    assert relative_error(activate(x, monkeypatch)[1], x.double().tanh()) < 4e-7


def test_sigmoid_has_relative_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.linspace(-80, 20, SIZE)
    assert relative_error(activate(x, monkeypatch)[0], x.double().sigmoid()) < 4e-7


def test_activations_saturate_and_pass_nan_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """And without a warning of an overflow, which would be an error here."""
    inf = torch.inf
    x = torch.zeros(SIZE)
    x[:5] = torch.tensor([-inf, inf, -1e30, 1e30, torch.nan])
    sigmoid, tanh = activate(x, monkeypatch)
    assert torch.equal(sigmoid[:4], torch.tensor([0.0, 1.0, 0.0, 1.0]))
    assert torch.equal(tanh[:4], torch.tensor([-1.0, 1.0, -1.0, 1.0]))
    assert sigmoid[4].isnan()
    assert tanh[4].isnan()
