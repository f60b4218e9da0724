"""When to draw figures, so that they take only a small share of the training time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

FIRST_COST = 0.4  # seconds that the first drawing is expected to take, with the import of the library


class Pace:
    """Decides after each validation whether figures are due.

    They are when the number of optimizer steps has doubled since the last ones, provided that all the time
    spent on them stays below `share` of the time that the training has taken.

    Args:
        share: of the training time.
    """

    def __init__(self, share: float = 0.003) -> None:
        self.share = share
        self.last_step = 0
        self._started_at = time.monotonic()
        self._spent = 0.0
        self._cost = FIRST_COST

    def start(self) -> None:
        """The training begins."""
        self._started_at = time.monotonic()

    def is_due(self, step: int) -> bool:
        """Whether to draw after this number of optimizer steps."""
        elapsed = time.monotonic() - self._started_at
        return step >= 2 * self.last_step and self._spent + self._cost <= self.share * elapsed

    @contextmanager
    def drawing(self, step: int) -> Iterator[None]:
        """Measure the time of drawing after this number of optimizer steps."""
        before = time.monotonic()
        yield
        self._cost = time.monotonic() - before
        self._spent += self._cost
        self.last_step = step

    def state_dict(self) -> dict[str, Any]:
        return {"last_step": self.last_step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.last_step = state["last_step"]
