"""What the Triton kernels can run, and whether they have proved themselves on a device.

Nothing here imports Triton before it is needed.
"""

import os
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from typing import TypeAlias

import torch
from torch import Tensor

from seqtrain.recurrence.cells import CELLS, State, Weights
from seqtrain.recurrence.engines.reference import reference_layer
from seqtrain.recurrence.modes import without_autocast
from seqtrain.recurrence.walk import PackedWalk

RESOLUTION = {torch.float32: 1e-5, torch.float16: 4e-3, torch.bfloat16: 3e-2}
"""By dtype, the tolerated error relative to a tensor's largest number."""

Results: TypeAlias = list[Tensor]


def explain_triton() -> str | None:
    """Explain why the Triton kernels cannot run here; None if they can."""
    version = triton_version()
    if version is None:
        return (
            "backend='triton' needs the package triton, which comes with torch for CUDA on Linux. "
            "Install it, or use backend='auto'."
        )
    if tuple(int(part) for part in version.split(".")[:2]) < (3, 3):
        return (
            f"backend='triton' needs triton 3.3, of torch 2.7, or later, got: {version}. Use backend='auto'."
        )
    return None


def triton_version() -> str | None:
    """None where Triton is not installed."""
    if find_spec("triton") is None:
        return None
    import triton

    return str(triton.__version__)


def explain_triton_layer(x: Tensor) -> str | None:
    """Explain why the Triton kernels cannot run an LSTM layer on this input; None if they can."""
    if refusal := explain_triton():
        return refusal
    if x.dtype not in RESOLUTION:
        return f"backend='triton' runs float32, bfloat16 and float16, got: {x.dtype}. Use backend='auto'."
    if x.device.type != "cuda" and not is_interpreted():
        return (
            f"backend='triton' needs tensors on a CUDA device, got: {x.device}. "
            "Move the layer and its input there, or use backend='auto'."
        )
    return None


def is_interpreted() -> bool:
    """Whether Triton interprets our kernels on the CPU, as in tests: settled when they are imported."""
    kernels = sys.modules.get("seqtrain.recurrence.engines.triton.kernels")
    if kernels is None:
        return os.environ.get("TRITON_INTERPRET") == "1"
    import triton

    return not isinstance(kernels.forward_step, triton.JITFunction)


@cache
def is_trusted(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether the kernels compute a small layer, forward and backward, as the reference engine does.

    Tried once per process for each device and dtype; a failure gives a warning.
    """
    if explain_triton() or dtype not in RESOLUTION:
        return False
    problem = find_problem(device, dtype)
    if problem:
        number = str(dtype).removeprefix("torch.")
        warnings.warn(
            f"The Triton kernels are not used for {number} on {device}: {problem}. "
            "backend='auto' takes a slower engine there; scripts/gpu_check.py shows more.",
            RuntimeWarning,
            stacklevel=2,
        )
    return problem is None


def find_problem(device: torch.device, dtype: torch.dtype) -> str | None:
    """Run a small layer by the Triton kernels and by the reference engine; None where they agree."""
    try:
        with torch.inference_mode(False), torch.enable_grad(), without_autocast(device.type):
            error, allowed = _measure_error(device, dtype)
    except Exception as raised:  # whatever a compiler or a driver raises, there is another engine
        return f"they raised {type(raised).__name__}: {raised}".splitlines()[0]
    if error <= allowed:  # not where it is nan
        return None
    return f"they differ from the reference engine by {error:.1e}, and {allowed:.1e} is allowed"


def _measure_error(device: torch.device, dtype: torch.dtype) -> tuple[float, float]:
    """The error of the kernels relative to float64, and the allowed one, a multiple of the reference's."""
    from seqtrain.recurrence.engines.triton.engine import triton_layer

    walk = PackedWalk([5, 5, 3, 1], device)
    tensors = _draw_tensors(walk, dtype)
    exact = _differentiate(reference_layer, [tensor.double() for tensor in tensors], walk)
    ours = _differentiate(triton_layer, tensors, walk)
    theirs = _differentiate(reference_layer, tensors, walk)
    return worst_error(ours, exact), max(4 * worst_error(theirs, exact), RESOLUTION[dtype])


def _draw_tensors(walk: PackedWalk, dtype: torch.dtype) -> list[Tensor]:
    """x, h_0, c_0 and the weights of both directions; two programs share the hidden units."""
    generator = torch.Generator().manual_seed(0)
    input_size, hidden_size = 8, 48

    def draw(*shape: int, dtype: torch.dtype = dtype) -> Tensor:
        numbers = torch.randn(shape, generator=generator, device="cpu", dtype=torch.float32) * 0.3
        return numbers.to(walk.device, dtype)

    states = (2, walk.batch_sizes[0], hidden_size)
    x, h_0, c_0 = draw(walk.num_rows, input_size), draw(*states), draw(*states, dtype=torch.float32)
    shapes = CELLS["lstm"].shapes(input_size, hidden_size, bias=True).values()
    return [x, h_0, c_0, *(draw(*shape) for _ in range(2) for shape in shapes)]


def _differentiate(
    engine: Callable[..., tuple[Tensor, State]], tensors: Results, walk: PackedWalk
) -> Results:
    """Outputs, final states and all gradients of a sum that weights each number differently."""
    leaves = [tensor.detach().requires_grad_() for tensor in tensors]
    x, h_0, c_0, *flat = leaves
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    weights: list[Weights] = [dict(zip(names, flat[k : k + 4], strict=True)) for k in (0, 4)]
    output, final = engine(CELLS["lstm"], x, weights, (h_0, c_0), walk)
    values = (output, *final)
    loss = torch.stack([(value.double() * _ramp(value)).sum() for value in values]).sum()
    return [*values, *torch.autograd.grad(loss, leaves)]


def _ramp(value: Tensor) -> Tensor:
    return torch.linspace(-1, 2, value.numel(), dtype=torch.float64, device=value.device).view(value.shape)


def worst_error(values: Sequence[Tensor], exact: Sequence[Tensor]) -> float:
    """The largest difference, of each tensor relative to its largest number; nan where there is one."""
    errors = [
        (value.double() - truth.double()).abs().max() / truth.double().abs().max()
        for value, truth in zip(values, exact, strict=True)
    ]
    return torch.stack(errors).max().item()
