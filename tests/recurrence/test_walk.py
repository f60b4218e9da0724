"""Packed rows and the walk of both directions, on examples that can be checked by hand."""

import torch

from seqtrain.recurrence import PackedWalk
from seqtrain.recurrence.walk import PackedRows

CPU = torch.device("cpu")
FEATURES = torch.tensor([[[1.0], [2.0], [0.0]], [[3.0], [4.0], [5.0]]])
LENGTHS = torch.tensor([2, 3])


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


def test_rows_are_ordered_by_step_and_the_longest_sequence_comes_first() -> None:
    rows = PackedRows.pack(FEATURES, LENGTHS, 1)
    assert rows.packed.data.flatten().tolist() == [3, 1, 4, 2, 5]
    assert rows.packed.batch_sizes.tolist() == [2, 2, 1]


def test_rows_are_padded_to_the_length_of_the_batch() -> None:
    features = torch.cat([FEATURES, torch.zeros(2, 1, 1)], dim=1)
    rows = PackedRows.pack(features, LENGTHS, 1)
    assert torch.equal(rows.pad(rows.packed.data), features)


def test_states_are_sorted_and_restored() -> None:
    rows = PackedRows.pack(FEATURES, LENGTHS, 1)
    states = torch.tensor([[[1.0], [2.0]]])
    assert rows.sort(states).flatten().tolist() == [2, 1]
    assert torch.equal(rows.restore(rows.sort(states)), states)


def test_steps_of_both_directions_are_laid_out_in_the_order_of_time() -> None:
    rows = PackedRows.pack(FEATURES, LENGTHS, 2)
    forward = rows.packed.data
    backward = rows.walk.reverse(forward)  # in the order in which that direction reads them
    steps = [
        (torch.stack([f, b]),)
        for f, b in zip(forward.split([2, 2, 1]), backward.split([2, 2, 1]), strict=True)
    ]
    assert [part[0].tolist() for part in rows.lay_out(steps)] == [FEATURES.tolist()] * 2
