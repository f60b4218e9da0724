"""A trained network as a program of torch.export, which runs without seqtrain."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from seqtrain.config import ConfigError
from seqtrain.data import View
from seqtrain.errors import first_line
from seqtrain.model import CRFHead, Ensemble, Network, RecurrentBackbone, VectorEncoder, WordEncoder
from seqtrain.model.backbone import recurrent_module
from seqtrain.model.ensemble import mean_of
from seqtrain.serving.export.crf import CRF_TENSORS
from seqtrain.serving.export.scan import ScannedRecurrence, ScannedWordEncoder
from seqtrain.spec import DataSpec, ImageInputs, Inputs, VectorInputs, WordInputs

SIZES = (3, 4, 5)  # of the example inputs; no size is 0 or 1, which torch.export would take for fixed


def build_program(network: Network | Ensemble, spec: DataSpec) -> ExportedProgram:
    """The program that computes a network's scores; it needs torch alone.

    Inputs are given by name, with sizes that may differ from call to call, on the CPU: `words` (batch, time)
    and `letters` (batch, time, letters), both int64 with 0 as padding; or `features` (batch, time,
    feature_size), in the units of the data; each with `lengths` (batch,) int64. Images are one input,
    `images` (batch, height, width), from 0 to 1, without lengths.

    The result is a tuple: scores (batch, time, num_targets), or (batch, num_targets) for one class per
    sequence; with a conditional random field also `transition`, `start`, `end`, `allowed_transition` and
    `allowed_start`, see `seqtrain.serving.export.network.build_onnx`.

    Raises:
        ConfigError: a part of the network cannot be exported.
    """
    inputs = _example_inputs(spec.inputs)
    program = _prepare(Scores(deepcopy(network).cpu()), spec.inputs).eval().requires_grad_(False)
    sizes = {name: _dynamic_sizes(name, each) for name, each in inputs.items()}
    # What this process has compiled before would be reused, and fix sizes that are to stay dynamic.
    torch.compiler.reset()
    try:
        return torch.export.export(program, (), inputs, dynamic_shapes=sizes)
    except Exception as error:  # what torch.export refuses, it refuses by many types
        kinds = [type(each) for each in (network.backbone, network.head)]
        names = " and ".join(each.__name__ for each in kinds if not each.__module__.startswith("seqtrain."))
        if not names:
            raise
        raise ConfigError([f"model, head: torch.export cannot record {names}: {first_line(error)}"]) from None


def _prepare(scores: Scores, inputs: Inputs) -> nn.Module:
    """The network, reading what a user has."""
    match inputs:
        case ImageInputs():
            return ImageProgram(scores, inputs)
        case VectorInputs():
            return FeatureProgram(scores, inputs)
    return WordProgram(scores)


class WordProgram(nn.Module):
    """Tags words by the ids of words and letters."""

    def __init__(self, scores: Scores) -> None:
        super().__init__()
        self._scores = scores

    def forward(self, words: Tensor, letters: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
        answer: tuple[Tensor, ...] = self._scores((words, letters), lengths)
        return answer


class FeatureProgram(nn.Module):
    """Labels sequences of numbers, standardized as in training."""

    def __init__(self, scores: Scores, inputs: VectorInputs) -> None:
        super().__init__()
        self._scores = scores
        mean, deviation = inputs.standardization or ((0.0,), (1.0,))
        self.register_buffer("_mean", torch.tensor(mean))
        self.register_buffer("_deviation", torch.tensor(deviation))
        self._mean: Tensor
        self._deviation: Tensor

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
        answer: tuple[Tensor, ...] = self._scores(((features - self._mean) / self._deviation,), lengths)
        return answer


class ImageProgram(nn.Module):
    """Classifies images of one size."""

    def __init__(self, scores: Scores, inputs: ImageInputs) -> None:
        super().__init__()
        self._scores = scores
        self._view = View.of(inputs)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        lengths = torch.full((images.shape[0],), self._view.num_steps)
        answer: tuple[Tensor, ...] = self._scores((self._view(images),), lengths)
        return answer


class Scores(nn.Module):
    """What a network, or an ensemble, makes of the inputs of its encoder; see `build_program`."""

    def __init__(self, network: Network | Ensemble) -> None:
        super().__init__()
        members = cast(list[Network], list(network.members) if isinstance(network, Ensemble) else [network])
        self._members = nn.ModuleList(Member(each) for each in members)
        if isinstance(network.head, CRFHead) and type(network.head) is not CRFHead:
            # What decodes its scores beside the program would take them for those of a CRFHead.
            raise ConfigError(
                [f"head: {type(network.head).__name__}, a subclass of CRFHead, cannot be exported"]
            )
        self._head = network.head

    def forward(self, inputs: tuple[Tensor, ...], lengths: Tensor) -> tuple[Tensor, ...]:
        scores = [member(inputs, lengths) for member in self._members]
        answer = scores[0] if len(scores) == 1 else mean_of(scores)
        if not isinstance(self._head, CRFHead):
            return (answer,)
        return answer, *(getattr(self._head, name).clone() for name in CRF_TENSORS)


class Member(nn.Module):
    """One network, with its recurrence as a scan."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self._encoder = _scanned_encoder(network.encoder)
        self._recurrence = _scanned_backbone(network.backbone)
        self._head = network.head

    def forward(self, inputs: tuple[Tensor, ...], lengths: Tensor) -> Tensor:
        states, summary, _ = self._recurrence(self._encoder(*inputs), lengths)
        scores: Tensor = self._head(states, summary, lengths)
        return scores


def _scanned_encoder(encoder: nn.Module) -> nn.Module:
    if type(encoder) is VectorEncoder:
        return encoder
    if type(encoder) is WordEncoder:
        return ScannedWordEncoder(encoder)
    raise ConfigError([f"encoder: {type(encoder).__name__} cannot be exported; words and vectors can"])


def _scanned_backbone(backbone: nn.Module) -> nn.Module:
    """A backbone of the user's own is recorded as it is; time loops of ours become scans."""
    if not isinstance(backbone, RecurrentBackbone):
        return backbone
    try:
        return ScannedRecurrence(recurrent_module(backbone))
    except (TypeError, ValueError) as error:
        raise ConfigError([f"model: {error}; only what can be traced is exported"]) from None


def _example_inputs(inputs: Inputs) -> dict[str, Tensor]:
    """Inputs of which only the shapes matter."""
    lengths = torch.full(SIZES[:1], SIZES[1])
    match inputs:
        case ImageInputs():
            return {"images": torch.zeros(SIZES[0], *inputs.size)}
        case VectorInputs():
            return {"features": torch.zeros(*SIZES[:2], inputs.feature_size), "lengths": lengths}
        case WordInputs():
            ids = torch.ones(SIZES, dtype=torch.int64)
            return {"words": ids[..., 0].clone(), "letters": ids, "lengths": lengths}
    raise ConfigError([f"data: {type(inputs).__name__} cannot be exported with format=torch"])


def _dynamic_sizes(name: str, example: Tensor) -> dict[int, Any]:
    """The dimensions of an input that may differ from call to call."""
    num_dynamic = {"images": 1, "features": 2}.get(name, example.ndim)
    return dict.fromkeys(range(num_dynamic), Dim.DYNAMIC)
