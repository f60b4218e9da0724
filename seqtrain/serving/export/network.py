"""A trained network as an ONNX model."""

from __future__ import annotations

import math
from typing import cast

from torch import Tensor

from seqtrain.config import ConfigError
from seqtrain.model import CRFHead, Ensemble, LabelHead, Network, RecurrentBackbone, WordEncoder
from seqtrain.serving.export.crf import CRF_TENSORS
from seqtrain.serving.export.graph import FLOAT, INT32, INT64, Graph
from seqtrain.serving.export.layers import (
    add_encoder,
    add_features,
    add_head,
    add_images,
    add_recurrent,
    add_words,
)
from seqtrain.spec import DataSpec, ImageInputs, Inputs, VectorInputs, WordInputs


def build_onnx(network: Network | Ensemble, spec: DataSpec) -> bytes:
    """The ONNX model that computes a network's scores.

    Inputs, with sizes that may differ from call to call: `words` (batch, time) and, if the network reads
    letters, `letters` (batch, time, letters), both int64 with 0 as padding; or `features` (batch, time,
    feature_size), in the units of the data; each with `lengths` (batch,) int64. Images are one input,
    `images` (batch, height, width), from 0 to 1, without lengths.

    Outputs: `scores` (batch, time, num_targets), or (batch, num_targets) for one class per sequence. With a
    conditional random field also its parameters `transition`, `start` and `end`, and `allowed_transition` and
    `allowed_start`, which are minus infinity for what is not allowed, else 0.

    Raises:
        ConfigError: a part of the network cannot be expressed in ONNX.
    """
    graph = Graph()
    members = cast(list[Network], list(network.members) if isinstance(network, Ensemble) else [network])
    inputs, lengths = _add_inputs(graph, members, spec.inputs)
    scores = [_add_member(graph, member, inputs, lengths) for member in members]
    answer = scores[0] if len(scores) == 1 else _add_mean(graph, scores)
    steps = [] if isinstance(network.head, LabelHead) else ["time"]
    graph.add_output(answer, "scores", FLOAT, ["batch", *steps, spec.targets.num_targets])
    if isinstance(network.head, CRFHead):
        _add_crf(graph, network.head)
    return graph.build()


def _add_inputs(graph: Graph, members: list[Network], inputs: Inputs) -> tuple[dict[str, str], str]:
    """Add the inputs; returns their names, and that of the lengths as int32 ("" for images)."""
    match inputs:
        case ImageInputs():
            return {"features": add_images(graph, inputs)}, ""
        case VectorInputs():
            return {"features": add_features(graph, inputs)}, _add_lengths(graph)
        case WordInputs():
            encoders = (member.encoder for member in members)
            names = add_words(graph, [each for each in encoders if isinstance(each, WordEncoder)])
            return names, _add_lengths(graph)
    raise ConfigError([f"data: {type(inputs).__name__} cannot be exported as ONNX"])


def _add_lengths(graph: Graph) -> str:
    return graph.add("Cast", graph.add_input("lengths", INT64, ["batch"]), to=INT32)


def _add_member(graph: Graph, network: Network, inputs: dict[str, str], lengths: str) -> str:
    if type(network.backbone) is not RecurrentBackbone:
        raise ConfigError([f"model: {type(network.backbone).__name__} cannot be exported as ONNX"])
    features = add_encoder(graph, network.encoder, inputs)
    by_step = graph.add("Transpose", features, perm=[1, 0, 2])
    states = add_recurrent(graph, network.backbone.rnn, by_step, lengths)
    return add_head(graph, network.head, states, lengths)


def _add_mean(graph: Graph, scores: list[str]) -> str:
    """The logarithms of the mean probabilities of the members."""
    logarithms = [graph.add("LogSoftmax", each, axis=-1) for each in scores]
    stacked = [graph.add("Unsqueeze", each, graph.constant([0])) for each in logarithms]
    summed = graph.add(
        "ReduceLogSumExp", graph.add("Concat", *stacked, axis=0), graph.constant([0]), keepdims=0
    )
    return graph.add("Sub", summed, graph.constant(math.log(len(scores)), "float32"))


def _add_crf(graph: Graph, head: CRFHead) -> None:
    for name in CRF_TENSORS:
        tensor: Tensor = getattr(head, name)
        graph.add_output(graph.weight(tensor), name, FLOAT, list(tensor.shape))
