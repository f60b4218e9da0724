"""Statistics of final states: what h_n and c_n look like in every layer and direction."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seqtrain.records import StepOutput

SATURATION = 0.97  # a unit counts as saturated when |h|, or |tanh(c)|, is above this

# Bins of 1/32 where h lives, then ever wider ones for c, whose size has no bound.
_FINE = torch.linspace(0, 1, 33)
_COARSE = 1.25 ** torch.arange(1, 40)
HISTOGRAM_EDGES = torch.cat((-_COARSE.flip(0), -_FINE.flip(0), _FINE[1:], _COARSE))


@dataclass(frozen=True)
class Histogram:
    """Counts of values from each edge to below the next, and beyond both ends, with TensorBoard's sums."""

    edges: Tensor
    counts: Tensor
    minimum: float
    maximum: float
    num: int
    sum: float
    sum_squares: float


class StateStatistics:
    """Mean, standard deviation, extremes, norm and saturation of a final state, over many batches.

    Everything is per layer and direction, over all sequences and units: `std` divides by the number of
    values, `norm` is the mean over sequences of the Euclidean norm, `saturation` the share of units with
    |h| (of c: |tanh(c)|) above 0.97. Nothing leaves the device before `compute`.

    Args:
        name: `h_n` or `c_n`, the prefix of the tags.
        num_directions: 1 or 2.
        member: number of the network in an ensemble, a part of the tags; None for a single network.
    """

    def __init__(self, name: str, num_directions: int, member: int | None = None) -> None:
        self.name = name
        self.num_directions = num_directions
        self._prefix = name if member is None else f"{name}/member{member}"
        self.reset()

    def reset(self) -> None:
        self.num_sequences = 0
        self._hidden_size = 0
        self._sums: Tensor | None = None  # (4, rows): squares about the mean, norms, saturated, mean
        self._extremes: Tensor | None = None  # (2, rows): -min and max
        self._counts: Tensor | None = None  # (rows, bins)

    @torch.no_grad()
    def update(self, state: Tensor) -> None:
        """Count the states of one batch.

        Args:
            state: (num_layers * num_directions, batch, hidden_size)
        """
        state = state.detach().float()
        rows, batch, self._hidden_size = state.shape
        bounded = state.tanh() if self.name == "c_n" else state
        values = state.flatten(1).contiguous()
        mean = values.mean(dim=1)
        squares = (values - mean[:, None]).square().sum(dim=1)
        norms = state.norm(dim=2).sum(dim=1)
        saturated = (bounded.abs() > SATURATION).flatten(1).sum(dim=1).float()
        extremes = torch.stack((-values.amin(dim=1), values.amax(dim=1)))
        bins = torch.bucketize(values, HISTOGRAM_EDGES.to(state.device), right=True)
        bins += torch.arange(rows, device=state.device)[:, None] * (len(HISTOGRAM_EDGES) + 1)
        counts = torch.zeros(rows * (len(HISTOGRAM_EDGES) + 1), device=state.device)
        counts.index_add_(0, bins.flatten(), torch.ones((), device=state.device).expand(bins.numel()))
        counts = counts.view(rows, -1)

        if self._sums is None or self._extremes is None or self._counts is None:
            self._sums = torch.stack((squares, norms, saturated, mean))
            self._extremes, self._counts = extremes, counts
        else:
            # Squares about the mean are merged as Chan, Golub and LeVeque (1979) do: differences of large
            # sums would cancel.
            before, seen = self._sums, self.num_sequences
            difference = mean - before[3]
            total = seen + batch
            squares = before[0] + squares + difference.square() * (seen * batch / total * self._hidden_size)
            mean = before[3] + difference * (batch / total)
            self._sums = torch.stack((squares, before[1] + norms, before[2] + saturated, mean))
            self._extremes = torch.maximum(self._extremes, extremes)
            self._counts = self._counts + counts
        self.num_sequences += batch

    def compute(self) -> tuple[dict[str, float], dict[str, Histogram]]:
        """Scalars by tag (`h_n/layer0/forward/mean`) and histograms by tag (`h_n/layer0/forward`)."""
        if self._sums is None or self._extremes is None or self._counts is None:
            return {}, {}
        # One transfer for everything.
        packed = torch.cat((self._sums, self._extremes, self._counts.T)).cpu().double()
        num = self.num_sequences * self._hidden_size
        scalars: dict[str, float] = {}
        histograms: dict[str, Histogram] = {}
        for row, column in enumerate(packed.T):
            squares, norms, saturated, mean, negative_min, maximum = column[:6].tolist()
            tag = f"{self._prefix}/{self._place(row)}"
            scalars |= {
                f"{tag}/mean": mean,
                f"{tag}/std": (squares / num) ** 0.5,
                f"{tag}/min": -negative_min,
                f"{tag}/max": maximum,
                f"{tag}/norm": norms / self.num_sequences,
                f"{tag}/saturation": saturated / num,
            }
            sum_squares = squares + num * mean**2
            histograms[tag] = Histogram(
                HISTOGRAM_EDGES, column[6:], -negative_min, maximum, num, num * mean, sum_squares
            )
        return scalars, histograms

    def _place(self, row: int) -> str:
        layer, direction = divmod(row, self.num_directions)
        return f"layer{layer}/{('forward', 'backward')[direction]}"


class FinalStateStatistics:
    """StateStatistics of h_n, and of c_n where there is one, for every member of an ensemble on its own."""

    def __init__(self) -> None:
        self._statistics: list[tuple[StateStatistics, StateStatistics]] = []  # (h_n, c_n) of each member

    def reset(self) -> None:
        self._statistics = []

    def update(self, output: StepOutput) -> None:
        """Count the final states of one batch."""
        if not self._statistics:
            self._statistics = _begin(output)
        for (h_n, c_n), final_state in zip(self._statistics, output.final_states, strict=True):
            h_n.update(final_state.h_n)
            if final_state.c_n is not None:
                c_n.update(final_state.c_n)

    def compute(self) -> tuple[dict[str, float], dict[str, Histogram]]:
        """Scalars and histograms by tag, of all updates since the last reset."""
        scalars: dict[str, float] = {}
        histograms: dict[str, Histogram] = {}
        for states in zip(*self._statistics, strict=True):
            for statistics in states:
                more_scalars, more_histograms = statistics.compute()
                scalars |= more_scalars
                histograms |= more_histograms
        return scalars, histograms


def _begin(output: StepOutput) -> list[tuple[StateStatistics, StateStatistics]]:
    num_members = len(output.final_states)
    members = [None] if num_members == 1 else range(num_members)
    return [
        (
            StateStatistics("h_n", output.num_directions, member),
            StateStatistics("c_n", output.num_directions, member),
        )
        for member in members
    ]
