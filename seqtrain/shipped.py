"""Where the files that come with the package are, in a clone and in an installed wheel."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def shipped_folder(in_wheel: str, in_clone: str) -> Path:
    """The folder `in_wheel` of the installed package, or `in_clone` of the repository."""
    # The wheel's folder first: files beside an installed package may belong to another one.
    inside = PACKAGE / in_wheel
    return inside if inside.is_dir() else PACKAGE.parent / in_clone


CONFIG_DIR = shipped_folder("configs", "configs")
SAMPLES = shipped_folder("samples", "data/samples")
