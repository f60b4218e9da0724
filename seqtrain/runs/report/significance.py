"""Whether a difference between two configurations is more than the luck of their seeds."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

import numpy as np

LEVEL = 0.05
MAX_EXACT = 12  # pairs up to which all sign flips are tried; beyond, NUM_DRAWS random ones
NUM_DRAWS = 10_000


@dataclass(frozen=True)
class Difference:
    """The mean difference over `num_pairs` shared seeds, and its p-value where any p-value could be small."""

    mean: float
    num_pairs: int
    p: float | None


def compare_pairs(ours: Mapping[object, float], best: Mapping[object, float]) -> Difference | None:
    """Compare two configurations, metric by seed, over the seeds that both have; None without any."""
    seeds = [seed for seed in ours if seed in best]
    if not seeds:
        return None
    differences = [ours[seed] - best[seed] for seed in seeds]
    p = permutation_test(differences) if smallest_p(len(seeds)) <= LEVEL else None
    return Difference(mean(differences), len(seeds), p)


def smallest_p(num_pairs: int) -> float:
    """The smallest p-value that this number of pairs can give: when all differences have the same sign."""
    return float(2 / 2**num_pairs)


def permutation_test(differences: Sequence[float]) -> float:
    """The two-sided p-value of a paired sign-flip permutation test.

    Under the hypothesis that the two configurations are equally good, each difference could as well have
    had the other sign. The p-value is the share of sign assignments whose sum is at least as far from zero
    (Good, Permutation, Parametric, and Bootstrap Tests of Hypotheses, 2005, section 3.7).
    """
    values = np.asarray(differences, dtype=float)
    if len(values) <= MAX_EXACT:
        signs = np.array(list(itertools.product([1.0, -1.0], repeat=len(values))))
    else:
        drawn = np.random.RandomState(0).choice([1.0, -1.0], size=(NUM_DRAWS, len(values)))
        signs = np.vstack([np.ones(len(values)), drawn])  # what was seen counts as one of the draws
    sums = np.abs(signs @ values)
    return float((sums >= sums[0] * (1 - 1e-9)).mean())
