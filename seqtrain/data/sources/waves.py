"""Generated waves, of which the frequency and the decay are to be predicted."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seqtrain.data.corpus import Batching, Corpus
from seqtrain.data.files.arrays import Sequences
from seqtrain.data.sources.arrays import build_corpus

SIZES = {"train": 600, "dev": 100, "test": 100}
SHORTEST, LONGEST = 20, 60  # time steps
NOISE = 0.05  # its standard deviation, where the wave begins with 1


class Waves:
    """Damped waves of 20 to 60 time steps, with noise: e^(-decay t) sin(2 pi (frequency t + phase)).

    Frequencies are between 0.02 and 0.2, decays between 0 and 0.05 per time step. The waves are always the
    same.
    """

    def __init__(
        self,
        *,
        batch_size: int,
        eval_batch_size: int,
        max_tokens: int | None = None,
        epochs: int | None = None,
        min_steps: int = 0,
    ) -> None:
        self.batching = Batching(batch_size, max_tokens, eval_batch_size, epochs, min_steps)

    def load(self) -> Corpus:
        random = np.random.RandomState(0)
        return build_corpus({split: _draw(random, num) for split, num in SIZES.items()}, Path("waves"))


def _draw(random: np.random.RandomState, num: int) -> Sequences:
    lengths = random.randint(SHORTEST, LONGEST + 1, num)
    frequency, decay, phase = random.uniform(size=(3, num)) * [[0.18], [0.05], [1.0]] + [[0.02], [0.0], [0.0]]
    steps = np.concatenate([np.arange(length) for length in lengths])
    turns = (frequency.repeat(lengths) * steps + phase.repeat(lengths)) * 2 * np.pi
    waves = np.exp(-decay.repeat(lengths) * steps) * np.sin(turns) + random.normal(0, NOISE, len(steps))
    targets = np.stack([frequency, decay], axis=1).astype(np.float32)
    return Sequences(waves.astype(np.float32)[:, None], lengths, targets, names=("frequency", "decay"))
