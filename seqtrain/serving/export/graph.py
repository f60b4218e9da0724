"""An ONNX graph under construction; of a recurrent layer it has one RNN, LSTM or GRU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from seqtrain.errors import ConfigError
from seqtrain.model import BiLSTM
from seqtrain.recurrence.cells import CELLS, OnnxNode
from seqtrain.recurrence.trace import find_cell
from seqtrain.serving.export.accepted import OPERATORS

OPSET = 22  # in which the recurrent operators changed last
IR_VERSION = 10  # which every runtime that knows the opset reads
PRODUCER = "seqtrain"

FLOAT, INT64, INT32 = TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32


class Graph:
    """Collects nodes; values are known by their names, which are unique."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._counts: dict[str, int] = {}

    def add_input(self, name: str, kind: int, shape: Sequence[str | int]) -> str:
        """Declare an input; strings in its shape name sizes that may differ from call to call."""
        self._inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def add_output(self, value: str, name: str, kind: int, shape: Sequence[str | int]) -> None:
        """Declare a value of the graph as an output."""
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, kind, shape))

    def constant(self, values: npt.ArrayLike, dtype: npt.DTypeLike = np.int64) -> str:
        """A constant tensor: weights, or small integers such as axes and shapes."""
        name = self._unique("constant")
        self._constants.append(numpy_helper.from_array(np.asarray(values, dtype=dtype), name))
        return name

    def weight(self, tensor: Any) -> str:
        """A float constant with the values of a torch tensor."""
        return self.constant(tensor.detach().cpu().numpy(), np.float32)

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output."""
        (output,) = self.add_many(operator, inputs, 1, **attributes)
        return output

    def add_many(
        self, operator: str, inputs: Sequence[str], num_outputs: int, **attributes: Any
    ) -> list[str]:
        """Add a node; an empty input name leaves an optional input out."""
        assert operator in OPERATORS, f"{operator}: list it in accepted.py, or nothing reads it again"
        name = self._unique(operator)
        outputs = [f"{name}_{number}" for number in range(num_outputs)]
        self._nodes.append(helper.make_node(operator, inputs, outputs, name, **attributes))
        return outputs

    def build(self) -> bytes:
        """The checked model."""
        nodes = self._find_used()
        used = {name for node in nodes for name in node.input}
        constants = [each for each in self._constants if each.name in used]
        graph = helper.make_graph(nodes, PRODUCER, self._inputs, self._outputs, constants)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name=PRODUCER,
        )
        onnx.checker.check_model(model, full_check=True)
        content: bytes = model.SerializeToString()
        return content

    def _find_used(self) -> list[Any]:
        """The nodes that an output needs, in their order."""
        needed, nodes = {each.name for each in self._outputs}, []
        for node in reversed(self._nodes):
            if needed.intersection(node.output):
                needed.update(node.input)
                nodes.append(node)
        return nodes[::-1]

    def _unique(self, name: str) -> str:
        self._counts[name] = self._counts.get(name, 0) + 1
        return f"{name.lower()}_{self._counts[name]}"


Recurrent: TypeAlias = "nn.RNNBase | BiLSTM"


class States(NamedTuple):
    """The names of the states of the last layer."""

    every: str  # (time, batch, directions * hidden_size), zero beyond a sequence's length
    final: str  # (directions, batch, hidden_size), at each sequence's end in its direction
    carried: tuple[str, ...] = ()  # each final state, (layers * directions, batch, hidden_size)


def add_recurrent(
    graph: Graph, rnn: Recurrent, features: str, lengths: str, initial: Sequence[str] = ()
) -> States:
    """Add the layers of a recurrent module.

    Args:
        graph: to add to.
        rnn: the module.
        features: (time, batch, input_size) float.
        lengths: (batch,) int32; "" if all sequences are as long as `features`.
        initial: the states to start from, (layers * directions, batch, hidden_size) each; zeros if there are
            none.

    Raises:
        ConfigError: ONNX has no operator for the module.
    """
    node = find_node(rnn)
    directions = 2 if rnn.bidirectional else 1
    every, final = features, ""
    finals: list[list[str]] = [[] for _ in initial]
    for layer in range(rnn.num_layers):
        weights = [graph.weight(each) for each in _layer_weights(rnn, node.blocks, layer)]
        rows = graph.constant(range(layer * directions, (layer + 1) * directions)) if initial else ""
        starts = [graph.add("Gather", each, rows, axis=0) for each in initial]
        inputs = [every, *weights, *([] if rnn.bias else [""]), lengths, *starts]
        outputs, final, *others = graph.add_many(
            node.operator,
            inputs,
            1 + max(1, len(initial)),
            hidden_size=rnn.hidden_size,
            direction="bidirectional" if rnn.bidirectional else "forward",
            **node.all_attributes(directions),
        )
        # (time, directions, batch, hidden) to (time, batch, directions * hidden); 0 keeps a size
        every = graph.add("Transpose", outputs, perm=[0, 2, 1, 3])
        every = graph.add("Reshape", every, graph.constant([0, 0, directions * rnn.hidden_size]))
        for found, value in zip(finals, (final, *others), strict=False):
            found.append(value)
    carried = [graph.add("Concat", *each, axis=0) for each in finals]
    return States(every, final, tuple(carried))


def find_node(rnn: nn.Module) -> OnnxNode:
    """The ONNX operator that computes a recurrent module.

    Raises:
        ConfigError: there is none.
    """
    try:
        cell = find_cell(rnn)
    except (TypeError, ValueError) as error:
        raise ConfigError([f"model: {error}"]) from None
    if cell.onnx is None:
        known = ", ".join(name for name, each in CELLS.items() if each.onnx is not None)
        raise ConfigError(
            [f"model.cell: {cell.name} has no ONNX operator; {known} have one. format=torch exports any cell"]
        )
    return cell.onnx


def _layer_weights(rnn: Recurrent, blocks: tuple[int, ...], layer: int) -> list[Tensor]:
    """W (directions, gates * hidden, input), R (directions, gates * hidden, hidden) and, if there is one,
    B (directions, 2 * gates * hidden): the input biases, then the recurrent ones."""
    suffixes = [f"l{layer}", f"l{layer}_reverse"][: 2 if rnn.bidirectional else 1]

    def stack(name: str) -> Tensor:
        gates = [getattr(rnn, f"{name}_{suffix}").chunk(len(blocks)) for suffix in suffixes]
        return torch.stack([torch.cat([each[block] for block in blocks]) for each in gates])

    weights = [stack("weight_ih"), stack("weight_hh")]
    return [*weights, torch.cat([stack("bias_ih"), stack("bias_hh")], dim=1)] if rnn.bias else weights
