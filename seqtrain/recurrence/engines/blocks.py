"""Blocks of time steps whose activations fit in a processor's cache."""

from collections.abc import Iterator

from seqtrain.recurrence.walk import PackedWalk

BLOCK = 1 << 18
"""Numbers in a block: a megabyte in float32."""


def backward_blocks(walk: PackedWalk, width: int) -> Iterator[tuple[int, int]]:
    """Ranges of steps, the last range first, of at most BLOCK numbers each at `width` numbers per row."""
    offsets = walk.offsets
    last = len(walk.batch_sizes)
    while last > 0:
        first = last - 1
        while first > 0 and (offsets[last] - offsets[first - 1]) * width <= BLOCK:
            first -= 1
        yield first, last
        last = first


def forward_blocks(walk: PackedWalk, width: int) -> Iterator[tuple[int, int]]:
    """The same, the first range first."""
    offsets = walk.offsets
    first, num_steps = 0, len(walk.batch_sizes)
    while first < num_steps:
        last = first + 1
        while last < num_steps and (offsets[last + 1] - offsets[first]) * width <= BLOCK:
            last += 1
        yield first, last
        first = last
