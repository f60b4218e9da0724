"""What happens in a recurrence: from a trace to statistics to figures, for TensorBoard and `inspect`."""

from __future__ import annotations

DIRECTIONS = ("forward", "backward")


def name_direction(layer: int, direction: int) -> str:
    """`layer0/forward` for layer 0 and direction 0, as in tags."""
    return f"layer{layer}/{DIRECTIONS[direction]}"


def name_members(num_members: int) -> list[str]:
    """The prefix of each member's tags: `member0/`, `member1/`, ...; none for a single network."""
    return [""] if num_members == 1 else [f"member{number}/" for number in range(num_members)]
