"""Read and write checkpoint files, without Lightning."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import torch
from torch import Tensor, nn

from seqtrain.config import ConfigError
from seqtrain.config.fit import memory_of_machine
from seqtrain.errors import RunError
from seqtrain.runs.files import atomic_write
from seqtrain.spec import DataSpec, UnknownKindError

if TYPE_CHECKING:
    from seqtrain.training.learner import SequenceLearner

WEIGHTS = ("state_dict", "spec", "epoch", "global_step", "pytorch-lightning_version")


class DamagedCheckpointError(ConfigError):
    """The content of a checkpoint does not match its checksums, or is not a checkpoint at all."""


@dataclass(frozen=True)
class TrainedWeights:
    """What evaluation and prediction need of a checkpoint, from one reading of the file."""

    path: Path  # of the checkpoint, for messages
    spec: DataSpec  # of the data that the weights were trained on
    state_dict: dict[str, Tensor]  # of a learner: the names begin with "network."


def read_weights(checkpoint: Path) -> TrainedWeights:
    """Read the weights of a checkpoint.

    Raises:
        ConfigError: see `read_checkpoint`.
    """
    saved = read_checkpoint(checkpoint)
    return TrainedWeights(checkpoint, _spec(saved, checkpoint), saved["state_dict"])


def load_weights(learner: SequenceLearner, weights: TrainedWeights) -> None:
    """Load trained weights into a learner.

    Raises:
        ConfigError: they come from other data or another model.
    """
    if weights.spec != learner.spec:
        raise ConfigError(
            [f"checkpoint: {weights.path} comes from other data: its classes, sizes or vocabularies differ"]
        )
    _load(learner, weights)


def load_network_weights(network: nn.Module, weights: TrainedWeights) -> None:
    """Load trained weights into a network that was built for their spec.

    Raises:
        ConfigError: they come from another model.
    """
    _load(nn.ModuleDict({"network": network}), weights)


def check_finite(state_dict: Mapping[str, Tensor], source: object) -> None:
    """Refuse weights whose predictions mean nothing.

    Raises:
        RunError: a weight is nan or infinite.
    """
    for name, weight in state_dict.items():
        num_wrong = weight.numel() - int(torch.isfinite(weight).sum())
        if num_wrong:
            raise RunError(
                f"{source}: {num_wrong} of {weight.numel()} numbers of the weight "
                f"{name.removeprefix('network.')} are nan or infinite, so that its answers mean nothing. "
                "Give another one as checkpoint=FILE, or train again with a lower optimizer.lr."
            )


def can_resume_from(checkpoint: Path) -> bool:
    """Whether a checkpoint holds the state of a training, and not only weights."""
    return "optimizer_states" in read_checkpoint(checkpoint)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a checkpoint: tensors and plain values only, so that a foreign one runs no code.

    torch writes a checkpoint as a zip archive with a CRC-32 of every record but does not compare them when it
    reads one, which is done here: a flipped bit would otherwise be a different weight.

    Raises:
        DamagedCheckpointError: the file does not have the content that was written.
        ConfigError: it does not exist, or was not written by seqtrain.
    """
    if not path.is_file():
        raise ConfigError([f"checkpoint: {path} does not exist"])
    try:
        with path.open("rb") as file:
            _verify(file)
            saved = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ConfigError(
            [
                f"checkpoint: {path} was not loaded: it holds more than tensors and plain values, "
                "which could run code"
            ]
        ) from None
    except Exception as error:  # on damaged bytes a reader may raise anything
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DamagedCheckpointError(
            [f"checkpoint: {path} is damaged ({reason}); {find_remedy(path)}"]
        ) from None
    if not isinstance(saved, dict) or not {"spec", "state_dict"} <= saved.keys():
        raise ConfigError([f"checkpoint: {path} was not written by seqtrain: it lacks spec or state_dict"])
    problem = _find_strange_content(saved)
    if problem:
        raise ConfigError([f"checkpoint: {path} was not written by seqtrain: {problem}"])
    return saved


