"""A layer as one of ONNX's own nodes, while torch.onnx.export records it."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.onnx import register_custom_op_symbolic, symbolic_helper  # type: ignore[attr-defined]

from seqtrain.recurrence.cells import CELLS, Cell, State, Weights
from seqtrain.recurrence.modes import is_jit_traced
from seqtrain.recurrence.operator import operator_layer


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


@symbolic_helper.parse_args("v", "v", "v", "v", "s", "none", "s")
def translate_layer(
    g: Any,
    x: Any,
    batch_sizes: Any,  # noqa: ARG001
    state: Any,
    weights: Any,
    cell: str,
    backend: Any,  # noqa: ARG001
    names: str,
) -> Any:
    """Write the node of a traced layer, for the older exporter: torch.onnx.export(dynamo=False).

    The arguments are those of the operator in `operator.py`, with values of the graph in place of tensors.
    """
    node = CELLS[cell].onnx
    assert node is not None  # checked before the layer was traced
    states, flat = list(state.node().inputs()), list(weights.node().inputs())
    num_names = len(names.split(" "))
    hidden_size = flat[1].type().sizes()[1]
    weight_ih, weight_hh, *biases = (
        _stack(g, flat[index::num_names], node.blocks, hidden_size) for index in range(num_names)
    )
    num_directions = len(flat) // num_names
    attributes: dict[str, Any] = {"hidden_size_i": hidden_size}
    attributes["direction_s"] = "bidirectional" if num_directions == 2 else "forward"
    for name, value in node.all_attributes(num_directions).items():
        attributes[f"{name}_{'i' if isinstance(value, int) else 's'}"] = value
    # A missing input has no public name. Where this private one is gone, dynamo=True still exports.
    missing = symbolic_helper._optional_input_placeholder_tensor(g)  # type: ignore[no-untyped-call]
    bias = g.op("Concat", *biases, axis_i=1) if biases else missing
    inputs = (x, weight_ih, weight_hh, bias, missing, *states)
    steps, *final = g.op(node.operator, *inputs, outputs=1 + len(states), **attributes)
    by_row = g.op("Transpose", steps, perm_i=[0, 2, 1, 3])  # from (T, D, B, H)
    shape = g.op("Constant", value_t=torch.tensor([0, 0, -1]))
    return g.op("prim::ListConstruct", g.op("Reshape", by_row, shape), *final)


def _stack(g: Any, directions: Sequence[Any], order: Sequence[int], hidden_size: int) -> Any:
    """A parameter of all directions, (D, G * H, ...), with its gates in this order."""
    rows = torch.arange(len(order) * hidden_size).view(len(order), hidden_size)[list(order)].flatten()
    shape = torch.tensor([1, *directions[0].type().sizes()])
    gathered = [g.op("Gather", each, g.op("Constant", value_t=rows), axis_i=0) for each in directions]
    stacked = [g.op("Reshape", each, g.op("Constant", value_t=shape)) for each in gathered]
    return g.op("Concat", *stacked, axis_i=0)
