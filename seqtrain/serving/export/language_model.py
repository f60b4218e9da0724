"""A language model as an ONNX model, whose state goes in and comes out."""

from __future__ import annotations

from seqtrain.errors import ConfigError
from seqtrain.model import Ensemble, Network, NextTokenHead, RecurrentBackbone, TokenEncoder
from seqtrain.recurrence.trace import find_cell
from seqtrain.serving.export.graph import FLOAT, INT64, Graph, States, add_recurrent, find_node
from seqtrain.spec import NextToken


def build_language_model(network: Network | Ensemble, targets: NextToken) -> bytes:
    """The ONNX model that continues texts, one token at a time or many.

    Inputs: `tokens` (batch, time) int64, all of one length; and for each state of the recurrence the state
    that earlier tokens have left, `h_0` and, of an LSTM, `c_0`, (layers, batch, hidden_size), zeros at the
    beginning of a text.

    Outputs: `scores` (batch, time, num_tokens) of the token that follows each; `h_n` and `c_n`, the state
    after the last, to be given with the next tokens.

    Raises:
        ConfigError: it is an ensemble, or a part of it cannot be expressed in ONNX.
    """
    if not isinstance(network, Network):
        raise ConfigError(["members: several cannot be exported as a language model; train with members=1"])
    encoder, backbone, head = network.encoder, network.backbone, network.head
    for group, part, known in (
        ("encoder", encoder, TokenEncoder),
        ("model", backbone, RecurrentBackbone),
        ("head", head, NextTokenHead),
    ):
        if type(part) is not known:
            raise ConfigError([f"{group}: {type(part).__name__} cannot be exported; {known.__name__} can"])
    assert isinstance(encoder, TokenEncoder)
    assert isinstance(backbone, RecurrentBackbone)
    assert isinstance(head, NextTokenHead)
    graph = Graph()
    tokens = graph.add_input("tokens", INT64, ["batch", "time"])
    features = graph.add("Gather", graph.weight(encoder.embedding.weight), tokens)
    states = _add_backbone(graph, backbone, graph.add("Transpose", features, perm=[1, 0, 2]))
    scores = _add_head(graph, head, graph.add("Transpose", states.every, perm=[1, 0, 2]))
    graph.add_output(scores, "scores", FLOAT, ["batch", "time", targets.num_targets])
    for name, value in zip(("h_n", "c_n"), states.carried, strict=False):
        graph.add_output(value, name, FLOAT, _state_shape(backbone))
    return graph.build()


def _add_backbone(graph: Graph, backbone: RecurrentBackbone, by_step: str) -> States:
    rnn = backbone.rnn
    find_node(rnn)
    names = ("h_0", "c_0")[: len(find_cell(rnn).state_sizes(rnn.hidden_size))]
    initial = [graph.add_input(name, FLOAT, _state_shape(backbone)) for name in names]
    return add_recurrent(graph, rnn, by_step, "", initial)


def _state_shape(backbone: RecurrentBackbone) -> list[str | int]:
    return [backbone.rnn.num_layers, "batch", backbone.rnn.hidden_size]


def _add_head(graph: Graph, head: NextTokenHead, states: str) -> str:
    """(batch, time, hidden_size) to scores."""
    for linear in (head.projection, head.linear):
        if hasattr(linear, "weight"):
            product = graph.add("MatMul", states, graph.weight(linear.weight.T))
            states = graph.add("Add", product, graph.weight(linear.bias))
    return states
