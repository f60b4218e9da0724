"""Matrix products on a CPU, by the faster of the two libraries that torch is built with.

torch.mm and its relatives call MKL, which uses AVX-512 on Intel's processors only. oneDNN, which
torch.nn.LSTM runs on, uses it on all: where MKL does not, oneDNN is twice as fast for large products. It is
slower for small ones.
"""

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from seqtrain.recurrence.walk import PackedWalk

Product: TypeAlias = Callable[[Tensor], Tensor]
"""The function x -> x weight^T + bias of one weight and bias."""

AddedProduct: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]
"""The function (x, addend, out) that writes addend + x weight^T of every direction to out, and returns it."""

MIN_SIZE = 1 << 20
"""Multiplications per thread from which oneDNN is faster, measured in docs/recurrence.md."""

MIN_PACKED_USES = 4096
"""Products times the smaller side of a weight from which packing it for oneDNN costs less than it saves."""

MIN_COPIED_STEPS = 256
"""Products with one row from which a transposed copy of the weight costs less than it saves."""

# Private, but what compiled models call, and the only way to an unfused product by oneDNN.
_OPERATORS = ("_linear_pointwise", "_reorder_linear_weight")
_HAS_ONEDNN = all(hasattr(torch.ops.mkldnn, name) for name in _OPERATORS)
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
        return _multiply_onednn(x, weight, bias)
    return _multiply_mkl(x, weight, bias)


def transpose(weight: Tensor, num_rows: int, num_steps: int) -> Tensor:
    """weight^T (..., K, N) for batched products by MKL in this many steps of about `num_rows` rows each.

    With single rows MKL is faster on a copy that is transposed in memory.
    """
    return weight.mT.contiguous() if num_rows <= 1 and num_steps >= MIN_COPIED_STEPS else weight.mT


def multiply_transposed(d: Tensor, x: Tensor) -> Tensor:
    """d^T x, the gradient of a weight: d (N, F), x (N, K), result (F, K).

    oneDNN copies its first factor where that is transposed, but not its second. So it is (x^T d)^T that is
    computed where copies of x and of the result are smaller than one of d.
    """
    if not prefers_onednn(x, d.numel() * x.size(1)):
        return d.mT @ x
    d, x = d.contiguous(), x.contiguous()
    if d.numel() < x.numel() + d.size(1) * x.size(1):
        return _multiply_onednn(d.mT, x.mT, None)
    return _multiply_onednn(x.mT, d.mT, None).mT.contiguous()


def make_large_product(
    weight: Tensor, num_rows: int, num_products: int, bias: Tensor | None = None
) -> Product | None:
    """The product x weight^T + bias with one weight (N, K) in many steps of about `num_rows` rows each.

    None where steps are too small for oneDNN, which reads a weight in a layout of its own and makes that anew
    in each product unless it is kept, as it is here.
    """
    if not prefers_onednn(weight, weight.numel() * num_rows):
        return None
    min_rows = MIN_SIZE * torch.get_num_threads() / weight.numel()
    packed = weight
    if num_products * min(weight.shape) >= MIN_PACKED_USES:
        packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), num_rows)

    def multiply_step(x: Tensor) -> Tensor:
        return _multiply_mkl(x, weight, bias) if len(x) < min_rows else _multiply_onednn(x, packed, bias)

    return multiply_step


def make_large_products(
    weights: Tensor, num_rows: int, num_steps: int, bias: Tensor | None = None
) -> list[Product]:
    """`make_large_product` of every direction: weights (D, N, K), bias (D, N); none for small steps."""
    biases = [None] * len(weights) if bias is None else bias.unbind(0)
    found = [
        make_large_product(weight, num_rows, num_steps, each)
        for weight, each in zip(weights, biases, strict=True)
    ]
    return [product for product in found if product is not None]


def make_recurrent_product(weight_hh: Tensor, bias_hh: Tensor | None, walk: PackedWalk) -> Product:
    """The function h -> h W_hh^T + b_hh of all directions (D, b, H), by the faster library."""
    products = make_large_products(weight_hh, walk.mean_batch_size, len(walk.batch_sizes), bias_hh)
    matrix = weight_hh.mT
    if products:
        if len(products) == 1:
            return lambda h: products[0](h[0]).unsqueeze(0)
        return lambda h: torch.stack([product(each) for product, each in zip(products, h, strict=True)])
    if bias_hh is None:
        return lambda h: torch.bmm(h, matrix)
    bias = bias_hh.unsqueeze(1)
    return lambda h: torch.baddbmm(bias, h, matrix)


def make_added_product(weights: Tensor, walk: PackedWalk) -> AddedProduct:
    """addend + x weight^T in every step: weights (D, N, K), x (D, b, K), addend and out (D, b, N)."""
    num_rows, num_steps = walk.mean_batch_size, len(walk.batch_sizes)
    products = make_large_products(weights, num_rows, num_steps)
    if not products:
        matrix = transpose(weights, num_rows, num_steps)
        return lambda x, addend, out: torch.baddbmm(addend, x, matrix, out=out)

    def add(x: Tensor, addend: Tensor, out: Tensor) -> Tensor:
        each = (products, x.unbind(0), addend.unbind(0), out.unbind(0))
        for product, rows, added, to in zip(*each, strict=True):
            torch.add(product(rows), added, out=to)
        return out

    return add


def _multiply_mkl(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return x @ weight.mT if bias is None else torch.addmm(bias, x, weight.mT)


def _multiply_onednn(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise.default(x, weight, bias, "none", [], "")  # type: ignore[no-any-return]
