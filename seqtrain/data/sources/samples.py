"""The sample data sets that come with the package."""

from __future__ import annotations

from pathlib import Path

from seqtrain.shipped import shipped_folder


def sample_dir(name: str) -> Path | None:
    """The folder of a sample, or None if there is no sample of this name."""
    folder = shipped_folder("samples", "data/samples") / name
    return folder if folder.is_dir() else None
