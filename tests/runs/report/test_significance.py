from __future__ import annotations

import pytest

from seqtrain.runs.report.significance import (
    compare_pairs,
    correct_for_many,
    permutation_test,
    seeds_needed,
    smallest_p,
)


def test_all_sign_flips_of_three_pairs() -> None:
    # sums of +-1 +-2 +-3: 6, 0, 2, 4 and their negatives; two of eight are as far from 0 as 6
    assert permutation_test([1, 2, 3]) == 2 / 8
    # 1 + 2 - 3 = 0: every assignment is at least as far
    assert permutation_test([1, 2, -3]) == 1


def test_many_pairs_are_drawn_and_the_result_is_always_the_same() -> None:
    differences = [0.01 + 0.001 * number for number in range(20)]
    assert permutation_test(differences) == permutation_test(differences) < 0.001
    assert permutation_test([0.01, -0.01] * 10) == 1


def test_the_smallest_p_of_so_many_pairs() -> None:
    assert [smallest_p(number) for number in (1, 3, 6)] == [1, 0.25, 0.03125]


def test_holms_correction() -> None:
    # 4 x 0.01, 3 x 0.02, 2 x 0.03 = 0.06 and 1 x 0.04, which is not below the one before
    assert correct_for_many([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert correct_for_many([0.5, 0.9]) == [1, 1]
    assert correct_for_many([0.03]) == [0.03]
    assert correct_for_many([]) == []


def test_more_comparisons_need_more_seeds() -> None:
    # 2 / 2^6 = 0.031 and 2 x that is above 0.05; 3 x 2 / 2^7 = 0.047; 10 x 2 / 2^9 = 0.039
    assert [seeds_needed(number) for number in (1, 2, 3, 10)] == [6, 7, 7, 9]


def test_pairs_are_those_of_shared_seeds() -> None:
    difference = compare_pairs({0: 0.5, 1: 0.7, 5: 0.0}, {0: 0.6, 1: 0.9, 2: 1.0})
    assert difference is not None
    assert difference.mean == pytest.approx((-0.1 - 0.2) / 2)
    assert (difference.num_pairs, difference.p) == (2, None)
    assert compare_pairs({0: 0.5}, {1: 0.5}) is None


def test_six_seeds_can_tell() -> None:
    difference = compare_pairs(dict.fromkeys(range(6), 0.5), dict.fromkeys(range(6), 0.6))
    assert difference is not None
    assert difference.p == 2 / 64
