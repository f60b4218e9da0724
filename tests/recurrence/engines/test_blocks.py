"""Blocks of time steps, on walks small enough to count."""

import torch

from seqtrain.recurrence.engines.blocks import BACKWARD_BLOCK, FORWARD_BLOCK, backward_blocks, forward_blocks
from seqtrain.recurrence.walk import MAX_VIEWED_STEPS, PackedWalk

WALK = PackedWalk([3, 3, 2, 1], torch.device("cpu"))  # nine rows


def test_a_small_batch_is_one_block() -> None:
    assert [*forward_blocks(WALK, width=1)] == [*backward_blocks(WALK, width=1)] == [(0, 4)]


def test_blocks_hold_at_most_so_many_numbers() -> None:
    # five rows fit
    assert [*forward_blocks(WALK, FORWARD_BLOCK // 5)] == [(0, 1), (1, 3), (3, 4)]
    assert [*backward_blocks(WALK, BACKWARD_BLOCK // 5)] == [(2, 4), (1, 2), (0, 1)]


def test_a_step_larger_than_a_block_is_a_block_of_its_own() -> None:
    assert [*forward_blocks(WALK, 2 * FORWARD_BLOCK)] == [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert [*backward_blocks(WALK, 2 * BACKWARD_BLOCK)] == [(3, 4), (2, 3), (1, 2), (0, 1)]


def test_long_sequences_go_back_in_blocks_of_so_many_steps() -> None:
    walk = PackedWalk([1] * (MAX_VIEWED_STEPS + 2), torch.device("cpu"))
    assert [*backward_blocks(walk, width=1)] == [(2, MAX_VIEWED_STEPS + 2), (0, 2)]
