"""From a checked configuration to a network, trained or not, without Lightning."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from seqtrain.config import ConfigError
from seqtrain.config.targets import find_class
from seqtrain.model import CRFHead, Ensemble, Network, RecurrentBackbone
from seqtrain.model.backbone import BackboneError
from seqtrain.model.heads.crf import illegal_bio
from seqtrain.spec import DataSpec, StepClasses, Targets
from seqtrain.tasks.task import Task
from seqtrain.training.checkpoint import check_finite, load_network_weights, read_weights


@dataclass(frozen=True)
class Trained:
    """What a run has trained: its network in evaluation mode, for data of this spec, and its task."""

    network: Network | Ensemble
    spec: DataSpec
    task: Task


def construct(node: Mapping[str, Any], **arguments: Any) -> Any:
    """An instance of the class that `node._target_` names, nested nodes constructed first.

    Args:
        node: resolved and checked; its other keys are the constructor's arguments.
        arguments: further arguments; they win over the keys of the node.
    """
    keys = {key: _construct(value) for key, value in node.items() if key != "_target_"}
    return find_class(node["_target_"])(**(keys | arguments))


def _construct(value: Any) -> Any:
    if isinstance(value, Mapping):
        return construct(value) if "_target_" in value else {k: _construct(v) for k, v in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_construct(item) for item in value]
    return value


def build_network(
    cfg: Mapping[str, Any], spec: DataSpec, vectors: torch.Tensor | None = None
) -> Network | Ensemble:
    """A network, or an ensemble where the configuration asks for several members.

    Args:
        cfg: a checked configuration.
        spec: of the data; it sizes the encoder and the head.
        vectors: pretrained word vectors, (words, vector_size), to initialize the encoder with.

    Raises:
        ConfigError: `model.input_size` is not the size of the encoder's output, the backbone has no weights
            that the initialization could set or does not return what a backbone returns, or the encoder
            cannot load word vectors.
    """
    networks = [_build_member(cfg, spec) for _ in range(cfg.get("members", 1))]
    if vectors is not None:
        for network in networks:
            _load_vectors(network.encoder, vectors)
    return networks[0] if len(networks) == 1 else Ensemble(networks)


def load_trained(cfg: Mapping[str, Any], checkpoint: Path) -> Trained:
    """What the checkpoint of a run with this configuration holds.

    Raises:
        ConfigError: the checkpoint cannot be read, or comes from another model than `cfg` describes.
        RunError: a weight is nan or infinite.
    """
    weights = read_weights(checkpoint)
    check_finite(weights.state_dict, checkpoint)
    network = build_network(for_any_device(cfg), weights.spec)
    load_network_weights(network, weights)
    return Trained(network.eval(), weights.spec, construct(cfg["task"]))


def for_any_device(cfg: Mapping[str, Any]) -> Mapping[str, Any]:
    """The configuration without what only a GPU can run: weights trained on one can be used elsewhere."""
    if cfg["model"].get("backend") == "triton":
        return {**cfg, "model": {**cfg["model"], "backend": "auto"}}
    return cfg


def _build_member(cfg: Mapping[str, Any], spec: DataSpec) -> Network:
    """Encoder, backbone and head, each sized by the one before."""
    encoder = construct(cfg["encoder"], spec=spec)
    given = cfg["model"].get("input_size")
    if given is not None and given != encoder.output_size:
        raise ConfigError(
            [
                f"model.input_size: got {given}, but the data and the encoder give {encoder.output_size} "
                "numbers per step; leave it out, or give null"
            ]
        )
    with warnings.catch_warnings():
        # The check of the configuration has already warned of dropout without effect.
        warnings.filterwarnings("ignore", message="dropout")
        backbone = construct(cfg["model"], input_size=encoder.output_size)
    if "initialization" in cfg:  # not where the weights come from a checkpoint
        _initialize(cfg["initialization"], backbone)
    targets = spec.targets
    try:
        if not hasattr(backbone, "output_size"):
            backbone = RecurrentBackbone(backbone)
        head = construct(cfg["head"], input_size=backbone.output_size, num_targets=targets.num_targets)
        _check_positions(head, targets)
        if hasattr(head, "tie"):
            _tie(head, encoder)
        if hasattr(head, "weigh"):
            _weigh(head, targets)
        network = Network(encoder, backbone, head)
    except BackboneError as error:
        raise ConfigError([f"model: {error}"]) from None
    if isinstance(head, CRFHead) and isinstance(targets, StepClasses) and targets.tag_scheme == "bio":
        head.forbid(*illegal_bio(targets.names))
    return network


def _check_positions(head: torch.nn.Module, targets: Targets) -> None:
    """Refuse a head for whole sequences where the data has targets of time steps, and the other way round."""
    per_step = getattr(head, "per_step", targets.per_step)
    if per_step != targets.per_step:
        remedy = "a pooling: last, mean or max" if per_step else "head.pooling=null"
        raise ConfigError([f"head.pooling: the data has {targets.each}; give {remedy}"])


def _initialize(node: Mapping[str, Any], backbone: torch.nn.Module) -> None:
    try:
        construct(node).apply(backbone)
    except ValueError as error:
        raise ConfigError([f"initialization.{error}"]) from None


def _weigh(head: Any, targets: Targets) -> None:
    try:
        head.weigh(targets)
    except ValueError as error:
        raise ConfigError([f"head.{error}"]) from None


def _tie(head: Any, encoder: torch.nn.Module) -> None:
    try:
        head.tie(encoder)
    except ValueError as error:
        raise ConfigError([f"head.tied: {error}"]) from None


def _load_vectors(encoder: torch.nn.Module, vectors: torch.Tensor) -> None:
    load = getattr(encoder, "load_vectors", None)
    if load is None:
        name = type(encoder).__name__
        raise ConfigError(
            [f"encoder: the data has word vectors, and {name} has no method load_vectors for them"]
        )
    load(vectors)


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
        config = sized(hidden_size)
        config.pop("initialization", None)  # it takes time, and changes no number of parameters
        return build_network(config, spec).num_parameters

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
