"""Recurrent modules as ONNX operators: one RNN, LSTM or GRU node for each layer."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import type_before_parametrizations

from seqtrain.config import ConfigError
from seqtrain.export.graph import Graph
from seqtrain.model import BiLSTM

Recurrent: TypeAlias = "nn.RNNBase | BiLSTM"

# The order of the gates in ONNX, as places in torch's order.
GATES = {
    "RNN": (0,),
    "LSTM": (0, 3, 1, 2),  # input, output, forget, cell; torch has input, forget, cell, output
    "GRU": (1, 0, 2),  # update, reset, new; torch has reset, update, new
}
# How torch's GRU applies the reset gate: after the recurrent product.
ATTRIBUTES: dict[str, dict[str, Any]] = {"RNN": {}, "LSTM": {}, "GRU": {"linear_before_reset": 1}}


class States(NamedTuple):
    """The names of the states of the last layer."""

    every: str  # (time, batch, directions * hidden_size), zero beyond a sequence's length
    final: str  # (directions, batch, hidden_size), at each sequence's end in its direction


def add_recurrent(graph: Graph, rnn: Recurrent, features: str, lengths: str) -> States:
    """Add the layers of a recurrent module.

    Args:
        graph: to add to.
        rnn: the module.
        features: (time, batch, input_size) float.
        lengths: (batch,) int32; "" if all sequences are as long as `features`.

    Raises:
        ConfigError: ONNX has no operator for the module.
    """
    operator = operator_of(rnn)
    directions = 2 if rnn.bidirectional else 1
    every, final = features, ""
    for layer in range(rnn.num_layers):
        weights = [graph.weight(each) for each in _layer_weights(rnn, operator, layer)]
        inputs = [every, *weights, *([] if rnn.bias else [""]), lengths]
        outputs, final = graph.add_many(
            operator,
            inputs,
            2,
            hidden_size=rnn.hidden_size,
            direction="bidirectional" if rnn.bidirectional else "forward",
            **ATTRIBUTES[operator],
            **({"activations": [_activation(rnn)] * directions} if operator == "RNN" else {}),
        )
        # (time, directions, batch, hidden) to (time, batch, directions * hidden); 0 keeps a size
        every = graph.add("Transpose", outputs, perm=[0, 2, 1, 3])
        every = graph.add("Reshape", every, graph.constant([0, 0, directions * rnn.hidden_size]))
    return States(every, final)


def operator_of(rnn: Any) -> str:
    """The ONNX operator that computes a recurrent module.

    Raises:
        ConfigError: there is none.
    """
    # A subclass may compute something else.
    kind = type_before_parametrizations(rnn)
    operators = {nn.LSTM: "LSTM", nn.GRU: "GRU", nn.RNN: "RNN"}
    if kind in operators and not rnn.proj_size:
        return operators[kind]
    if kind is BiLSTM and rnn.cell in ("lstm", "gru"):
        return str(rnn.cell).upper()
    what = f"model.cell: {rnn.cell}" if kind is BiLSTM else f"model: {kind.__name__}"
    raise ConfigError(
        [
            f"{what} has no ONNX operator; rnn, lstm, gru, and bilstm with cell=lstm or cell=gru have one, "
            "without projections, but not their subclasses"
        ]
    )


def _activation(rnn: Recurrent) -> str:
    return {"tanh": "Tanh", "relu": "Relu"}[str(rnn.nonlinearity)]


def _layer_weights(rnn: Recurrent, operator: str, layer: int) -> list[Tensor]:
    """W (directions, gates * hidden, input), R (directions, gates * hidden, hidden) and, if there is one,
    B (directions, 2 * gates * hidden): the input biases, then the recurrent ones."""
    suffixes = [f"l{layer}", f"l{layer}_reverse"][: 2 if rnn.bidirectional else 1]

    def stack(name: str) -> Tensor:
        return torch.stack([_reorder(getattr(rnn, f"{name}_{each}"), operator) for each in suffixes])

    weights = [stack("weight_ih"), stack("weight_hh")]
    return [*weights, torch.cat([stack("bias_ih"), stack("bias_hh")], dim=1)] if rnn.bias else weights


def _reorder(weight: Tensor, operator: str) -> Tensor:
    gates = weight.chunk(len(GATES[operator]))
    return torch.cat([gates[place] for place in GATES[operator]])