def _find_strange_content(saved: dict[str, Any]) -> str:
    """What no training writes: weights that are not tensors, and tensors that are larger than their storage,
    such as one that repeats a single number."""
    weights = saved["state_dict"]
    if not isinstance(weights, dict) or not all(
        isinstance(name, str) and isinstance(weight, Tensor) for name, weight in weights.items()
    ):
        return "its state_dict holds more than tensors by name"
    left: list[Any] = [saved]
    seen: set[int] = set()
    while left:
        value = left.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Tensor) and not _is_whole(value):
            return (
                f"a tensor of the shape {tuple(value.shape)} is larger than its storage, or none of numbers"
            )
        children = (
            value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
        )
        left += [each for each in children if isinstance(each, (dict, list, tuple, Tensor))]
    return ""


def _is_whole(tensor: Tensor) -> bool:
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
        return False
    room = tensor.untyped_storage().nbytes() // tensor.element_size() - tensor.storage_offset()
    return tensor.numel() <= room


def write_checkpoint(checkpoint: dict[str, Any], path: Path) -> None:
    """Write a checkpoint that `torch.load(path, weights_only=True)` reads: all of it, or nothing.

    Raises:
        OSError: it cannot be written, for instance because the disk is full; an earlier file is kept.
    """
    content = io.BytesIO()
    # A buffer that repeats a single number, as `expand` gives, would be refused when it is read.
    weights = {name: weight.contiguous() for name, weight in checkpoint["state_dict"].items()}
    torch.save(checkpoint | {"state_dict": weights}, content)
    path.parent.mkdir(exist_ok=True)  # the folder of the run is there, unless it was deleted meanwhile
    with atomic_write(path) as file:
        file.write(content.getbuffer())


def weights_of(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """What evaluation and prediction need of a checkpoint: a third of its size under Adam."""
    return {key: checkpoint[key] for key in WEIGHTS if key in checkpoint}


def _verify(file: BinaryIO) -> None:
    """Compare every record of a zip archive with its checksum, and rewind the file.

    torch writes records as they are: compressed ones could take a thousand times the memory of their file.
    """
    size = file.seek(0, io.SEEK_END)
    if size > (memory_of_machine() or size):
        raise ValueError("it is larger than the memory of this machine")
    with zipfile.ZipFile(file) as archive:
        if sum(record.file_size for record in archive.infolist()) > size:
            raise ValueError("its records are larger than the file")
        damaged = archive.testzip()
    if damaged is not None:
        raise ValueError(f"the checksum of {damaged} does not match")
    file.seek(0)


def find_remedy(path: Path) -> str:
    """What to do if a checkpoint cannot be used, for messages."""
    best, last = path.with_name("best.ckpt"), path.with_name("last.ckpt")
    if path.name == last.name:
        fresh = "delete it and repeat the command to start this run again"
        return f"{fresh}, or give checkpoint={best} to train on from its weights" if best.exists() else fresh
    if last.exists():
        return f"give checkpoint={last} to use the weights of the last epoch"
    return "give another one with checkpoint="


def _spec(saved: dict[str, Any], checkpoint: Path) -> DataSpec:
    try:
        return DataSpec.from_dict(saved["spec"])
    except UnknownKindError as error:
        raise ConfigError(
            [
                f"checkpoint: {checkpoint} is for data of the kind {error}, which is not built in; "
                "name the package that defines it with plugins=[...]"
            ]
        ) from None
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ConfigError(
            [f"checkpoint: {checkpoint} was not written by seqtrain: its spec is unknown"]
        ) from None


def _load(module: nn.Module, weights: TrainedWeights) -> None:
    try:
        module.load_state_dict(weights.state_dict)
    except (RuntimeError, TypeError) as error:
        _, *reasons = str(error).splitlines()
        reason = (reasons or [str(error)])[0].strip()
        raise ConfigError([f"checkpoint: {weights.path} comes from another model: {reason}"]) from None
