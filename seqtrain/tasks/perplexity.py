"""How well a text is predicted."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torchmetrics import Metric

from seqtrain.spec import Targets
from seqtrain.tasks.metrics import Metrics


class TextMetrics(Metrics):
    """The loss, in nats per token, as bits per character and as perplexity.

    Args:
        targets: the tokens.
        unit: what the text is cut into.
        further: see `Metrics`.
    """

    own_names = Metrics.own_names | {"bits_per_character", "perplexity"}

    def __init__(self, targets: Targets, unit: str, further: Mapping[str, Metric] | None = None) -> None:
        super().__init__(targets, further)
        self.unit = unit

    def compute(self) -> dict[str, float]:
        """`loss`; `perplexity`, the exponential of it; and of characters `bits_per_character`."""
        metrics = super().compute()
        metrics["perplexity"] = math.exp(min(metrics["loss"], 700.0))
        if self.unit == "character":
            metrics["bits_per_character"] = metrics["loss"] / math.log(2)
        return metrics
