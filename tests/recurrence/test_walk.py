"""The walk of both directions, on an example that can be checked by hand."""

import torch

from seqtrain.recurrence import PackedWalk

CPU = torch.device("cpu")


def test_rows_of_three_sequences() -> None:
    # sequences a (3 steps), b (2), c (1); rows: a0 b0 c0 | a1 b1 | a2
    walk = PackedWalk([3, 2, 1], CPU)
    assert walk.num_rows == 6
    assert not walk.is_dense
    assert walk.offsets == [0, 3, 5, 6]
    assert walk.lengths.tolist() == [3, 2, 1]
    rows = ["a0", "b0", "c0", "a1", "b1", "a2"]
    assert [rows[k] for k in walk.reversal] == ["a2", "b1", "c0", "a1", "b0", "a0"]
    assert [rows[k] for k in walk.last] == ["a2", "b1", "c0"]
    with_initial = ["a", "b", "c", *rows]
    assert [with_initial[k] for k in walk.previous] == ["a", "b", "c", "a0", "b0", "a1"]


def test_dense_and_general_rules_agree() -> None:
    dense, general = PackedWalk([3] * 4, CPU), PackedWalk([3] * 4, CPU)
    general.is_dense = False
    rows = torch.randn(12, 5)
    states, with_initial = torch.randn(2, 12, 5), torch.randn(2, 15, 5)
    assert torch.equal(dense.reverse(rows), general.reverse(rows))
    assert torch.equal(dense.reverse(dense.reverse(rows)), rows)
    assert torch.equal(dense.take_last(states), general.take_last(states))
    for start, stop in ((0, 12), (3, 9)):
        expected = general.take_previous(with_initial, start, stop)
        assert torch.equal(dense.take_previous(with_initial, start, stop), expected)
