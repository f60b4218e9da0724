from __future__ import annotations

import pytest

from seqtrain.runs.report.significance import compare_pairs, permutation_test, smallest_p


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
