"""A report as plain values, for JSON."""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from seqtrain.analysis.examine import ExaminedExample
from seqtrain.analysis.example import Array
from seqtrain.analysis.places import DIRECTIONS
from seqtrain.analysis.report import Report
from seqtrain.data import View
from seqtrain.spec import ImageInputs

Document = dict[str, Any]


def run_document(report: Report) -> Document:
    """What is said of the run and its sample as a whole."""
    num_layers, num_directions, _, num_units = report.examples[0].parts["h"].shape
    return {
        "name": report.name,
        "facts": [list(fact) for fact in report.facts],
        "metrics": report.metrics,
        "targets": list(report.names),
        "perStep": report.spec.targets.per_step,
        "layers": num_layers,
        "directions": list(DIRECTIONS[:num_directions]),
        "units": num_units,
        "parts": list(report.parts),
        "gates": [asdict(gate) for gate in report.examples[0].gates],
        "view": _view(report),
        "selectivity": plain(report.selectivity, digits=3),
        "gradientThroughTime": plain(report.gradient_through_time, digits=None),
        "confusions": report.confusions,
        "curves": [
            {
                "tag": curve.tag,
                "split": curve.split,
                "steps": curve.steps,
                "values": plain(curve.values, digits=None, significant=6),
            }
            for curve in report.curves
        ],
    }


def example_document(example: ExaminedExample) -> Document:
    """One example without what its recurrence does."""
    return {
        "name": example.name,
        "words": example.words,
        "image": None if example.image is None else encode_image(example.image),
        "steps": example.num_steps,
        "targets": example.targets,
        "predictions": example.predictions,
        "confidences": [round(confidence, 4) for confidence in example.confidences],
    }


def example_documents(examples: Sequence[ExaminedExample], max_size: int) -> list[Document]:
    """Examples with their states, and as many of the first as fit into `max_size` bytes with everything.

    States ("h") are what is searched across the sample, so every example that is kept has them. Examples that
    do not fit even so are left out.
    """
    documents: list[Document] = []
    room = max_size
    for example in examples:
        document = example_document(example) | {"h": encode_parts([example.parts["h"]])}
        room -= len(json.dumps(document, ensure_ascii=False).encode())
        if room < 0 and documents:
            break
        documents.append(document)
    for example, document in zip(examples, documents, strict=False):
        details = {"details": encode_parts([part for name, part in example.parts.items() if name != "h"])}
        if example.reach is not None:
            details["reach"] = encode_parts([example.reach])
        room -= sum(map(len, details.values()))
        if room < 0:
            break
        document |= details
    return documents


def plain(values: Any, digits: int | None = 6, significant: int = 4) -> Any:
    """Nested lists of numbers, rounded to `digits` decimals, or to `significant` digits where those are None;
    None for what is not finite, which JSON cannot represent."""
    if isinstance(values, np.ndarray):
        return plain(values.tolist(), digits, significant)
    if isinstance(values, (list, tuple)):
        return [plain(value, digits, significant) for value in values]
    if not math.isfinite(values):
        return None
    return round(values, digits) if digits is not None else float(f"{values:.{significant}g}")


def _view(report: Report) -> Document | None:
    inputs = report.spec.inputs
    if not isinstance(inputs, ImageInputs):
        return None
    view = View.of(inputs)
    return {"name": view.name, "height": view.height, "width": view.width, "pixels": view.pixels_of_steps}


def encode_parts(parts: Sequence[Array]) -> str:
    """Parts of one example, (layers, directions, time, hidden) each, in eight bits a value.

    The values of one step in one layer and direction share a scale, their largest magnitude over 127, so that
    small gradients keep their precision however far they are from the largest.

    The bytes are all scales as little-endian float32, (parts, layers, directions, time), then all values as
    int8, with hidden last; compressed by zlib ("deflate" in a browser), in base64.
    """
    values = np.stack(parts)
    scales = (np.abs(values).max(axis=-1) / 127).astype("<f4")
    safe = np.where(scales > 0, scales, 1)
    small = np.rint(values / safe[..., None]).clip(-127, 127).astype(np.int8)
    return base64.b64encode(zlib.compress(scales.tobytes() + small.tobytes(), 9)).decode()


def encode_image(image: Array) -> str:
    """Pixels from 0 to 1 as bytes, in base64."""
    return base64.b64encode(np.rint(image * 255).astype(np.uint8).tobytes()).decode()
