"""A kernel that applies the activations of the Triton kernels; to be imported where it is interpreted."""

import triton
import triton.language as tl

from seqtrain.recurrence.engines.triton import kernels


@triton.jit
def activate(x, result, SIZE: tl.constexpr):  # noqa: N803
    """From x (SIZE,): its sigmoid and its tanh, (2, SIZE)."""
    at = tl.arange(0, SIZE)
    numbers = tl.load(x + at)
    tl.store(result + at, kernels.sigmoid(numbers))
    tl.store(result + SIZE + at, kernels.tanh(numbers))
