"""Statistics of final states: what h_n and c_n look like in every layer and direction."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seqtrain.analysis.histogram import HISTOGRAM_EDGES, Histogram, count_bins
from seqtrain.analysis.sample import name_members
from seqtrain.records import FinalState, StepOutput
from seqtrain.recurrence.trace import name_direction

SATURATION = 0.97  # a unit counts as saturated when |h|, or |tanh(c)|, is above this
DEAD = 0.01  # a unit is dead when its standard deviation over the sequences is below this


class UnitStatistics:
    """Means and covariances of the units of a state, over many batches, for each row (layer and direction).

    Memory is (rows, hidden_size, hidden_size), whatever the number of sequences. Sums are in float64 where
    the device has it, since the effective rank depends on small eigenvalues; batches are merged as Chan,
    Golub and LeVeque (1979) do. Nothing leaves the device before `compute`.
    """

    def __init__(self) -> None:
        self._num = 0
        self._mean: Tensor | None = None  # (rows, hidden_size)
        # (rows, hidden_size, hidden_size): sums of products about the mean
        self._scatter: Tensor | None = None

    @torch.no_grad()
    def update(self, state: Tensor) -> None:
        """Count the states of one batch, (rows, batch, hidden_size)."""
        values = state.detach().to(torch.float32 if state.device.type == "mps" else torch.float64)
        num, mean = values.shape[1], values.mean(dim=1)
        centred = values - mean[:, None]
        scatter = centred.mT @ centred
        if self._mean is None or self._scatter is None:
            self._num, self._mean, self._scatter = num, mean, scatter
            return
        total = self._num + num
        difference = mean - self._mean
        between = difference[:, :, None] * difference[:, None, :] * (self._num * num / total)
        self._scatter = self._scatter + scatter + between
        self._mean = self._mean + difference * (num / total)
        self._num = total

    def compute(self) -> list[dict[str, float]]:
        """`dead` and `effective_rank` of each row; nothing without an update.

        `dead` is the share of units that hardly vary over the sequences. `effective_rank` (Roy and Vetterli,
        2007) is the exponential of the entropy of the singular values of the centred states, scaled to sum
        to 1: the number of directions that the states fill, at most the smaller of hidden_size and the number
        of sequences less one. It is 0 where no unit varies at all.
        """
        if self._scatter is None:
            return []
        scatter = self._scatter.cpu().double()
        deviations = (scatter.diagonal(dim1=1, dim2=2) / self._num).clamp(min=0).sqrt()
        dead = (deviations < DEAD).double().mean(dim=1)
        finite = torch.isfinite(scatter).all(dim=2).all(dim=1)  # LAPACK refuses a row that is not
        eigenvalues = torch.linalg.eigvalsh(scatter.where(finite[:, None, None], 0.0))
        ranks = effective_rank(eigenvalues.clamp(min=0).sqrt()).where(finite, torch.nan)
        rows = zip(dead.tolist(), ranks.tolist(), strict=True)
        return [{"dead": share, "effective_rank": rank} for share, rank in rows]


def effective_rank(singular_values: Tensor) -> Tensor:
    """(rows, n) singular values to (rows,)."""
    total = singular_values.sum(dim=1)
    shares = singular_values / total.clamp(min=torch.finfo(singular_values.dtype).tiny)[:, None]
    entropy = -torch.xlogy(shares, shares).sum(dim=1)
    return torch.where(total > 0, entropy.exp(), 0.0)


@dataclass(frozen=True)
class _Sums:
    """Sums over the sequences and units of each row, (rows,) each but `counts` (rows, bins)."""

    num_sequences: int
    mean: Tensor
    squares: Tensor  # about the mean
    norms: Tensor
    num_saturated: Tensor
    minimum: Tensor
    maximum: Tensor
    counts: Tensor

    @classmethod
    def of(cls, state: Tensor, bounded: Tensor) -> _Sums:
        """The sums of a batch (rows, batch, hidden_size), given also squashed to lie between -1 and 1."""
        values = state.flatten(1)
        mean = values.mean(dim=1)
        return cls(
            num_sequences=state.shape[1],
            mean=mean,
            squares=(values - mean[:, None]).square().sum(dim=1),
            norms=state.norm(dim=2).sum(dim=1),
            num_saturated=(bounded.abs() > SATURATION).flatten(1).sum(dim=1).float(),
            minimum=values.amin(dim=1),
            maximum=values.amax(dim=1),
            counts=count_bins(values),
        )

    def merged(self, other: _Sums, hidden_size: int) -> _Sums:
        """The sums of both; squares about the mean are merged as in Chan, Golub and LeVeque (1979)."""
        num = self.num_sequences + other.num_sequences
        difference = other.mean - self.mean
        between = difference.square() * (self.num_sequences * other.num_sequences / num * hidden_size)
        return _Sums(
            num_sequences=num,
            mean=self.mean + difference * (other.num_sequences / num),
            squares=self.squares + other.squares + between,
            norms=self.norms + other.norms,
            num_saturated=self.num_saturated + other.num_saturated,
            minimum=torch.minimum(self.minimum, other.minimum),
            maximum=torch.maximum(self.maximum, other.maximum),
            counts=self.counts + other.counts,
        )

    def read(self, hidden_size: int) -> list[tuple[dict[str, float], Histogram]]:
        """Statistics and the histogram of each row; in one transfer from the device."""
        columns = (self.mean, self.squares, self.norms, self.num_saturated, self.minimum, self.maximum)
        rows: list[list[float]] = torch.cat((torch.stack(columns, dim=1), self.counts), dim=1).tolist()
        return [self._read_row(row, self.num_sequences * hidden_size) for row in rows]

    def _read_row(self, row: list[float], num: int) -> tuple[dict[str, float], Histogram]:
        mean, squares, norms, num_saturated, minimum, maximum, *counts = row
        statistics = {
            "mean": mean,
            "std": (squares / num) ** 0.5,
            "min": minimum,
            "max": maximum,
            "norm": norms / self.num_sequences,
            "saturation": num_saturated / num,
        }
        sum_squares = squares + num * mean**2
        values = Histogram(
            HISTOGRAM_EDGES, torch.tensor(counts), minimum, maximum, num, num * mean, sum_squares
        )
        return statistics, values.trimmed()


class StateStatistics:
    """Statistics of a final state over many batches, for each layer and direction.

    Over all sequences and units: `mean`; `std`, which divides by the number of values; `min`; `max`; `norm`,
    the mean over sequences of the Euclidean norm; `saturation`, the share of units with |h| (of c: |tanh(c)|)
    above 0.97. Over a split also `dead` and `effective_rank`, see `UnitStatistics`. Nothing leaves the device
    before `compute`.

    Args:
        name: `h_n` or `c_n`, optionally with the name of a member: the prefix of the tags.
        num_directions: 1 or 2.
        over_split: whether the updates cover a whole split; a single batch is too small to judge units.
    """

    def __init__(self, name: str, num_directions: int, over_split: bool = False) -> None:
        self.name = name
        self.num_directions = num_directions
        self._is_cell = name.startswith("c_n")
        self._hidden_size = 0
        self._sums: _Sums | None = None
        self._units = UnitStatistics() if over_split else None

    @torch.no_grad()
    def update(self, state: Tensor) -> None:
        """Count the states of one batch, (num_layers * num_directions, batch, hidden_size)."""
        state = state.detach().float()
        self._hidden_size = state.shape[2]
        sums = _Sums.of(state, state.tanh() if self._is_cell else state)
        self._sums = sums if self._sums is None else self._sums.merged(sums, self._hidden_size)
        if self._units is not None:
            self._units.update(state)

    def compute(self) -> tuple[dict[str, float], dict[str, Histogram]]:
        """Scalars by tag (`h_n/layer0/forward/mean`) and histograms by tag (`h_n/layer0/forward`)."""
        scalars: dict[str, float] = {}
        histograms: dict[str, Histogram] = {}
        rows = [] if self._sums is None else self._sums.read(self._hidden_size)
        units = [{}] * len(rows) if self._units is None else self._units.compute()
        for row, ((statistics, histogram), of_units) in enumerate(zip(rows, units, strict=True)):
            tag = f"{self.name}/{name_direction(*divmod(row, self.num_directions))}"
            histograms[tag] = histogram
            scalars |= {f"{tag}/{name}": value for name, value in (statistics | of_units).items()}
        return scalars, histograms


class FinalStateStatistics:
    """StateStatistics of h_n, and of c_n where there is one, for every member of an ensemble on its own.

    A final state that is not a FinalState of real numbers is left out.

    Args:
        over_split: whether the updates cover a whole split.
    """

    def __init__(self, over_split: bool = False) -> None:
        self.over_split = over_split
        self._statistics: dict[str, StateStatistics] = {}

    def update(self, output: StepOutput) -> None:
        """Count the final states of one batch."""
        members = name_members(len(output.final_states))
        for member, final_state in zip(members, output.final_states, strict=True):
            if not isinstance(final_state, FinalState):
                continue
            for name, state in (("h_n", final_state.h_n), ("c_n", final_state.c_n)):
                if state is not None and state.is_floating_point():
                    tag = f"{name}/{member}".rstrip("/")
                    if tag not in self._statistics:
                        statistics = StateStatistics(tag, output.num_directions, self.over_split)
                        self._statistics[tag] = statistics
                    self._statistics[tag].update(state)

    def compute(self) -> tuple[dict[str, float], dict[str, Histogram]]:
        """Scalars and histograms by tag, of all updates."""
        scalars: dict[str, float] = {}
        histograms: dict[str, Histogram] = {}
        for statistics in self._statistics.values():
            more_scalars, more_histograms = statistics.compute()
            scalars |= more_scalars
            histograms |= more_histograms
        return scalars, histograms
