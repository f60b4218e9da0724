"""Where the data that is part of this project lies, in a clone and in an installed wheel."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2]


def sample_dir(name: str) -> Path | None:
    """The folder of a sample, or None where the project has none of this name."""
    # The wheel's place first: what lies beside an installed package may belong to somebody else.
    places = (PACKAGE / "samples" / name, PACKAGE.parent / "data" / "samples" / name)
    return next((place for place in places if place.is_dir()), None)
