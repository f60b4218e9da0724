"""Detection of the transforms that a backward pass written by hand cannot take part in.

Torch has no public way to ask; torch.autograd.Function.apply makes the first of these checks itself. Where a
release has moved a private name, the answer is the careful one, yes: then plain operations run, which every
transform knows, at their speed.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.autograd import forward_ad


def is_transformed() -> bool:
    """Whether vmap, another torch.func transform or forward-mode differentiation is active."""
    return _ask(lambda: torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0)


def is_dispatched() -> bool:
    """Whether a mode of torch, such as a flop counter or a tracer, is to see every operation."""
    return _ask(lambda: torch._C._len_torch_dispatch_stack() > 0)


def is_any_batched(tensors: Sequence[Tensor | None]) -> bool:
    """Whether torch.autograd.grad(is_grads_batched=True) passes batches of gradients as one."""
    given = [tensor for tensor in tensors if tensor is not None]
    return _ask(lambda: any("Batched" in torch._C._dispatch_key_set(tensor) for tensor in given))


def _ask(question: Callable[[], bool]) -> bool:
    try:
        return question()
    except AttributeError:
        return True
