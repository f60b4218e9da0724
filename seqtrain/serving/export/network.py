"""A trained network as an ONNX model: its inputs, encoder, recurrent layers and head as nodes of a graph."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn

from seqtrain.data import View
from seqtrain.errors import ConfigError
from seqtrain.model import (
    CRFHead,
    Ensemble,
    LabelHead,
    Network,
    NumberHead,
    RecurrentBackbone,
    TagHead,
    TokenEncoder,
    VectorEncoder,
    WordEncoder,
)
from seqtrain.model.heads.pooling import AttentionPooling
from seqtrain.records import UNKNOWN
from seqtrain.serving.crf import CRF_TENSORS
from seqtrain.serving.export.graph import FLOAT, INT32, INT64, Graph, States, add_recurrent
from seqtrain.serving.export.language_model import build_language_model
from seqtrain.serving.export.numbers import add_series, add_units
from seqtrain.serving.export.spellings import add_spellings
from seqtrain.spec import (
    DataSpec,
    ImageInputs,
    Inputs,
    NextToken,
    Numbers,
    SeriesInputs,
    Targets,
    TokenInputs,
    VectorInputs,
    WordInputs,
)


def build_onnx(network: Network | Ensemble, spec: DataSpec) -> bytes:
    """The ONNX model that computes a network's scores.

    Inputs, with sizes that may differ from call to call: `words` (batch, time) and, if the network reads
    letters, the distinct spellings, `letters` (spellings, letters), both int64 with 0 as padding, and
    `spelling` (batch, time) int64, the row of `letters` of each word; or `features` (batch, time,
    feature_size), in the units of the data; or `tokens` (batch, time) int64 with 0 as padding; each with
    `lengths` (batch,) int64. Images are one input,
    `images` (batch, height, width), from 0 to 1, without lengths.

    Windows of series are one input, `series` (batch, context, columns), in the units of the data.

    A language model reads `tokens` (batch, time) int64 and starts from a state; see `build_language_model`.

    Outputs: `scores` (batch, time, num_targets), or (batch, num_targets) for one class per sequence. Numbers
    are in the units of the data, those of series (batch, rows ahead, series); with quantiles there is a
    dimension for them before the numbers, or before the rows ahead. With a conditional random field also its
    parameters `transition`, `start` and `end`, and `allowed_transition` and `allowed_start`, which are minus
    infinity for what is not allowed, else 0.

    Raises:
        ConfigError: a part of the network cannot be expressed in ONNX.
    """
    if isinstance(spec.targets, NextToken):
        return build_language_model(network, spec.targets)
    graph = Graph()
    members = cast(list[Network], list(network.members) if isinstance(network, Ensemble) else [network])
    inputs, lengths = _add_inputs(graph, members, spec.inputs)
    scores = [_add_member(graph, member, inputs, lengths) for member in members]
    answer = scores[0] if len(scores) == 1 else _add_mean(graph, scores, spec.targets)
    sizes = [spec.targets.num_targets]
    if isinstance(spec.targets, Numbers):
        num_quantiles = len(getattr(network.head, "quantiles", ()))
        answer, sizes = add_units(graph, answer, spec, num_quantiles, inputs.get("last", ""))
    per_step = getattr(network.head, "per_step", not isinstance(network.head, LabelHead))
    steps = ["time"] if per_step else []
    graph.add_output(answer, "scores", FLOAT, ["batch", *steps, *sizes])
    if isinstance(network.head, CRFHead):
        for name in CRF_TENSORS:
            tensor: Tensor = getattr(network.head, name)
            graph.add_output(graph.weight(tensor), name, FLOAT, list(tensor.shape))
    return graph.build()


def _add_inputs(graph: Graph, members: list[Network], inputs: Inputs) -> tuple[dict[str, str], str]:
    """Add the inputs; returns what encoders read, and the lengths as int32 ("" for images)."""
    match inputs:
        case ImageInputs():
            return {"features": _add_images(graph, inputs)}, ""
        case SeriesInputs():
            features, last = add_series(graph, inputs)
            return {"features": features, "last": last}, ""
        case VectorInputs():
            return {"features": _add_features(graph, inputs)}, _add_lengths(graph)
        case WordInputs():
            names = {"words": graph.add_input("words", INT64, ["batch", "time"])}
            if any(getattr(member.encoder, "spelling_encoder", None) is not None for member in members):
                names["letters"] = graph.add_input("letters", INT64, ["spellings", "letters"])
                names["spelling"] = graph.add_input("spelling", INT64, ["batch", "time"])
            return names, _add_lengths(graph)
        case TokenInputs():
            return {"tokens": graph.add_input("tokens", INT64, ["batch", "time"])}, _add_lengths(graph)
    raise ConfigError([f"data: {type(inputs).__name__} cannot be exported as ONNX"])


def _add_lengths(graph: Graph) -> str:
    return graph.add("Cast", graph.add_input("lengths", INT64, ["batch"]), to=INT32)


def _add_images(graph: Graph, inputs: ImageInputs) -> str:
    """`images` (batch, height, width) as (batch, time, features)."""
    height, width = inputs.size
    images = graph.add_input("images", FLOAT, ["batch", height, width])
    if inputs.view == "rows":
        return images
    if inputs.view == "columns":
        return graph.add("Transpose", images, perm=[0, 2, 1])
    # One pixel per step: applying the view to an image of indices gives their order.
    order = View.of(inputs)(torch.arange(height * width).view(1, height, width)).flatten().numpy()
    pixels = graph.add("Reshape", images, graph.constant([0, height * width, 1]))
    return graph.add("Gather", pixels, graph.constant(order), axis=1)


def _add_features(graph: Graph, inputs: VectorInputs) -> str:
    """`features` (batch, time, feature_size), standardized as in training."""
    features = graph.add_input("features", FLOAT, ["batch", "time", inputs.feature_size])
    if inputs.standardization is None:
        return features
    mean, deviation = (graph.constant(each, "float32") for each in inputs.standardization)
    return graph.add("Div", graph.add("Sub", features, mean), deviation)


def _add_member(graph: Graph, network: Network, inputs: dict[str, str], lengths: str) -> str:
    if type(network.backbone) is not RecurrentBackbone:
        raise ConfigError([f"model: {type(network.backbone).__name__} cannot be exported as ONNX"])
    features = _add_encoder(graph, network.encoder, inputs)
    by_step = graph.add("Transpose", features, perm=[1, 0, 2])
    states = add_recurrent(graph, network.backbone.rnn, by_step, lengths)
    return _add_head(graph, network.head, states, lengths)


def _add_mean(graph: Graph, scores: list[str], targets: Targets) -> str:
    """The logarithms of the mean probabilities of the members, or the mean of their numbers."""
    if isinstance(targets, Numbers):
        return graph.add("Mean", *scores)
    logarithms = [graph.add("LogSoftmax", each, axis=-1) for each in scores]
    stacked = [graph.add("Unsqueeze", each, graph.constant([0])) for each in logarithms]
    members = graph.add("Concat", *stacked, axis=0)
    summed = graph.add("ReduceLogSumExp", members, graph.constant([0]), keepdims=0)
    return graph.add("Sub", summed, graph.constant(math.log(len(scores)), "float32"))


def _add_encoder(graph: Graph, encoder: nn.Module, inputs: dict[str, str]) -> str:
    """Add an encoder, exactly one of seqtrain's own; returns (batch, time, output_size)."""
    if type(encoder) is VectorEncoder:
        return inputs["features"]
    if type(encoder) is TokenEncoder:
        return graph.add("Gather", graph.weight(encoder.embedding.weight), inputs["tokens"])
    if type(encoder) is not WordEncoder:
        kind = type(encoder).__name__
        raise ConfigError([f"encoder: {kind} cannot be exported; words, tokens and vectors can"])
    features = []
    if encoder.word_embedding is not None:
        embedding, words = encoder.word_embedding, inputs["words"]
        if encoder.word_vectors is not None:
            # Words that only have a vector share the unknown word's embedding.
            known = graph.add("Less", words, graph.constant(embedding.num_embeddings))
            words = graph.add("Where", known, words, graph.constant(UNKNOWN))
        features.append(graph.add("Gather", graph.weight(embedding.weight), words))
    if encoder.word_vectors is not None:
        features.append(graph.add("Gather", graph.weight(encoder.word_vectors), inputs["words"]))
    if encoder.spelling_encoder is not None:
        letters, spelling = inputs["letters"], inputs["spelling"]
        features.append(add_spellings(graph, encoder.spelling_encoder, letters, spelling))
    return graph.add("Concat", *features, axis=-1)


