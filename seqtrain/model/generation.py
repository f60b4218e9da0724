"""A language model at work: what comes after a text, and how surprising each of its tokens is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from seqtrain.model.ensemble import Ensemble
from seqtrain.model.network import Network
from seqtrain.records import UNKNOWN, SequenceBatch

STEPS = 512  # tokens of a text that are read at a time


@dataclass(frozen=True)
class Sampling:
    """How a token is chosen.

    Args:
        temperature: divides the scores: below 1 the likely tokens become likelier; 0 takes the likeliest.
        top_k: how many of the likeliest tokens to choose among; None for all.
    """

    temperature: float = 1.0
    top_k: int | None = None

    def choose(self, scores: Tensor, generator: torch.Generator) -> int:
        """Choose a token by the scores (tokens,) of all; never padding or the unknown token."""
        scores = scores.double().cpu()
        scores[: UNKNOWN + 1] = -torch.inf
        if self.temperature == 0:
            return int(scores.argmax())
        if self.top_k is not None:
            kept = scores.topk(min(self.top_k, len(scores)))
            scores = torch.full_like(scores, -torch.inf).scatter(0, kept.indices, kept.values)
        probabilities = (scores / self.temperature).softmax(0)
        return int(torch.multinomial(probabilities, 1, generator=generator))


def generate(
    network: Network | Ensemble,
    prompt: Tensor,
    sampling: Sampling,
    generator: torch.Generator,
) -> Iterator[int]:
    """Yield the tokens that follow, without end.

    Args:
        network: a language model, in evaluation mode.
        prompt: (tokens,) ids, at least one.
        sampling: how each token is chosen.
        generator: on the CPU, so that every device draws the same numbers.
    """
    scores, state = _read_all(network, prompt)
    while True:
        token = sampling.choose(scores, generator)
        yield token
        with torch.inference_mode():
            scores, state = _read(network, torch.tensor([token]), state)
        scores = scores[-1]


def surprise(network: Network | Ensemble, tokens: Tensor) -> Tensor:
    """The negative log-probability, in nats, of each token but the first: (tokens - 1,).

    Args:
        network: a language model, in evaluation mode.
        tokens: (tokens,) ids.
    """
    found, state = [], None
    with torch.inference_mode():
        for first in range(0, len(tokens) - 1, STEPS):
            read, following = tokens[:-1][first : first + STEPS], tokens[1:][first : first + STEPS]
            scores, state = _read(network, read, state)
            logarithms = scores.double().log_softmax(dim=-1).cpu()
            found.append(-logarithms.gather(1, following.long()[:, None]).squeeze(1))
    return torch.cat(found) if found else torch.empty(0, dtype=torch.float64)


def _read_all(network: Network | Ensemble, tokens: Tensor) -> tuple[Tensor, Any]:
    """The scores after the last token, and the state after it."""
    state = None
    with torch.inference_mode():
        for piece in torch.split(tokens, STEPS):
            scores, state = _read(network, piece, state)
    return scores[-1], state


def _read(network: Network | Ensemble, tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
    """The scores (tokens, vocabulary) after each token, and the state after the last."""
    device = next(network.parameters()).device
    batch = SequenceBatch(tokens[None].to(device), torch.tensor([len(tokens)]))
    scores, outputs = network(batch, state)
    return scores[0], tuple(each.final_state for each in outputs)
