"""Paths as a user would type them."""

from __future__ import annotations

from pathlib import Path


def as_typed(path: str | Path) -> str:
    """A path relative to the current folder if it lies in there, else as it is."""
    path = Path(path)
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_absolute() and path.is_relative_to(here) else str(path)
