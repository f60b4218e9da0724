"""Recurrent modules as ONNX operators: one RNN, LSTM or GRU node for each layer."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from seqtrain.config import ConfigError
from seqtrain.model import BiLSTM
from seqtrain.recurrence.cells import CELLS, OnnxNode
from seqtrain.recurrence.trace import find_cell
from seqtrain.serving.export.graph import Graph

Recurrent: TypeAlias = "nn.RNNBase | BiLSTM"


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
    node = find_node(rnn)
    directions = 2 if rnn.bidirectional else 1
    every, final = features, ""
    for layer in range(rnn.num_layers):
        weights = [graph.weight(each) for each in _layer_weights(rnn, node.blocks, layer)]
        inputs = [every, *weights, *([] if rnn.bias else [""]), lengths]
        outputs, final = graph.add_many(
            node.operator,
            inputs,
            2,
            hidden_size=rnn.hidden_size,
            direction="bidirectional" if rnn.bidirectional else "forward",
            **node.all_attributes(directions),
        )
        # (time, directions, batch, hidden) to (time, batch, directions * hidden); 0 keeps a size
        every = graph.add("Transpose", outputs, perm=[0, 2, 1, 3])
        every = graph.add("Reshape", every, graph.constant([0, 0, directions * rnn.hidden_size]))
    return States(every, final)


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
        return torch.stack([_reorder(getattr(rnn, f"{name}_{each}"), blocks) for each in suffixes])

    weights = [stack("weight_ih"), stack("weight_hh")]
    return [*weights, torch.cat([stack("bias_ih"), stack("bias_hh")], dim=1)] if rnn.bias else weights


def _reorder(weight: Tensor, blocks: tuple[int, ...]) -> Tensor:
    gates = weight.chunk(len(blocks))
    return torch.cat([gates[place] for place in blocks])
