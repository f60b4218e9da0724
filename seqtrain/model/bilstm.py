"""A hand-written bidirectional LSTM with the interface, the parameters and the results of torch.nn.LSTM."""

import math
import re
import warnings
from typing import Any, TypeAlias, overload

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.fx import Proxy
from torch.nn.utils.rnn import PackedSequence

from seqtrain.model import bilstm_checks as checks
from seqtrain.recurrence import (
    CELLS,
    PackedWalk,
    State,
    is_jit_traced,
    is_traced,
    run_layers,
    trace_layers,
)
from seqtrain.recurrence.trace import register_traced

Final: TypeAlias = tuple[Tensor, ...] | Tensor


class BiLSTM(nn.Module):
    """A stack of LSTM layers, by default in two directions.

    A drop-in replacement for torch.nn.LSTM: same parameter names and initialization (the same seed gives the
    same weights, and a state_dict loads in either direction), same inputs, outputs and gradients.

    Args:
        dropout: probability of zeroing each output of every layer except the last, during training.
        proj_size: only 0, torch.nn.LSTM's default, is supported.
        backend: the engine that runs the time loop; "auto" selects the fastest exact one.
        cell: "lstm", or another one of `seqtrain.recurrence.CELLS`.
        weight_drop: probability of zeroing each number of `weight_hh` during training, for all steps of a
            call (Merity et al., 2018); only for cells that have this matrix.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = True,
        proj_size: int = 0,
        backend: str = "auto",
        cell: str = "lstm",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        weight_drop: float = 0.0,
    ) -> None:
        super().__init__()
        self.input_size = checks.read_size("input_size", input_size)
        self.hidden_size = checks.read_size("hidden_size", hidden_size)
        self.num_layers = checks.read_size("num_layers", num_layers)
        self.bidirectional = checks.read_bidirectional(bidirectional)
        checks.check_flags(bias=bias, batch_first=batch_first)
        checks.check_dropout(dropout)
        checks.check_proj_size(proj_size)
        checks.check_cell_and_backend(cell, backend)
        checks.check_weight_drop(weight_drop, cell)
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                f"dropout={dropout} has no effect with num_layers=1: it acts between layers. "
                "Set num_layers to 2 or more, or dropout to 0.",
                stacklevel=2,
            )
        self.mode = cell.upper()  # as torch's layers name their equations
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.proj_size = proj_size
        self.backend = backend
        self.cell = cell
        self.weight_drop = float(weight_drop)
        self._names = self._register_parameters(device, dtype)
        self.reset_parameters()

    @property
    def num_directions(self) -> int:
        return 2 if self.bidirectional else 1

    def _register_parameters(
        self, device: torch.device | str | None, dtype: torch.dtype | None
    ) -> list[list[dict[str, str]]]:
        """Create the parameters in torch's order; return their names by layer, direction and cell name."""
        names: list[list[dict[str, str]]] = []
        for layer in range(self.num_layers):
            size = self.input_size if layer == 0 else self.num_directions * self.hidden_size
            shapes = CELLS[self.cell].shapes(size, self.hidden_size, self.bias)
            suffixes = (f"_l{layer}", f"_l{layer}_reverse")[: self.num_directions]
            names.append([{name: name + suffix for name in shapes} for suffix in suffixes])
            for suffix in suffixes:
                for name, shape in shapes.items():
                    empty = torch.empty(shape, device=device, dtype=dtype)
                    self.register_parameter(name + suffix, nn.Parameter(empty))
        return names

    def reset_parameters(self) -> None:
        """Draw the weights from U(-1/sqrt(hidden_size), 1/sqrt(hidden_size)), unless the cell says otherwise.

        Parametrized and pruned weights have their underlying parameters drawn, as in torch.nn.LSTM.
        """
        bound = 1 / math.sqrt(self.hidden_size)
        cell = CELLS[self.cell]
        for path, parameter in self.named_parameters():
            own = re.match(r"(?:parametrizations\.)?(.+)_l\d+", path)
            name = path if own is None else own[1]
            if name in cell.constants:
                nn.init.constant_(parameter, cell.constants[name])
            else:
                nn.init.uniform_(parameter, *cell.ranges.get(name, (-bound, bound)))

    @property
    def _first_weight(self) -> Tensor:
        """The weight whose dtype and device inputs must have; faster than next(self.parameters())."""
        weight: Tensor = getattr(self, next(iter(self._names[0][0].values())))
        return weight

    @property
    def all_weights(self) -> list[list[nn.Parameter]]:
        """Parameters by layer and direction, as torch.nn.LSTM.all_weights."""
        return [[getattr(self, n) for n in names.values()] for both in self._names for names in both]

    @property
    def _flat_weights(self) -> list[Tensor]:
        """All weights in one list; private in torch.nn.LSTM, too, but read by code that replaces weights."""
        return [weight for direction in self.all_weights for weight in direction]

    def flatten_parameters(self) -> None:
        """Do nothing: there is no cuDNN buffer to compact. Here for code that calls it on torch.nn.LSTM."""

    def extra_repr(self) -> str:
        """The sizes, and every argument that differs from its default."""
        defaults: dict[str, object] = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0}
        defaults |= {"bidirectional": True, "backend": "auto", "cell": "lstm", "weight_drop": 0.0}
        changed = [
            f"{key}={getattr(self, key)!r}" for key, value in defaults.items() if getattr(self, key) != value
        ]
        return ", ".join([str(self.input_size), str(self.hidden_size), *changed])

    @overload
    def forward(self, input: Tensor, hx: Final | None = None) -> tuple[Tensor, Final]: ...

    @overload
    def forward(self, input: PackedSequence, hx: Final | None = None) -> tuple[PackedSequence, Final]: ...

    def forward(
        self, input: Tensor | PackedSequence, hx: Final | None = None
    ) -> tuple[Tensor | PackedSequence, Final]:
        """Run all layers over whole sequences.

        Letters: L time steps, B sequences, D directions, H = hidden_size.

        Args:
            input: (L, B, input_size); with batch_first, (B, L, input_size); unbatched, (L, input_size); or a
                PackedSequence, sorted or not, which is never padded.
            hx: (h_0, c_0), each (num_layers * D, B, H), or (num_layers * D, H) for unbatched input; zeros if
                None. A cell with other states takes those, in its own order and sizes; a cell whose only
                state is h takes h_0 alone, as torch.nn.GRU does.

        Returns:
            output: the last layer's h at every time step, in the same form as the input, with D * H features:
                forward h, then backward h of the same time step.
            (h_n, c_n): the states after the last step of each sequence in each direction, shaped like hx:
                h_n[0] is layer 0 forward, h_n[1] layer 0 backward, h_n[2] layer 1 forward, ... Or other
                states, or h_n alone, as for hx.

        Under autocast, products run in its dtype and c stays in float32 between steps. As with torch.nn.LSTM
        on a CPU, the results for packed input then have the input's dtype.
        """
        if isinstance(input, Proxy):
            return self._record_call(input, hx)  # type: ignore[unreachable]
        if isinstance(input, PackedSequence):
            return self._run_packed(input, hx)
        if not is_jit_traced():
            checks.check_padded(input, self.input_size, self.batch_first, self._first_weight)
        if input.dim() == 2:
            state = self._read_state(hx, input, 1, unbatched=True)
            output, final = self._run(input.unsqueeze(1), None, state)
            return output.squeeze(1), self._return_state(tuple(s.squeeze(1) for s in final))

        by_step = input.transpose(0, 1) if self.batch_first else input
        output, final = self._run(by_step, None, self._read_state(hx, input, by_step.size(1)))
        return output.transpose(0, 1) if self.batch_first else output, self._return_state(final)

    def _run_packed(self, input: PackedSequence, hx: Final | None) -> tuple[PackedSequence, Final]:
        data, batch_sizes, order, restore = input
        if not is_jit_traced():
            checks.check_packed(data, self.input_size, self._first_weight)
        batch_size = int(batch_sizes[0]) if order is None else order.size(0)
        state = self._read_state(hx, data, batch_size)
        rows, final = self._run(data, batch_sizes, _permute(state, order))
        if data.device.type == "cpu":  # back from autocast's dtype
            rows, final = rows.to(data.dtype), tuple(s.to(data.dtype) for s in final)
        final = _permute(final, restore)
        return PackedSequence(rows, batch_sizes, order, restore), self._return_state(final)

    def _run(self, x: Tensor, batch_sizes: Tensor | None, state: State) -> tuple[Tensor, State]:
        """Run all layers on (T, B, input_size), or on rows (N, input_size) with their batch sizes."""
        weights = [[self._weights_of(names) for names in layer] for layer in self._names]
        cell, dropout = CELLS[self.cell], self.dropout if self.training else 0.0
        if is_traced():
            return trace_layers(cell, self.backend, x, weights, state, batch_sizes, dropout)
        if batch_sizes is not None:
            walk = PackedWalk(batch_sizes.tolist(), x.device)
            return run_layers(cell, self.backend, x, weights, state, walk, dropout)
        length, batch_size, _ = x.shape
        walk = PackedWalk([batch_size] * length, x.device)
        rows, final = run_layers(cell, self.backend, x.flatten(0, 1), weights, state, walk, dropout)
        return rows.view(length, batch_size, rows.size(1)), final

    def _weights_of(self, names: dict[str, str]) -> dict[str, Tensor]:
        """The weights of one layer and direction by their names in the cell."""
        weights: dict[str, Tensor] = {name: getattr(self, own) for name, own in names.items()}
        if self.training and self.weight_drop:
            weights["weight_hh"] = F.dropout(weights["weight_hh"], self.weight_drop)
        return weights

    def _read_state(self, hx: Final | None, like: Tensor, batch_size: int, unbatched: bool = False) -> State:
        """Check hx and return each state as (num_layers * D, B, size); zeros where hx is None."""
        sizes = CELLS[self.cell].state_sizes(self.hidden_size)
        rows = self.num_layers * self.num_directions
        if hx is None:
            return tuple(like.new_zeros(rows, batch_size, size) for size in sizes.values())
        if not is_jit_traced():
            leading = (rows,) if unbatched else (rows, batch_size)
            shapes = {name: (*leading, size) for name, size in sizes.items()}
            checks.check_state(hx, shapes, self._first_weight)
        state = (hx,) if isinstance(hx, Tensor) else tuple(hx)
        return tuple(s.unsqueeze(1) for s in state) if unbatched else state

    def _record_call(self, input: Any, hx: Final | None) -> Any:
        """Let torch.fx record the layer as one call, as it does with torch.nn.LSTM."""
        path = input.tracer.path_of_module(self)
        return input.tracer.create_proxy("call_module", path, (input, hx), {})

    def _return_state(self, state: State) -> Final:
        return state if len(state) > 1 else state[0]


register_traced(BiLSTM, lambda layer: CELLS[layer.cell])


def _permute(state: State, order: Tensor | None) -> State:
    return state if order is None else tuple(s.index_select(1, order) for s in state)