def _add_head(graph: Graph, head: nn.Module, states: States, lengths: str) -> str:
    """Add a head, exactly one of seqtrain's own; returns its scores."""
    if type(head) is TagHead or type(head) is CRFHead or (type(head) is NumberHead and head.per_step):
        summary = graph.add("Transpose", states.every, perm=[1, 0, 2])
    elif type(head) is LabelHead or type(head) is NumberHead:
        summary = _summarize(graph, head, states, lengths)
    else:
        raise ConfigError(
            [f"head: {type(head).__name__} cannot be exported; label, tags, crf, numbers and forecast can"]
        )
    product = graph.add("MatMul", summary, graph.weight(head.linear.weight.T))
    scores = graph.add("Add", product, graph.weight(head.linear.bias))
    if type(head) is not NumberHead or not head.quantiles:
        return scores
    before = [0, 0] if head.per_step else [0]
    return graph.add("Reshape", scores, graph.constant([*before, len(head.quantiles), head.num_targets]))


def _summarize(graph: Graph, head: LabelHead | NumberHead, states: States, lengths: str) -> str:
    """(batch, directions * hidden_size)"""
    if head.pooling == "last":
        final = graph.add("Transpose", states.final, perm=[1, 0, 2])
        return graph.add("Reshape", final, graph.constant([0, head.linear.in_features]))
    time = graph.constant([0])
    if head.pooling == "max":
        return graph.add("ReduceMax", _hide_padding(graph, states.every, lengths), time, keepdims=0)
    if isinstance(head, LabelHead) and head.attention is not None:
        weights = _add_attention(graph, head.attention, states.every, lengths)
        return graph.add("ReduceSum", graph.add("Mul", states.every, weights), time, keepdims=0)
    if not lengths:
        return graph.add("ReduceMean", states.every, time, keepdims=0)
    counts = graph.add("Unsqueeze", graph.add("Cast", lengths, to=FLOAT), graph.constant([1]))
    return graph.add("Div", graph.add("ReduceSum", states.every, time, keepdims=0), counts)


def _add_attention(graph: Graph, attention: AttentionPooling, states: str, lengths: str) -> str:
    """(time, batch, 1) the weight of each step of each sequence."""
    product = graph.add("MatMul", states, graph.weight(attention.linear.weight.T))
    hidden = graph.add("Tanh", graph.add("Add", product, graph.weight(attention.linear.bias)))
    scores = graph.add("MatMul", hidden, graph.weight(attention.query.weight.T))
    return graph.add("Softmax", _hide_padding(graph, scores, lengths), axis=0)


def _hide_padding(graph: Graph, values: str, lengths: str) -> str:
    """Values (time, batch, size), with minus infinity beyond each sequence's length."""
    if not lengths:
        return values
    num_steps = graph.add("Squeeze", graph.add("Shape", values, start=0, end=1))
    steps = graph.add("Range", graph.constant(0), num_steps, graph.constant(1))
    ends = graph.add("Cast", lengths, to=INT64)
    valid = graph.add("Less", graph.add("Unsqueeze", steps, graph.constant([1])), ends)
    lowest = graph.constant(float("-inf"), "float32")
    return graph.add("Where", graph.add("Unsqueeze", valid, graph.constant([2])), values, lowest)
