"""From a checked configuration to a network, without Lightning."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from seqtrain.config import ConfigError
from seqtrain.config.targets import find_class
from seqtrain.model import CRFHead, Ensemble, Network, RecurrentBackbone
from seqtrain.model.backbone import BackboneError
from seqtrain.model.heads.bio import illegal_bio
from seqtrain.spec import DataSpec, StepClasses
from seqtrain.training.checkpoint import check_finite, load_network_weights, read_weights


def construct(node: DictConfig, **arguments: Any) -> Any:
    """An instance of the class that `node._target_` names, nested nodes constructed first.

    Args:
        node: resolved and checked; its other keys are the constructor's arguments.
        arguments: further arguments; they win over the keys of the node.
    """
    return _construct(OmegaConf.to_container(node), arguments)


def _construct(value: Any, arguments: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_construct(item, {}) for item in value]
    if not isinstance(value, dict):
        return value
    keys = {key: _construct(item, {}) for key, item in value.items() if key != "_target_"}
    return find_class(value["_target_"])(**(keys | arguments)) if "_target_" in value else keys


def build_network(cfg: DictConfig, spec: DataSpec, vectors: torch.Tensor | None = None) -> Network | Ensemble:
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


def load_network(cfg: DictConfig, checkpoint: Path) -> tuple[Network | Ensemble, DataSpec]:
    """The trained network of a checkpoint, in evaluation mode, and the spec of the data it was trained on.

    Raises:
        ConfigError: the checkpoint cannot be read, or comes from another model than `cfg` describes.
        RunError: a weight is nan or infinite.
    """
    weights = read_weights(checkpoint)
    check_finite(weights.state_dict, checkpoint)
    network = build_network(for_any_device(cfg), weights.spec)
    load_network_weights(network, weights)
    return network.eval(), weights.spec


def for_any_device(cfg: DictConfig) -> DictConfig:
    """The configuration without what only a GPU can run: weights trained on one can be used elsewhere."""
    if cfg.model.get("backend") == "triton":
        cfg = cfg.copy()
        cfg.model.backend = "auto"
    return cfg


def _build_member(cfg: DictConfig, spec: DataSpec) -> Network:
    """Encoder, backbone and head, each sized by the one before."""
    encoder = construct(cfg.encoder, spec=spec)
    given = cfg.model.get("input_size")
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
        backbone = construct(cfg.model, input_size=encoder.output_size)
    if "initialization" in cfg:  # not where the weights come from a checkpoint
        _initialize(cfg.initialization, backbone)
    targets = spec.targets
    try:
        if not hasattr(backbone, "output_size"):
            backbone = RecurrentBackbone(backbone)
        head = construct(cfg.head, input_size=backbone.output_size, num_targets=targets.num_targets)
        network = Network(encoder, backbone, head)
    except BackboneError as error:
        raise ConfigError([f"model: {error}"]) from None
    if isinstance(head, CRFHead) and isinstance(targets, StepClasses) and targets.tag_scheme == "bio":
        head.forbid(*illegal_bio(targets.names))
    return network


def _initialize(node: DictConfig, backbone: torch.nn.Module) -> None:
    try:
        construct(node).apply(backbone)
    except ValueError as error:
        raise ConfigError([f"initialization.{error}"]) from None


def _load_vectors(encoder: torch.nn.Module, vectors: torch.Tensor) -> None:
    load = getattr(encoder, "load_vectors", None)
    if load is None:
        name = type(encoder).__name__
        raise ConfigError(
            [f"encoder: the data has word vectors, and {name} has no method load_vectors for them"]
        )
    load(vectors)
