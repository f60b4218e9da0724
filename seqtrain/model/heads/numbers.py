"""Numbers for each sequence, or for each time step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqtrain.model.heads.pooling import Pooling, check_pooling, pool
from seqtrain.records import is_known

Loss: TypeAlias = Literal["mse", "mae", "huber", "quantiles"]

ERRORS: dict[str, Callable[..., Tensor]] = {"mse": F.mse_loss, "mae": F.l1_loss, "huber": F.huber_loss}


class NumberHead(nn.Module):
    """Numbers, from the backbone's summary of a sequence or from its state at each time step.

    The scores are the numbers; with quantiles they have one more dimension for these, before the last.

    Args:
        input_size: numbers of the backbone's summary, and per step of its states.
        num_targets: numbers to predict for each position.
        dropout: share of the input that is dropped in training.
        loss: `mse`, the squared error; `mae`, the absolute error; `huber`, squared up to an error of 1 and
            linear above (Huber, 1964); `quantiles`, the quantile or pinball loss (Koenker and Bassett, 1978),
            as a mean over the quantiles.
        quantiles: their probabilities in rising order, with 0.5, which is the prediction.
        pooling: how a sequence becomes one vector, see `seqtrain.model.LabelHead`; None for numbers for each
            time step.
    """

    def __init__(
        self,
        input_size: int,
        num_targets: int,
        dropout: float,
        loss: Loss,
        quantiles: Sequence[float] = (0.1, 0.5, 0.9),
        pooling: Pooling | None = "last",
    ) -> None:
        super().__init__()
        if pooling is not None:
            check_pooling(pooling)
        if loss not in get_args(Loss):
            raise ValueError(f"loss must be one of {', '.join(get_args(Loss))}, got {loss!r}")
        self.pooling = pooling
        self.loss = loss
        self.quantiles = _check_quantiles(quantiles) if loss == "quantiles" else ()
        self.num_targets = num_targets
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(input_size, num_targets * max(1, len(self.quantiles)))

    @property
    def per_step(self) -> bool:
        """Whether it gives numbers for each time step."""
        return self.pooling is None

    def forward(self, states: Tensor, summary: Tensor, lengths: Tensor) -> Tensor:
        """(batch, num_targets), or (batch, time, num_targets); with (quantiles, num_targets) at the end."""
        pooled = states if self.pooling is None else pool(self.pooling, states, summary, lengths)
        scores: Tensor = self.linear(self.dropout(pooled))
        if self.quantiles:
            return scores.view(*scores.shape[:-1], len(self.quantiles), self.num_targets)
        return scores

    def loss_sum(self, scores: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
        """The loss of the numbers that are known, summed."""
        known, scores = is_known(targets), scores.float()
        targets = targets.where(known, 0.0)
        if self.quantiles:
            losses = self._quantile_loss(scores, targets)
        else:
            losses = ERRORS[self.loss](scores, targets, reduction="none")
        return losses.where(known, 0.0).sum()

    def _quantile_loss(self, scores: Tensor, targets: Tensor) -> Tensor:
        """The loss of each number, in the shape of the targets."""
        share = scores.new_tensor(self.quantiles)[:, None]
        error = targets.unsqueeze(-2) - scores
        return torch.maximum(share * error, (share - 1) * error).mean(dim=-2)

    def decode(self, scores: Tensor, lengths: Tensor) -> Tensor:
        """(batch, num_targets) or (batch, time, num_targets): the numbers; with quantiles, the median."""
        return self.by_quantile(scores)[0.5] if self.quantiles else scores

    def by_quantile(self, scores: Tensor) -> dict[float, Tensor]:
        """The numbers of each quantile by its probability; empty without quantiles.

        They are sorted, so that they do not cross (Chernozhukov et al., 2010).
        """
        ordered = scores.sort(dim=-2).values if self.quantiles else scores
        return {share: ordered.select(-2, index) for index, share in enumerate(self.quantiles)}

    def mean_of(self, scores: Sequence[Tensor]) -> Tensor:
        """The scores of an ensemble: the mean of its members' numbers."""
        return torch.stack([each.float() for each in scores]).mean(dim=0)


def _check_quantiles(quantiles: Sequence[float]) -> tuple[float, ...]:
    given = tuple(quantiles)
    if 0.5 not in given or list(given) != sorted(set(given)) or not 0 < given[0] <= given[-1] < 1:
        raise ValueError(f"quantiles must rise between 0 and 1, with 0.5 among them, got {list(given)}")
    return given
