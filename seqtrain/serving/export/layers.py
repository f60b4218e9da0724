"""Encoders, recurrent modules and heads as ONNX nodes: of a recurrent layer one RNN, LSTM or GRU."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from seqtrain.config import ConfigError
from seqtrain.data import View
from seqtrain.model import BiLSTM, CRFHead, LabelHead, TagHead, VectorEncoder, WordEncoder
from seqtrain.model.encoder import SpellingEncoder
from seqtrain.records import UNKNOWN
from seqtrain.recurrence.cells import CELLS, OnnxNode
from seqtrain.recurrence.trace import find_cell
from seqtrain.serving.export.graph import FLOAT, INT32, INT64, Graph
from seqtrain.spec import ImageInputs, VectorInputs

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


def add_images(graph: Graph, inputs: ImageInputs) -> str:
    """Add the input `images` (batch, height, width); returns (batch, time, features)."""
    height, width = inputs.size
    images = graph.add_input("images", FLOAT, ["batch", height, width])
    if inputs.view == "rows":
        return images
    if inputs.view == "columns":
        return graph.add("Transpose", images, perm=[0, 2, 1])
    # One pixel per step: applying the view to an image of indices gives their order.
    places = torch.arange(height * width).reshape(1, height, width)
    order = View.of(inputs)(places).flatten().numpy()
    pixels = graph.add("Reshape", images, graph.constant([0, height * width, 1]))
    return graph.add("Gather", pixels, graph.constant(order), axis=1)


def add_features(graph: Graph, inputs: VectorInputs) -> str:
    """Add the input `features` (batch, time, feature_size); returns them standardized as in training."""
    features = graph.add_input("features", FLOAT, ["batch", "time", inputs.feature_size])
    if inputs.standardization is None:
        return features
    mean, deviation = (graph.constant(each, "float32") for each in inputs.standardization)
    return graph.add("Div", graph.add("Sub", features, mean), deviation)


def add_words(graph: Graph, encoders: list[WordEncoder]) -> dict[str, str]:
    """Add the inputs `words` (batch, time) and, if letters are read, `letters` (batch, time, letters)."""
    inputs = {"words": graph.add_input("words", INT64, ["batch", "time"])}
    if any(encoder.spelling_encoder is not None for encoder in encoders):
        inputs["letters"] = graph.add_input("letters", INT64, ["batch", "time", "letters"])
    return inputs


def add_encoder(graph: Graph, encoder: nn.Module, inputs: dict[str, str]) -> str:
    """Add an encoder; returns (batch, time, output_size).

    Raises:
        ConfigError: it is not exactly one of seqtrain's own.
    """
    if type(encoder) is VectorEncoder:
        return inputs["features"]
    if type(encoder) is not WordEncoder:
        raise ConfigError([f"encoder: {type(encoder).__name__} cannot be exported; words and vectors can"])
    parts = []
    if encoder.word_embedding is not None:
        words = (
            inputs["words"] if encoder.word_vectors is None else _embedded(graph, encoder, inputs["words"])
        )
        parts.append(graph.add("Gather", graph.weight(encoder.word_embedding.weight), words))
    if encoder.word_vectors is not None:
        parts.append(graph.add("Gather", graph.weight(encoder.word_vectors), inputs["words"]))
    if encoder.spelling_encoder is not None:
        parts.append(_add_spellings(graph, encoder.spelling_encoder, inputs))
    return graph.add("Concat", *parts, axis=-1)


def _embedded(graph: Graph, encoder: WordEncoder, words: str) -> str:
    """Words that only have a vector share the embedding of the unknown word."""
    assert encoder.word_embedding is not None
    known = graph.add("Less", words, graph.constant(encoder.word_embedding.num_embeddings))
    return graph.add("Where", known, words, graph.constant(UNKNOWN))


def _add_spellings(graph: Graph, encoder: SpellingEncoder, inputs: dict[str, str]) -> str:
    """The final states of the letters' BiLSTM, (batch, time, 2 * hidden_size)."""
    sizes = graph.add("Shape", inputs["letters"])
    num_letters = graph.add("Gather", sizes, graph.constant([2]))
    letters = graph.add(
        "Reshape", inputs["letters"], graph.add("Concat", graph.constant([-1]), num_letters, axis=0)
    )
    present = graph.add("Cast", graph.add("Greater", letters, graph.constant(0)), to=INT32)
    counts = graph.add("ReduceSum", present, graph.constant([1]), keepdims=0)
    # Padding has no letters, but a sequence has at least one step; its result is not used.
    lengths = graph.add("Max", counts, graph.constant(1, "int32"))
    embedded = graph.add("Gather", graph.weight(encoder.embedding.weight), letters)
    states = add_recurrent(graph, encoder.rnn, graph.add("Transpose", embedded, perm=[1, 0, 2]), lengths)
    final = graph.add("Transpose", states.final, perm=[1, 0, 2])
    size = graph.constant([2 * encoder.rnn.hidden_size])
    return graph.add("Reshape", final, graph.add("Concat", graph.add("Shape", inputs["words"]), size, axis=0))


def add_head(graph: Graph, head: nn.Module, states: States, lengths: str) -> str:
    """Add a head; returns its scores, (batch, time, num_targets) or (batch, num_targets).

    Raises:
        ConfigError: it is not exactly one of seqtrain's own.
    """
    if type(head) is TagHead or type(head) is CRFHead:
        summary = graph.add("Transpose", states.every, perm=[1, 0, 2])
    elif type(head) is LabelHead:
        summary = _summarize(graph, head, states, lengths)
    else:
        raise ConfigError([f"head: {type(head).__name__} cannot be exported; label, tags and crf can"])
    product = graph.add("MatMul", summary, graph.weight(head.linear.weight.T))
    return graph.add("Add", product, graph.weight(head.linear.bias))


def _summarize(graph: Graph, head: LabelHead, states: States, lengths: str) -> str:
    """(batch, directions * hidden_size)"""
    if head.pooling == "last":
        final = graph.add("Transpose", states.final, perm=[1, 0, 2])
        return graph.add("Reshape", final, graph.constant([0, head.linear.in_features]))
    time = graph.constant([0])
    if head.pooling == "max":
        return graph.add("ReduceMax", _hide_padding(graph, states, lengths), time, keepdims=0)
    if not lengths:
        return graph.add("ReduceMean", states.every, time, keepdims=0)
    counts = graph.add("Unsqueeze", graph.add("Cast", lengths, to=FLOAT), graph.constant([1]))
    return graph.add("Div", graph.add("ReduceSum", states.every, time, keepdims=0), counts)


def _hide_padding(graph: Graph, states: States, lengths: str) -> str:
    """The states, with minus infinity beyond each sequence's length."""
    if not lengths:
        return states.every
    num_steps = graph.add("Squeeze", graph.add("Shape", states.every, start=0, end=1))
    steps = graph.add("Range", graph.constant(0), num_steps, graph.constant(1))
    ends = graph.add("Cast", lengths, to=INT64)
    valid = graph.add("Less", graph.add("Unsqueeze", steps, graph.constant([1])), ends)
    lowest = graph.constant(float("-inf"), "float32")
    return graph.add("Where", graph.add("Unsqueeze", valid, graph.constant([2])), states.every, lowest)
