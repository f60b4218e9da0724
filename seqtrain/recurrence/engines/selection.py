"""Which engine runs a layer."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from torch import Tensor

from seqtrain.recurrence.cells import Cell, State, Weights
from seqtrain.recurrence.engines.kernel import explain_kernel
from seqtrain.recurrence.engines.native import NATIVE_CELLS, explain_native_layer, native_layer
from seqtrain.recurrence.engines.reference import reference_layer
from seqtrain.recurrence.engines.triton.support import explain_triton, explain_triton_layer, is_trusted
from seqtrain.recurrence.modes import is_transformed
from seqtrain.recurrence.walk import PackedWalk

Engine: TypeAlias = Callable[[Cell, Tensor, Sequence[Weights], State, PackedWalk], tuple[Tensor, State]]

TRITON_DEVICE = "cuda"  # where backend="auto" takes the Triton kernels, once they have proved themselves
BACKENDS = ("auto", "reference", "native", "triton", "eager")
""""eager" is what earlier versions called the reference engine."""


def explain_backend(backend: str, cell: str) -> str | None:
    """Explain why this backend cannot run this cell on any device; None if it can."""
    if backend not in BACKENDS:
        return f"backend must be one of {', '.join(BACKENDS)}, got: {backend!r}"
    if backend == "triton" and cell != "lstm":
        return (
            f"backend='triton' runs cell='lstm' only, got: cell={cell!r}. "
            "Use backend='auto', which runs any cell."
        )
    if backend == "native" and cell not in NATIVE_CELLS:
        return (
            f"backend='native' runs cell='lstm' or 'gru', got: cell={cell!r}. "
            "Use backend='auto', which runs any cell."
        )
    if backend == "native" and (problem := explain_kernel()):
        return f"backend='native' cannot run: {problem}. backend='auto' runs without it, more slowly."
    return explain_triton() if backend == "triton" else None


def choose_engine(
    backend: str, cell: Cell, x: Tensor, weights: Sequence[Weights], state: State, walk: PackedWalk
) -> Engine:
    """The engine that `backend` names; for "auto", the fastest one that is exact for these arguments.

    Inside torch.func transforms it is the reference engine, whatever the backend, since they differentiate
    and batch only plain operations; so it is for a batch without rows.

    Raises:
        ValueError: "native" or "triton" cannot run these arguments.
    """
    if is_transformed() or walk.num_rows == 0:
        return reference_layer
    if backend == "triton" and (problem := explain_triton_layer(x)):
        raise ValueError(problem)
    if backend == "triton" or (
        backend == "auto"
        and x.device.type == TRITON_DEVICE
        and cell.name == "lstm"
        and is_trusted(x.device, x.dtype)
    ):
        from seqtrain.recurrence.engines.triton.engine import triton_layer  # imports Triton

        return triton_layer
    if backend in ("auto", "native"):
        problem = explain_native_layer(cell, x, weights, state)
        if problem is None:
            return native_layer
        if backend == "native":
            raise ValueError(f"backend='native' cannot run this layer: {problem}. Use backend='auto'.")
    return reference_layer
