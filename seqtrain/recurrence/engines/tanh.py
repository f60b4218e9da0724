"""The hyperbolic tangent with full relative precision, faster than torch.tanh on a CPU."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

MIN_NUMBERS = 3072
"""From this size on, four cheap operations take less time than one torch.tanh."""

_HAS_MKL: bool = torch.backends.mkl.is_available()  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Tanh:
    """`run(scale * x, out)` writes tanh(x) to `out`.

    The factor is left to the caller, who can multiply weights once instead of activations in each step.
    """

    scale: int
    run: Callable[[Tensor, Tensor], object]


def choose_tanh(like: Tensor, num_numbers: int) -> Tanh:
    """The faster variant for tensors like this one with this many elements."""
    is_wide = like.dtype in (torch.float32, torch.float64)
    if num_numbers >= MIN_NUMBERS and is_wide and like.device.type == "cpu" and _HAS_MKL:
        return Tanh(2, _from_expm1)
    return Tanh(1, _from_torch)


def _from_torch(x: Tensor, out: Tensor) -> object:
    return torch.tanh(x, out=out)


def _from_expm1(x: Tensor, out: Tensor) -> object:
    """tanh(x / 2) = e / (e + 2) = 1 / (1 + 2 / e) with e = exp(x) - 1.

    Nothing cancels near zero, unlike in 2 sigmoid(x) - 1, and an infinite e gives 1.
    """
    torch.expm1(x, out=out).reciprocal_()
    return torch.add(_ONE.to(out.dtype), out, alpha=2, out=out).reciprocal_()


_ONE = torch.ones(())  # a tensor: torch wraps a Python number anew in each call, at a cost
