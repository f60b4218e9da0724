"""A passage of text as a language model reads it: its states, and how surprised it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from seqtrain.analysis.sample import Array, stack_signals
from seqtrain.data import Dataset, TokenDataset
from seqtrain.data.tokens import visible
from seqtrain.model import Network
from seqtrain.model.backbone import eval_mode, recurrent_module
from seqtrain.recurrence.trace import trace
from seqtrain.spec import DataSpec, NextToken, TokenInputs

MAX_STEPS = 3000
MAX_NUMBERS = 2_000_000  # of h, at all steps, layers and units together
NUM_LIKELIEST = 3


@dataclass(frozen=True)
class Passage:
    """Some consecutive tokens.

    `nats` (time) is the negative logarithm of each token's probability, NaN for the first, which nothing
    predicts. `expected` are the tokens that the model found likeliest there, with their probabilities, the
    likeliest first. `h` (layers, 1, time, hidden) are the states after each token.
    """

    tokens: tuple[str, ...]
    nats: Array
    expected: tuple[tuple[tuple[str, float], ...], ...]
    h: Array


def passage_of(network: Network, spec: DataSpec, dataset: Dataset) -> Passage | None:
    """The beginning of a text that a language model reads; None for other tasks.

    Raises:
        TypeError, ValueError: the backbone cannot be traced.
    """
    inputs = spec.inputs
    if not isinstance(spec.targets, NextToken) or not isinstance(inputs, TokenInputs):
        return None
    return read_passage(network, inputs, cast(TokenDataset, dataset).tokens)


def read_passage(network: Network, inputs: TokenInputs, tokens: Tensor) -> Passage:
    """The beginning of a text, as far as its states fit into a page.

    Args:
        network: a language model whose backbone can be traced.
        inputs: that it reads.
        tokens: (tokens,) ids.

    Raises:
        TypeError, ValueError: the backbone cannot be traced.
    """
    rnn, head = recurrent_module(network.backbone), cast(Any, network.head)
    tokens = tokens[: min(MAX_STEPS, MAX_NUMBERS // (rnn.num_layers * rnn.hidden_size))]
    lengths = torch.tensor([len(tokens)])
    with eval_mode(network):
        traced = trace(rnn, network.encoder(tokens[None]), lengths)
        scores = head(traced.output, traced.summary, lengths)[0, :-1]
        logarithms = scores.double().log_softmax(dim=-1)
    nats = -logarithms.gather(1, tokens[1:].long()[:, None]).squeeze(1)
    likeliest = logarithms.exp().topk(min(NUM_LIKELIEST, logarithms.shape[1]))
    return Passage(
        tokens=tuple(inputs.tokens.name(number) for number in tokens.tolist()),
        nats=np.concatenate(([np.nan], nats.numpy())).astype(np.float32),
        expected=((), *_named(inputs, likeliest.indices, likeliest.values)),
        h=stack_signals(traced, 0)["h"],
    )


def _named(inputs: TokenInputs, numbers: Tensor, shares: Tensor) -> list[tuple[tuple[str, float], ...]]:
    return [
        tuple(
            (visible(inputs.tokens.name(number)), round(share, 4)) for number, share in zip(*row, strict=True)
        )
        for row in zip(numbers.tolist(), shares.tolist(), strict=True)
    ]
