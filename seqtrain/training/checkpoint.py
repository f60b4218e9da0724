"""What is read from a checkpoint, which may come from somebody else; needs no Lightning."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from seqtrain.config import ConfigError
from seqtrain.records import DataSpec

if TYPE_CHECKING:
    from seqtrain.training.learner import SequenceLearner


def load_weights(learner: SequenceLearner, checkpoint: Path) -> None:
    """Load the weights of a checkpoint into a learner.

    Raises:
        ConfigError: the file cannot be read, or comes from other data or another model.
    """
    saved = read_checkpoint(checkpoint)
    if DataSpec.from_dict(saved["spec"]) != learner.spec:
        raise ConfigError(
            [f"checkpoint: {checkpoint} comes from other data: its classes, sizes or vocabularies differ"]
        )
    _load(learner, saved, checkpoint)


def load_network_weights(network: nn.Module, checkpoint: Path) -> None:
    """Load the weights of a checkpoint into a network that was built for its spec.

    Raises:
        ConfigError: the file cannot be read, or comes from another model.
    """
    _load(nn.ModuleDict({"network": network}), read_checkpoint(checkpoint), checkpoint)


def read_spec(checkpoint: Path) -> DataSpec:
    """The spec of the data that a checkpoint was trained on."""
    return DataSpec.from_dict(read_checkpoint(checkpoint)["spec"])


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a checkpoint: tensors and plain values only, so that a foreign one runs no code.

    Raises:
        ConfigError: the file does not exist, cannot be read, or was not written by seqtrain.
    """
    if not path.is_file():
        raise ConfigError([f"checkpoint: {path} does not exist"])
    try:
        saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError):
        raise ConfigError(
            [
                f"checkpoint: {path} cannot be read: it is damaged, or holds more than tensors and plain "
                "values, which might run code and is never loaded"
            ]
        ) from None
    if not isinstance(saved, dict) or not {"spec", "state_dict"} <= saved.keys():
        raise ConfigError([f"checkpoint: {path} was not written by seqtrain: it lacks spec or state_dict"])
    return saved


def _load(module: nn.Module, saved: dict[str, Any], checkpoint: Path) -> None:
    try:
        module.load_state_dict(saved["state_dict"])
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip()
        raise ConfigError([f"checkpoint: {checkpoint} comes from another model: {reason}"]) from None
