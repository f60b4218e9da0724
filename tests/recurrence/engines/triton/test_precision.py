"""TF32 follows torch.nn.LSTM's switch, and the switch of matrix products is put back."""

import pytest
import torch

from seqtrain.recurrence.engines.triton.precision import float32_products, lstm_uses_tf32


@pytest.mark.parametrize("allowed", [True, False])
def test_follows_the_switch_of_cudnn(monkeypatch: pytest.MonkeyPatch, allowed: bool) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", allowed)
    assert lstm_uses_tf32() is allowed


@pytest.mark.parametrize("use_tf32", [True, False])
@pytest.mark.parametrize("before", [True, False])
def test_puts_the_switch_of_products_back(before: bool, use_tf32: bool) -> None:
    matmul = torch.backends.cuda.matmul
    original = matmul.allow_tf32
    matmul.allow_tf32 = before
    try:
        with float32_products(use_tf32):
            if hasattr(matmul, "fp32_precision"):
                assert matmul.fp32_precision == ("tf32" if use_tf32 else "ieee")
            else:
                assert matmul.allow_tf32 is use_tf32
        assert matmul.allow_tf32 is before
    finally:
        matmul.allow_tf32 = original
