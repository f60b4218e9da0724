"""Whether a difference between two configurations is more than the luck of their seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

import numpy as np

LEVEL = 0.05
NUM_DRAWS = 9_999  # of sign flips; all of them are tried where there are fewer, up to 13 pairs


@dataclass(frozen=True)
class Difference:
    """The mean difference over `num_pairs` shared seeds, and its p-value where any p-value could be small.

    `corrected` is the p-value among those of all comparisons of a table, see `correct_for_many`.
    """

    mean: float
    num_pairs: int
    p: float | None
    corrected: float | None = None


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
    from scipy import stats  # only now: it takes a second to import

    test = stats.permutation_test(
        (np.asarray(differences, dtype=float),),
        np.sum,
        permutation_type="samples",
        n_resamples=NUM_DRAWS,
        rng=np.random.default_rng(0),
    )
    return float(test.pvalue)


def correct_for_many(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for their number, so that the chance of any false alarm stays below the level.

    The smallest of n is multiplied by n, the next by n - 1, and so on; none is smaller than the one before
    (Holm, A Simple Sequentially Rejective Multiple Test Procedure, 1979).
    """
    corrected, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected


def seeds_needed(num_comparisons: int) -> int:
    """The fewest shared seeds with which a corrected p-value can reach the level."""
    num_pairs = 1
    while num_comparisons * smallest_p(num_pairs) > LEVEL:
        num_pairs += 1
    return num_pairs
