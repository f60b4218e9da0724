"""A traced layer as an ONNX node, for the older exporter: torch.onnx.export(dynamo=False)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch.onnx import symbolic_helper

from seqtrain.recurrence.cells import CELLS


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
    """Write the node; the arguments are those of `operator.operator_layer`, tensors as the graph's values."""
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
    # The private name of a missing input has no public twin; gone: export with dynamo=True.
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
