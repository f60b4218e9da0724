"""A traced layer as an ONNX node, for the older exporter: torch.onnx.export(dynamo=False)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch.onnx import symbolic_helper

from seqtrain.recurrence.cells import CELLS


def translate_layer(
    g: Any,
    x: Any,
    batch_sizes: Any,  # noqa: ARG001
    state: Any,
    weights: Any,
    cell: Any,
    backend: Any,  # noqa: ARG001
    names: Any,
) -> Any:
    """Write the node; all arguments are values of the traced graph, those of `operator.operator_layer`."""
    node = CELLS[symbolic_helper._maybe_get_const(cell, "s")].onnx
    assert node is not None  # checked before the layer was traced
    states, flat = symbolic_helper._unpack_list(state), symbolic_helper._unpack_list(weights)
    num_names = len(symbolic_helper._maybe_get_const(names, "s").split(" "))
    hidden_size = symbolic_helper._get_tensor_sizes(flat[1])[1]
    weight_ih, weight_hh, *biases = (
        _stack(g, flat[index::num_names], node.blocks, hidden_size) for index in range(num_names)
    )
    num_directions = len(flat) // num_names
    attributes: dict[str, Any] = {"hidden_size_i": hidden_size}
    attributes["direction_s"] = "bidirectional" if num_directions == 2 else "forward"
    for name, value in node.all_attributes(num_directions).items():
        attributes[f"{name}_{'i' if isinstance(value, int) else 's'}"] = value
    missing = symbolic_helper._optional_input_placeholder_tensor(g)  # type: ignore[no-untyped-call]
    bias = g.op("Concat", *biases, axis_i=1) if biases else missing
    inputs = (x, weight_ih, weight_hh, bias, missing, *states)
    steps, *final = g.op(node.operator, *inputs, outputs=1 + len(states), **attributes)
    by_row = g.op("Transpose", steps, perm_i=[0, 2, 1, 3])  # from (T, D, B, H)
    shape = g.op("Constant", value_t=torch.tensor([0, 0, -1]))
    return g.op("prim::ListConstruct", g.op("Reshape", by_row, shape), *final)


def _stack(g: Any, directions: Sequence[Any], order: Sequence[int], hidden_size: int) -> Any:
    """A parameter of all directions, (D, G * H, ...), with its gates in this order."""
    stacked = []
    for parameter in directions:
        gates = [
            symbolic_helper._slice_helper(
                g, parameter, axes=[0], starts=[index * hidden_size], ends=[(index + 1) * hidden_size]
            )
            for index in order
        ]
        joined = g.op("Concat", *gates, axis_i=0)
        stacked.append(symbolic_helper._unsqueeze_helper(g, joined, [0]))
    return g.op("Concat", *stacked, axis_i=0)
