"""TF32 for the float32 products of a layer, exactly where torch.nn.LSTM would use it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


def lstm_uses_tf32() -> bool:
    """What torch.backends.cudnn says of recurrent layers; torch.nn.LSTM follows it, not the matmul flag."""
    precision = getattr(torch.backends.cudnn.rnn, "fp32_precision", None)  # torch 2.9 and later
    return bool(torch.backends.cudnn.allow_tf32) if precision is None else precision == "tf32"


@contextmanager
def float32_products(use_tf32: bool) -> Iterator[None]:
    """Let float32 matrix products on CUDA use TF32, or not, and put the setting back."""
    matmul = torch.backends.cuda.matmul
    name, wanted = ("fp32_precision", "tf32" if use_tf32 else "ieee")
    if not hasattr(matmul, name):
        name, wanted = "allow_tf32", use_tf32  # type: ignore[assignment]
    before = getattr(matmul, name)
    setattr(matmul, name, wanted)
    try:
        yield
    finally:
        setattr(matmul, name, before)
