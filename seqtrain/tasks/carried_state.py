"""The final state of one batch as the initial state of the next, along the streams of a text or a series."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from seqtrain.errors import RunError
from seqtrain.records import BackboneOutput, FinalState, SequenceBatch


class CarriedState:
    """The states that the streams of a pass have reached.

    A state is a FinalState, whose tensors are (layers, batch, size), or another tree of tensors, which then
    are (batch, ...).
    """

    def __init__(self) -> None:
        self._states: tuple[Any, ...] | None = None  # one for each member of an ensemble

    def before(self, batch: SequenceBatch) -> tuple[Any, ...] | None:
        """The initial states for a batch: zero where a stream begins, and where nothing was carried."""
        if batch.starts is None or self._states is None or bool(batch.starts.all()):
            return None
        kept = ~batch.starts
        device = None if batch.targets is None else batch.targets.device  # a checkpoint's are on the CPU
        return tuple(
            _map_tensors(state, lambda tensor, axis: _continue_rows(tensor.to(device), axis, kept))
            for state in self._states
        )

    def after(self, batch: SequenceBatch, outputs: tuple[BackboneOutput, ...]) -> None:
        """Keep the final states of a batch of streams, without their graph.

        Raises:
            RunError: a tensor of a user's own state does not have the batch where it is expected.
        """

        def keep(tensor: Tensor, axis: int) -> Tensor:
            if tensor.ndim <= axis or tensor.shape[axis] != len(batch):
                raise RunError(
                    f"model: its final state has a tensor of shape {tuple(tensor.shape)}, and dimension "
                    f"{axis} is not the batch of {len(batch)}, so it cannot be carried on; return tensors "
                    "(batch, ...), or a FinalState of tensors (layers, batch, size)"
                )
            return tensor.detach()

        if batch.starts is not None:
            self._states = tuple(_map_tensors(each.final_state, keep) for each in outputs)

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain values."""
        return {} if self._states is None else {"states": [_to_plain(state) for state in self._states]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._states = tuple(map(_from_plain, state.get("states", []))) or None


def _continue_rows(tensor: Tensor, axis: int, kept: Tensor) -> Tensor:
    """The rows of streams that continue, and zeros for those that begin."""
    rows = tensor.narrow(axis, 0, len(kept))
    if bool(kept.all()):
        return rows
    shape = [1] * tensor.ndim
    shape[axis] = len(kept)
    return rows.masked_fill(~kept.to(tensor.device).view(shape), 0)


def _map_tensors(state: Any, change: Callable[[Tensor, int], Tensor], axis: int = 0) -> Any:
    """The same tree with `change(tensor, axis of the batch)` in place of every tensor."""
    if isinstance(state, FinalState):
        return FinalState.of([change(tensor, 1) for tensor in state.states])
    if isinstance(state, Tensor):
        return change(state, axis)
    if isinstance(state, dict):
        return {key: _map_tensors(value, change) for key, value in state.items()}
    if isinstance(state, (tuple, list)):
        values = [_map_tensors(value, change) for value in state]
        return type(state)(*values) if hasattr(state, "_fields") else type(state)(values)
    return state


def _to_plain(state: Any) -> Any:
    return {"final_state": list(state.states)} if isinstance(state, FinalState) else state


def _from_plain(state: Any) -> Any:
    if isinstance(state, dict) and state.keys() == {"final_state"}:
        return FinalState.of(state["final_state"])
    return state
