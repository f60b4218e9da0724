"""How well each unit alone separates one target from all others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from seqtrain.analysis.examine import ExaminedExample
from seqtrain.analysis.example import Array

MIN_COUNT = 5  # positions on each side; with fewer, the share of pairs is too noisy


def selectivity(examples: Sequence[ExaminedExample], num_targets: int) -> npt.NDArray[np.float64]:
    """The area under the ROC curve of every unit for every target, over the examples with known targets.

    That is the probability that the unit is higher at a random position of the target than at a random other
    one, ties counting half: 1 is a unit that is always higher, 0 one that is always lower, 0.5 is chance.
    With a target for each step the positions are the steps; with one for the sequence they are the sequences,
    and the unit is read where its direction ends.

    Returns:
        (layers, directions, hidden, num_targets); NaN where fewer than 5 positions have the target, or
        fewer than 5 have not.
    """
    known = [example for example in examples if example.targets is not None]
    shape = (*examples[0].parts["h"].shape[:2], examples[0].parts["h"].shape[3])
    if not known:
        return np.full((*shape, num_targets), np.nan)
    states = np.concatenate([_read_states(example) for example in known], axis=2)
    targets = np.concatenate([np.array(example.targets) for example in known])
    states, targets = (
        states[:, :, targets >= 0],
        targets[targets >= 0],
    )  # a tag that training lacked is below 0
    columns = states.transpose(0, 1, 3, 2).reshape(-1, len(targets))
    areas = np.stack([_areas(rankdata(column), targets, num_targets) for column in columns])
    return areas.reshape(*shape, num_targets)


def _read_states(example: ExaminedExample) -> Array:
    """(layers, directions, positions, hidden)"""
    h = example.parts["h"]
    assert example.targets is not None
    if len(example.targets) == example.num_steps > 1:
        return h
    ends = [h[:, 0, -1], h[:, 1, 0]] if h.shape[1] == 2 else [h[:, 0, -1]]
    return np.stack(ends, axis=1)[:, :, None]


def _areas(
    ranks: npt.NDArray[np.float64], targets: npt.NDArray[np.int64], num_targets: int
) -> npt.NDArray[np.float64]:
    """The Mann-Whitney statistic of each target, as a share of all pairs."""
    num = np.bincount(targets, minlength=num_targets)
    sums = np.bincount(targets, weights=ranks, minlength=num_targets)
    others = len(targets) - num
    wins = sums - num * (num + 1) / 2
    enough = (num >= MIN_COUNT) & (others >= MIN_COUNT)
    areas: npt.NDArray[np.float64] = np.full(num_targets, np.nan)
    areas[enough] = wins[enough] / (num * others)[enough]
    return areas
