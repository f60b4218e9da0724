"""A layer as one of ONNX's own nodes, while torch.onnx.export records it."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.onnx import register_custom_op_symbolic  # type: ignore[attr-defined]

from seqtrain.recurrence.cells import CELLS, Cell, State, Weights
from seqtrain.recurrence.onnx_trace import translate_layer
from seqtrain.recurrence.operator import is_jit_traced, operator_layer


def onnx_layer(
    cell: Cell, batch_sizes: Tensor | None, x: Tensor, weights: Sequence[Weights], state: State
) -> tuple[Tensor, State]:
    """Record one layer on (T, B, I); output (T, B, D * H) and final states (D, B, H).

    Raises:
        ValueError: the input is packed, or ONNX has no node for the cell.
    """
    if batch_sizes is not None:
        raise ValueError("ONNX has no packed sequences: export the layer on a padded tensor")
    if cell.onnx is None:
        known = ", ".join(name for name, each in CELLS.items() if each.onnx is not None)
        raise ValueError(f"ONNX has no node for cell={cell.name!r}; it has one for {known}")
    if is_jit_traced():  # dynamo=False: the older exporter traces first and translates the operator later
        register_custom_op_symbolic("seqtrain::recurrent_layer", translate_layer, opset_version=9)
        return operator_layer(cell, "auto", None, x, weights, state)
    order = cell.onnx.blocks
    num_directions, batch_size, hidden_size = state[0].shape
    direction = "bidirectional" if num_directions == 2 else "forward"
    weight_ih, weight_hh = (_reorder(weights, name, order) for name in ("weight_ih", "weight_hh"))
    bias = weight_ih.new_zeros(num_directions, 2 * weight_ih.size(1))
    if "bias_ih" in weights[0]:
        bias = torch.cat([_reorder(weights, name, order) for name in ("bias_ih", "bias_hh")], dim=1)
    shapes: list[Sequence[int | torch.SymInt]] = [(x.size(0), num_directions, batch_size, hidden_size)]
    shapes += [each.shape for each in state]
    attributes: dict[str, Any] = {"hidden_size": hidden_size, "direction": direction}
    steps, *final = torch.onnx.ops.symbolic_multi_out(
        cell.onnx.operator,
        [x, weight_ih, weight_hh, bias, None, *state],
        attributes | cell.onnx.all_attributes(num_directions),
        dtypes=[x.dtype] * len(shapes),
        shapes=shapes,
    )
    return steps.transpose(1, 2).flatten(2), tuple(final)  # from (T, D, B, H)


def _reorder(weights: Sequence[Weights], name: str, order: Sequence[int]) -> Tensor:
    """A parameter of all directions, (D, G * H, ...), with its gates in this order."""
    directions = []
    for direction in weights:
        gates = direction[name].chunk(len(order))
        directions.append(torch.cat([gates[index] for index in order]))
    return torch.stack(directions)
