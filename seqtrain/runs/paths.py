"""Paths as a user would type them."""

from __future__ import annotations

from pathlib import Path

from seqtrain.errors import printable_line


def as_typed(path: str | Path) -> str:
    """A path relative to the current folder if it is below that folder, else unchanged; on one line."""
    path = Path(path)
    here = Path.cwd()
    is_below = path.is_absolute() and path.is_relative_to(here)
    return printable_line(path.relative_to(here) if is_below else path)
