"""A traced layer as an ONNX node, for the older exporter: torch.onnx.export(dynamo=False)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch.onnx import symbolic_helper

NODES = {"lstm": ("LSTM", (0, 3, 1, 2)), "gru": ("GRU", (1, 0, 2))}
"""The node of each cell, and the order in which it has torch's gates: i, o, f, g and z, r, n."""


def translate_layer(
    g: Any,
    x: Any,
    batch_sizes: Any,  # noqa: ARG001
    state: Any,
    weights: Any,
    cell: Any,
    backend: Any,  # noqa: ARG001
) -> Any:
    """Write the node; all arguments are values of the traced graph, those of `operator.operator_layer`."""
    node, order = NODES[symbolic_helper._maybe_get_const(cell, "s")]
    states, flat = symbolic_helper._unpack_list(state), symbolic_helper._unpack_list(weights)
    has_bias = len(flat) > 2 and symbolic_helper._get_tensor_rank(flat[2]) == 1
    num_names = 4 if has_bias else 2
    hidden_size = symbolic_helper._get_tensor_sizes(flat[1])[1]
    weight_ih, weight_hh, *biases = (
        _stack(g, flat[index::num_names], order, hidden_size) for index in range(num_names)
    )
    attributes: dict[str, Any] = {"hidden_size_i": hidden_size}
    attributes["direction_s"] = "bidirectional" if len(flat) == 2 * num_names else "forward"
    if node == "GRU":
        attributes["linear_before_reset_i"] = 1
    missing = symbolic_helper._optional_input_placeholder_tensor(g)  # type: ignore[no-untyped-call]
    bias = g.op("Concat", *biases, axis_i=1) if has_bias else missing
    inputs = (x, weight_ih, weight_hh, bias, missing, *states)
    steps, *final = g.op(node, *inputs, outputs=1 + len(states), **attributes)
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
