"""What lies in TensorBoard's event files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

EVERYTHING = {"scalars": 0, "histograms": 0, "images": 0, "tensors": 0}


def read_scalars(folder: Path) -> dict[str, dict[int, float]]:
    """Value by step by tag of the event files that lie in the folder itself."""
    events = _accumulate(folder)
    return {tag: {e.step: e.value for e in events.Scalars(tag)} for tag in events.Tags()["scalars"]}


def read_histograms(folder: Path) -> dict[str, dict[int, Any]]:
    events = _accumulate(folder)
    return {
        tag: {e.step: e.histogram_value for e in events.Histograms(tag)}
        for tag in events.Tags()["histograms"]
    }


def read_images(folder: Path) -> dict[str, list[int]]:
    """Steps by tag."""
    events = _accumulate(folder)
    return {tag: [e.step for e in events.Images(tag)] for tag in events.Tags()["images"]}


def read_texts(folder: Path) -> dict[str, dict[int, str]]:
    """Markdown by step by tag."""
    events = _accumulate(folder)
    suffix = "/text_summary"
    return {
        tag.removesuffix(suffix): {e.step: e.tensor_proto.string_val[0].decode() for e in events.Tensors(tag)}
        for tag in events.Tags()["tensors"]
        if tag.endswith(suffix)
    }


def _accumulate(folder: Path) -> EventAccumulator:
    events = EventAccumulator(str(folder), size_guidance=EVERYTHING)
    events.Reload()
    return events
