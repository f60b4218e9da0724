"""The hidden_size with which a network has about as many parameters as were asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from seqtrain.config import ConfigError
from seqtrain.spec import DataSpec
from seqtrain.training.network import build_network


def with_hidden_size(cfg: Mapping[str, Any], spec: DataSpec) -> Mapping[str, Any]:
    """The configuration with the `model.hidden_size` that `parameters` asks for; the same where it is null.

    Of all sizes it is the one whose network, an ensemble's members together, has the number of trainable
    parameters that is nearest to `parameters`.

    Args:
        cfg: a checked configuration.
        spec: of the data; it sizes the encoder and the head.

    Raises:
        ConfigError: the model has no hidden_size, or the smallest network has more parameters.
    """
    wanted = cfg.get("parameters")
    if wanted is None:
        return cfg
    model = cfg["model"]
    if "hidden_size" not in model:
        raise ConfigError([f"parameters: {model['_target_']} has no hidden_size to choose; leave it null"])

    def sized(hidden_size: int) -> dict[str, Any]:
        return {**cfg, "model": {**model, "hidden_size": hidden_size}}

    def count(hidden_size: int) -> int:
        parts = sized(hidden_size)
        parts.pop("initialization", None)  # it takes time, and changes no number of parameters
        return build_network(parts, spec).num_parameters

    with torch.random.fork_rng(devices=[]):  # the first weights of the run do not depend on the search
        smallest = count(1)
        if smallest > wanted:
            raise ConfigError(
                [
                    f"parameters: got {wanted:,}, but with model.hidden_size=1 the network has {smallest:,}; "
                    "give more, or choose a smaller encoder"
                ]
            )
        return sized(_nearest(count, wanted))


def _nearest(count: Callable[[int], int], wanted: int) -> int:
    """The size whose count, which grows with the size and is at most `wanted` for 1, is nearest to it."""
    below, above = 1, 2
    while count(above) < wanted:
        below, above = above, 2 * above
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (below, middle) if count(middle) >= wanted else (middle, above)
    return min(below, above, key=lambda size: abs(count(size) - wanted))
