import torch

from seqtrain.recurrence.packed_rows import PackedRows

FEATURES = torch.tensor([[[1.0], [2.0], [0.0]], [[3.0], [4.0], [5.0]]])
LENGTHS = torch.tensor([2, 3])


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
