"""Which engine runs a layer."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from torch import Tensor

from seqtrain.recurrence.cells import Cell, State, Weights
from seqtrain.recurrence.reference import reference_layer
from seqtrain.recurrence.schedule import Schedule

Engine: TypeAlias = Callable[[Cell, Tensor, Sequence[Weights], State, Schedule], tuple[Tensor, State]]

BACKENDS = ("auto", "reference")


def explain_backend(backend: str, cell: str) -> str | None:  # noqa: ARG001
    """Say why this backend cannot run this cell on any device; None where it can."""
    if backend not in BACKENDS:
        return f"backend must be one of {', '.join(BACKENDS)}, got: {backend!r}"
    return None


def choose_engine(backend: str, cell: Cell, x: Tensor, state: State, schedule: Schedule) -> Engine:  # noqa: ARG001
    """The engine that `backend` names, or for "auto" the fastest one that is exact for these arguments."""
    return reference_layer
