"""What a predictor of a language model can do: continue a text, and say how surprising one is."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from seqtrain.data import encode_tokens, split_text
from seqtrain.data.tokens import first_token
from seqtrain.errors import DataError
from seqtrain.model import Ensemble, Network
from seqtrain.model.generation import Sampling, generate, surprise
from seqtrain.predictions import check_probabilities
from seqtrain.spec import DataSpec, NextToken, TokenInputs

MAX_SEED = 2**63


@dataclass(frozen=True)
class TextScore:
    """How surprising each character or word of a text is, the first one left out."""

    tokens: tuple[str, ...]
    nats: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Nats per token."""
        return sum(self.nats) / len(self.nats)


def continue_text(
    network: Network | Ensemble,
    spec: DataSpec,
    prompt: str,
    temperature: float,
    top_k: int | None,
    seed: int | None,
) -> Iterator[str]:
    """The characters or words that follow a prompt, without an end; see `Predictor.generate`."""
    inputs = _inputs_of(spec)
    check_sampling(temperature, top_k, seed)
    tokens = split_text(prompt, inputs.unit) or [first_token(inputs)]
    generator = torch.Generator()
    if seed is None:
        generator.seed()
    else:
        generator.manual_seed(seed)
    ids = generate(network, encode_tokens(inputs.tokens, tokens), Sampling(temperature, top_k), generator)
    return map(inputs.tokens.name, ids)


def score_text(network: Network | Ensemble, spec: DataSpec, text: str) -> TextScore:
    """How surprising a text is; see `Predictor.score`."""
    inputs = _inputs_of(spec)
    tokens = split_text(text, inputs.unit)
    if len(tokens) < 2:
        raise DataError(
            f"text: got {len(tokens)} {inputs.unit}s, expected at least 2: the first is not scored"
        )
    nats = surprise(network, encode_tokens(inputs.tokens, tokens)).tolist()
    check_probabilities(nats)
    return TextScore(tuple(tokens[1:]), tuple(nats))


def unknown_tokens(spec: DataSpec, text: str) -> list[str]:
    """The tokens of a text that a language model does not know, each once."""
    inputs = _inputs_of(spec)
    known = inputs.tokens.index()
    return [each for each in dict.fromkeys(split_text(text, inputs.unit)) if each not in known]


def take(tokens: Iterator[str], length: int) -> str:
    """The first `length` tokens as a text."""
    if type(length) is not int or length < 1:
        raise DataError(f"length: got {length!r}, expected a whole number of at least 1")
    return "".join(itertools.islice(tokens, length))


def check_sampling(temperature: float, top_k: int | None, seed: int | None) -> None:
    """Refuse arguments by which no token can be chosen.

    Raises:
        DataError: names the argument.
    """
    if not 0 <= temperature < float("inf"):
        raise DataError(f"temperature: got {temperature!r}, expected a number of at least 0")
    if top_k is not None and top_k < 1:
        raise DataError(f"top_k: got {top_k!r}, expected a whole number of at least 1")
    if seed is not None and not 0 <= seed < MAX_SEED:
        raise DataError(f"seed: got {seed!r}, expected a whole number of at least 0")


def _inputs_of(spec: DataSpec) -> TokenInputs:
    if not isinstance(spec.targets, NextToken) or not isinstance(spec.inputs, TokenInputs):
        raise DataError("this model is not a language model; task=language_model trains one")
    return spec.inputs
