"""A trained network as a program of torch.export, which runs without seqtrain."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from seqtrain.data import View
from seqtrain.errors import ConfigError, first_line
from seqtrain.model import (
    CRFHead,
    Ensemble,
    Network,
    NumberHead,
    RecurrentBackbone,
    TokenEncoder,
    VectorEncoder,
    WordEncoder,
)
from seqtrain.model.backbone import recurrent_module
from seqtrain.model.ensemble import mean_of
from seqtrain.serving.crf import CRF_TENSORS
from seqtrain.serving.export.scan import ScannedRecurrence, ScannedWordEncoder
from seqtrain.spec import (
    DataSpec,
    ImageInputs,
    NextToken,
    Numbers,
    SeriesInputs,
    Standardization,
    TokenInputs,
    VectorInputs,
    WordInputs,
)

# Of the example inputs; no size is 0 or 1, which torch.export would take for fixed.
SIZES = (3, 4)  # batch and time
SPELLINGS = (6, 5)  # and their letters


def build_program(network: Network | Ensemble, spec: DataSpec) -> ExportedProgram:
    """The program that computes a network's scores; it needs torch alone.

    Inputs are given by name, with sizes that may differ from call to call, on the CPU: `words` (batch, time),
    `letters` (spellings, letters), both int64 with 0 as padding, and `spelling` (batch, time) int64, the row
    of `letters` of each word; `tokens` (batch, time) int64 with 0 as padding; or `features` (batch, time,
    feature_size), in the units of the data; each with `lengths` (batch,) int64. Images are one input,
    `images` (batch, height, width), from 0 to 1, without lengths; windows of series are `series` (batch,
    context, columns), in the units of the data.

    The result is a tuple: scores (batch, time, num_targets), or (batch, num_targets) for one class per
    sequence; with a conditional random field also `transition`, `start`, `end`, `allowed_transition` and
    `allowed_start`. Numbers are in the units of the data. See
    `seqtrain.serving.export.network.build_onnx`.

    Raises:
        ConfigError: a part of the network cannot be exported.
    """
    if isinstance(spec.targets, NextToken):
        raise ConfigError(["format: a language model is exported as ONNX, with its state; give format=onnx"])
    program, inputs = _prepare(deepcopy(network).cpu(), spec)
    program.eval().requires_grad_(False)
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


def _prepare(network: Network | Ensemble, spec: DataSpec) -> tuple[nn.Module, dict[str, Tensor]]:
    """The network, reading what a user has, and inputs of which only the shapes matter."""
    lengths, inputs = torch.full(SIZES[:1], SIZES[1]), spec.inputs
    match inputs:
        case ImageInputs():
            return ImageProgram(network, spec, inputs), {"images": torch.zeros(SIZES[0], *inputs.size)}
        case SeriesInputs():
            series = torch.zeros(SIZES[0], inputs.context, len(inputs.columns))
            return SeriesProgram(network, spec, inputs), {"series": series}
        case VectorInputs():
            features = torch.zeros(*SIZES, inputs.feature_size)
            return FeatureProgram(network, spec, inputs), {"features": features, "lengths": lengths}
        case WordInputs():
            words = torch.ones(SIZES, dtype=torch.int64)
            letters = torch.ones(SPELLINGS, dtype=torch.int64)
            spelling = torch.zeros(SIZES, dtype=torch.int64)
            examples = {"words": words, "letters": letters, "spelling": spelling, "lengths": lengths}
            return WordProgram(network, spec), examples
        case TokenInputs():
            tokens = torch.ones(SIZES, dtype=torch.int64)
            return TokenProgram(network, spec), {"tokens": tokens, "lengths": lengths}
    raise ConfigError([f"data: {type(inputs).__name__} cannot be exported with format=torch"])


def _dynamic_sizes(name: str, example: Tensor) -> dict[int, Any]:
    """The dimensions of an input that may differ from call to call."""
    num_dynamic = {"images": 1, "features": 2, "series": 1}.get(name, example.ndim)
    return dict.fromkeys(range(num_dynamic), Dim.DYNAMIC)


class Program(nn.Module):
    """What a network, or an ensemble, makes of the inputs of its encoder; see `build_program`."""

    def __init__(self, network: Network | Ensemble, spec: DataSpec) -> None:
        super().__init__()
        members = cast(list[Network], list(network.members) if isinstance(network, Ensemble) else [network])
        self._members = nn.ModuleList(Member(each) for each in members)
        if isinstance(network.head, CRFHead) and type(network.head) is not CRFHead:
            # The script beside the program would decode its scores as those of a CRFHead.
            raise ConfigError(
                [f"head: {type(network.head).__name__}, a subclass of CRFHead, cannot be exported"]
            )
        self._head = network.head
        targets = spec.targets
        self._means, self._deviations = _scaling(
            targets.standardization if isinstance(targets, Numbers) else None
        )

    def _scores(self, inputs: tuple[Tensor, ...], lengths: Tensor) -> Tensor:
        """The scores of all members, combined."""
        scores = [member(inputs, lengths) for member in self._members]
        return scores[0] if len(scores) == 1 else mean_of(scores, self._head)

    def _score(self, inputs: tuple[Tensor, ...], lengths: Tensor) -> tuple[Tensor, ...]:
        answer = self._scores(inputs, lengths)
        if isinstance(self._head, NumberHead):
            return (self._in_units(answer.sort(dim=-2).values if self._head.quantiles else answer),)
        if not isinstance(self._head, CRFHead):
            return (answer,)
        return answer, *(getattr(self._head, name).clone() for name in CRF_TENSORS)

    def _in_units(self, numbers: Tensor) -> Tensor:
        return numbers * self._deviations + self._means


def _scaling(standardization: Standardization | None) -> tuple[nn.Buffer, nn.Buffer]:
    """Means and deviations."""
    means, deviations = standardization or ((0.0,), (1.0,))
    return nn.Buffer(torch.tensor(means)), nn.Buffer(torch.tensor(deviations))


class WordProgram(Program):
    """Tags words by their ids and those of their letters."""

    def forward(
        self, words: Tensor, letters: Tensor, spelling: Tensor, lengths: Tensor
    ) -> tuple[Tensor, ...]:
        return self._score((words, letters, spelling), lengths)


class TokenProgram(Program):
    """Classifies texts by the ids of their characters or words."""

    def forward(self, tokens: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
        return self._score((tokens,), lengths)


class FeatureProgram(Program):
    """Labels sequences of numbers, standardized as in training."""

    def __init__(self, network: Network | Ensemble, spec: DataSpec, inputs: VectorInputs) -> None:
        super().__init__(network, spec)
        self._mean, self._deviation = _scaling(inputs.standardization)

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
        return self._score(((features - self._mean) / self._deviation,), lengths)


class ImageProgram(Program):
    """Classifies images of one size."""

    def __init__(self, network: Network | Ensemble, spec: DataSpec, inputs: ImageInputs) -> None:
        super().__init__(network, spec)
        self._view = View.of(inputs)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return self._score((self._view(images),), torch.full((images.shape[0],), self._view.num_steps))


class SeriesProgram(Program):
    """Forecasts series from their last rows."""

    def __init__(self, network: Network | Ensemble, spec: DataSpec, inputs: SeriesInputs) -> None:
        super().__init__(network, spec)
        self._mean, self._deviation = _scaling(inputs.standardization)
        self._inputs = inputs

    def forward(self, series: Tensor) -> tuple[Tensor, ...]:
        inputs, num_series = self._inputs, len(self._inputs.series)
        scaled = (series - self._mean) / self._deviation
        values, covariates = scaled[..., :num_series], scaled[..., num_series:]
        last = values[:, -1:] * float(inputs.subtract_last)
        values = values - last
        if inputs.independent:  # (batch, series, rows, columns of a series)
            covariates = covariates[:, None].expand(-1, num_series, -1, -1)
            values = values.transpose(1, 2)[..., None]
        rows = torch.cat((values, covariates), dim=-1)
        num_steps = inputs.context // inputs.fold
        steps = rows.reshape(-1, num_steps, inputs.fold * rows.shape[-1])
        scores = self._scores((steps,), torch.full((steps.shape[0],), num_steps))
        if inputs.independent:
            ahead = scores.unflatten(0, (-1, num_series)).movedim(1, -1)  # type: ignore[no-untyped-call]
        else:
            ahead = scores.unflatten(-1, (-1, num_series))  # type: ignore[no-untyped-call]
        with_quantiles = ahead.ndim == 4
        ahead = ahead + (last[:, None] if with_quantiles else last)
        return (self._in_units(ahead.sort(dim=1).values if with_quantiles else ahead),)


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
    if type(encoder) in (VectorEncoder, TokenEncoder):
        return encoder
    if type(encoder) is WordEncoder:
        return ScannedWordEncoder(encoder)
    kind = type(encoder).__name__
    raise ConfigError([f"encoder: {kind} cannot be exported; words, tokens and vectors can"])


def _scanned_backbone(backbone: nn.Module) -> nn.Module:
    """A backbone of the user's own is recorded as it is; time loops of ours become scans."""
    if not isinstance(backbone, RecurrentBackbone):
        return backbone
    try:
        return ScannedRecurrence(recurrent_module(backbone))
    except (TypeError, ValueError) as error:
        raise ConfigError([f"model: {error}; only what can be traced is exported"]) from None
