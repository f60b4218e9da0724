"""Which modes of torch are active around a call: autocast, tracing, transforms.

Torch has no public way to ask for a transform; torch.autograd.Function.apply makes the check of
`is_transformed` itself. Where a release has moved a private name, the answer is the cautious one, yes: plain
operations then run, which are slower, but which every transform knows.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor
from torch.autograd import forward_ad


def without_autocast(device_type: str) -> AbstractContextManager[object]:
    """Turn autocast off on this type of device; free where it is off already."""
    if autocast_dtype(device_type) is not None:
        return torch.autocast(device_type, enabled=False)
    return nullcontext()


def autocast_dtype(device_type: str) -> torch.dtype | None:
    """The dtype in which autocast runs products on this type of device; None where it is off."""
    if not torch.amp.is_autocast_available(device_type) or not torch.is_autocast_enabled(device_type):
        return None
    return torch.get_autocast_dtype(device_type)


def is_traced() -> bool:
    """Whether torch.compile, torch.export or torch.jit.trace records what runs."""
    return torch.compiler.is_compiling() or is_jit_traced()


def is_jit_traced() -> bool:
    """Whether torch.jit.trace records what runs; sizes are then tensors, and must not become numbers."""
    return torch.jit.is_tracing()  # type: ignore[no-untyped-call, attr-defined, no-any-return]


def is_transformed() -> bool:
    """Whether vmap, another torch.func transform or forward-mode differentiation is active."""
    return _ask(lambda: torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0)


def is_dispatched() -> bool:
    """Whether a mode of torch, such as a flop counter or a tracer, must see every operation."""
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
