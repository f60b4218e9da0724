"""Matrix products on a CPU, by the faster of the two libraries that torch is built with.

torch.mm and its relatives call MKL, which uses AVX-512 on Intel's processors only. oneDNN, which
torch.nn.LSTM runs on, uses it on all: where MKL does not, oneDNN is twice as fast for large products. It is
slower for small ones.
"""

import torch
from torch import Tensor

MIN_SIZE = 1 << 20
"""Multiplications per thread from which oneDNN is faster, measured in docs/recurrence.md."""

# Private, but the operator that compiled models call, and the only way to an unfused product by oneDNN.
_HAS_ONEDNN = hasattr(torch.ops.mkldnn, "_linear_pointwise")
_HAS_AVX512 = torch.backends.cpu.get_cpu_capability().startswith("AVX512")


def prefers_onednn(x: Tensor, num_multiplications: int) -> bool:
    """Whether a product of x with this many multiplications is faster by oneDNN."""
    return (
        num_multiplications >= MIN_SIZE * torch.get_num_threads()
        and _HAS_ONEDNN
        and _HAS_AVX512
        and x.dtype == torch.float32
        and x.device.type == "cpu"
        and bool(torch.backends.mkldnn.enabled)
    )


def multiply(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x weight^T + bias: x (M, K), weight (N, K), bias (N,), result (M, N)."""
    if prefers_onednn(x, x.numel() * weight.size(0)):
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")  # type: ignore[no-any-return]
    return x @ weight.mT if bias is None else torch.addmm(bias, x, weight.mT)
