"""What is read from a checkpoint, which may come from somebody else."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch

from seqtrain.config import ConfigError
from seqtrain.records import DataSpec
from seqtrain.training.learner import SequenceLearner


def load_weights(learner: SequenceLearner, checkpoint: Path) -> None:
    """Give a learner the weights of a checkpoint.

    Raises:
        ConfigError: it cannot be read, or comes from other data or another model.
    """
    saved = read_checkpoint(checkpoint)
    if DataSpec.from_dict(saved["spec"]) != learner.spec:
        raise ConfigError(
            [f"checkpoint: {checkpoint} comes from other data: its classes, sizes or vocabularies differ"]
        )
    try:
        learner.load_state_dict(saved["state_dict"])
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip()
        raise ConfigError([f"checkpoint: {checkpoint} comes from another model: {reason}"]) from None


def read_spec(checkpoint: Path) -> DataSpec:
    """What the data of a checkpoint promised."""
    return DataSpec.from_dict(read_checkpoint(checkpoint)["spec"])


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Only tensors and plain values are read: a checkpoint from somebody else runs no code."""
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
