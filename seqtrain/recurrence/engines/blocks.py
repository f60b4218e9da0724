"""Blocks of time steps whose activations fit in a processor's cache."""

from collections.abc import Iterator

from seqtrain.recurrence.walk import MAX_VIEWED_STEPS, PackedWalk

BACKWARD_BLOCK = 1 << 18
"""Numbers in a block of the backward pass: a megabyte in float32."""
FORWARD_BLOCK = 1 << 19
"""Numbers in a block without gradients: wide enough for the projection to run at full speed."""


def backward_blocks(walk: PackedWalk, width: int) -> Iterator[tuple[int, int]]:
    """Ranges of at most MAX_VIEWED_STEPS steps and BACKWARD_BLOCK numbers each, the last first.

    `width` is how many numbers a row holds.
    """
    offsets = walk.offsets
    last = len(walk.batch_sizes)
    while last > 0:
        first = last - 1
        least = max(last - MAX_VIEWED_STEPS, 0)
        while first > least and (offsets[last] - offsets[first - 1]) * width <= BACKWARD_BLOCK:
            first -= 1
        yield first, last
        last = first


def forward_blocks(walk: PackedWalk, width: int) -> Iterator[tuple[int, int]]:
    """Ranges of steps, the first range first, of at most FORWARD_BLOCK numbers each."""
    offsets = walk.offsets
    first, num_steps = 0, len(walk.batch_sizes)
    while first < num_steps:
        last = first + 1
        while last < num_steps and (offsets[last + 1] - offsets[first]) * width <= FORWARD_BLOCK:
            last += 1
        yield first, last
        first = last
