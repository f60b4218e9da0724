"""What a run is, in a few words."""

from __future__ import annotations

from typing import Any, cast

from seqtrain.model import Ensemble, Network


def describe_run(network: Network | Ensemble, data_name: str, num_examples: int) -> list[tuple[str, str]]:
    """Names and values, for the head of the page."""
    member = first_member(network)
    facts = [("model", _describe_layers(getattr(member.backbone, "rnn", member.backbone)))]
    if isinstance(network, Ensemble):
        facts.append(("shown", f"the first of {len(network.members)} members"))
    facts.append(("parameters", f"{network.num_parameters:,}"))
    facts.append(("data", data_name))
    facts.append(("examples", str(num_examples)))
    return facts


def first_member(network: Network | Ensemble) -> Network:
    """A single network: the first of an ensemble, whose members are inspected one at a time."""
    return cast(Network, network.members[0]) if isinstance(network, Ensemble) else network


def _describe_layers(rnn: Any) -> str:
    layers = "1 layer" if rnn.num_layers == 1 else f"{rnn.num_layers} layers"
    directions = "forward and backward" if rnn.bidirectional else "forward"
    cell = getattr(rnn, "cell", "lstm")
    variant = "" if cell == "lstm" else f" ({cell})"
    return f"{type(rnn).__name__}{variant}, {layers} of {rnn.hidden_size} units, {directions}"
