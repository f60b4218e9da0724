"""A report as plain values for JSON, and as one HTML file: everything in it, nothing fetched.

The charts are made by Observable Plot on top of D3 (both under the ISC licence), whose minified files are in
page/vendor/: half a megabyte together, against 4.6 for Plotly and 0.8 for Vega-Lite, which also compiles its
expressions with eval and so needs a laxer security policy. Text, digits and lists are plain HTML.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import zlib
from collections.abc import Sequence
from dataclasses import asdict
from importlib.resources import files
from string import Template
from typing import Any

import numpy as np
from torch import Tensor

from seqtrain.analysis.examine import ExaminedExample
from seqtrain.analysis.figures.forecasts import SeriesWindow
from seqtrain.analysis.passage import Passage
from seqtrain.analysis.report import Report
from seqtrain.analysis.sample import Array
from seqtrain.data import View
from seqtrain.recurrence.trace import DIRECTIONS, name_direction
from seqtrain.spec import DataSpec, ImageInputs, Numbers, TokenInputs

Document = dict[str, Any]

MAX_SIZE = 7_800_000  # bytes of the whole file

VENDOR = ("d3.min.js", "plot.umd.min.js")
SCRIPTS = (
    "dom.js",
    "data.js",
    "state.js",
    "colour.js",
    "sequence.js",
    "charts.js",
    "maps.js",
    "units.js",
    "example.js",
    "matching.js",
    "patterns.js",
    "text.js",
    "run.js",
    "main.js",
)


def render_page(report: Report) -> tuple[str, int]:
    """The HTML, and how many of the report's examples fit into it."""
    scripts = [_read(f"vendor/{name}") for name in VENDOR]
    scripts.append('"use strict";\n(() => {\n' + "\n".join(map(_read, SCRIPTS)) + "\n})();")
    run = _to_json(run_document(report))
    style = _read("page.css")
    room = MAX_SIZE - sum(len(each.encode()) for each in (*scripts, run, style))
    passage = None if report.passage is None else passage_document(report.passage, report.spec)
    room -= len(_to_json(passage).encode())
    examples = example_documents(report.examples, room)
    page = Template(_read("page.html")).substitute(
        title=html.escape(f"{report.name}: inside the recurrence"),
        policy=_policy(scripts),
        style=style,
        run=run,
        examples=_to_json({"given": len(report.examples), "examples": examples, "passage": passage}),
        scripts="\n".join(f"<script>{script}</script>" for script in scripts),
    )
    return page, len(examples)


def _policy(scripts: list[str]) -> str:
    """A Content-Security-Policy: these scripts run and no others, and nothing is fetched from anywhere."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{each}'" for each in hashes)
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:"


def _to_json(value: Any) -> str:
    """JSON that cannot end the script element it stands in, whatever strings the data holds."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _read(name: str) -> str:
    return (files("seqtrain.analysis") / "page" / name).read_text(encoding="utf-8")


def run_document(report: Report) -> Document:
    """What the page says of the run and its sample as a whole."""
    num_layers, num_directions, _, num_units = report.examples[0].signals["h"].shape
    return {
        "name": report.name,
        "facts": [list(fact) for fact in report.facts],
        "metrics": report.metrics,
        "targets": list(report.names),
        "areNumbers": isinstance(report.spec.targets, Numbers),
        "perStep": report.spec.targets.per_step,
        "layers": num_layers,
        "directions": list(DIRECTIONS[:num_directions]),
        "units": num_units,
        "signals": list(report.signals),
        "gates": [asdict(gate) for gate in report.examples[0].gates],
        "view": _view(report),
        "selectivity": plain(report.selectivity, significant=3),
        "gradientThroughTime": [
            [
                plain(report.gradient_through_time.get(name_direction(layer, direction), []))
                for direction in range(num_directions)
            ]
            for layer in range(num_layers)
        ],
        "confusions": report.confusions,
        "curves": [
            {
                "tag": curve.tag,
                "split": curve.split,
                "steps": curve.steps,
                "values": plain(curve.values, significant=6),
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
        "weights": plain(example.weights),
        "series": [_window_document(window) for window in example.windows],
    }


def _window_document(window: SeriesWindow) -> Document:
    """One series of a window; `low` and `high` are the outermost quantiles, where there are any."""
    values = {"seen": window.seen, "forecast": window.forecast}
    if window.truth is not None:
        values["truth"] = window.truth
    if window.quantiles:
        values |= {
            name: window.quantiles[pick(window.quantiles)] for name, pick in (("low", min), ("high", max))
        }
    return {"name": window.name} | {name: plain(each, significant=5) for name, each in values.items()}


def example_documents(examples: Sequence[ExaminedExample], max_size: int) -> list[Document]:
    """Examples with their states, and as many of the first as fit into `max_size` bytes with everything.

    States ("h") are what is searched across the sample, so every example that is kept has them. Examples that
    do not fit even so are left out.
    """
    documents: list[Document] = []
    room = max_size
    for example in examples:
        document = example_document(example) | {"h": encode_signals([example.signals["h"]])}
        room -= len(json.dumps(document, ensure_ascii=False).encode())
        if room < 0 and documents:
            break
        documents.append(document)
    for example, document in zip(examples, documents, strict=False):
        details = {"details": encode_signals([each for name, each in example.signals.items() if name != "h"])}
        if example.reach is not None:
            details["reach"] = encode_signals([example.reach])
        room -= sum(map(len, details.values()))
        if room < 0:
            break
        document |= details
    return documents


def passage_document(passage: Passage, spec: DataSpec) -> Document:
    """A passage of text with what a language model makes of it."""
    assert isinstance(spec.inputs, TokenInputs)
    return {
        "unit": spec.inputs.unit,
        "tokens": passage.tokens,
        "nats": plain(passage.nats),
        "expected": passage.expected,
        "h": encode_signals([passage.h]),
    }


def plain(values: Any, significant: int = 4) -> Any:
    """Nested lists of numbers with `significant` digits; None for what is not finite, since JSON lacks it."""
    if isinstance(values, (np.ndarray, Tensor)):
        values = values.tolist()
    if isinstance(values, (list, tuple)):
        return [plain(value, significant) for value in values]
    return float(f"{values:.{significant}g}") if math.isfinite(values) else None


def _view(report: Report) -> Document | None:
    inputs = report.spec.inputs
    if not isinstance(inputs, ImageInputs):
        return None
    view = View.of(inputs)
    return {"name": view.name, "height": view.height, "width": view.width, "pixels": view.pixels_of_steps}


def encode_signals(signals: Sequence[Array]) -> str:
    """Signals of one example, (layers, directions, time, hidden) each, in eight bits per value.

    The values of one step in one layer and direction share a scale, their largest magnitude over 127, so that
    small gradients keep their precision however far they are from the largest.

    The bytes are all scales as little-endian float32, (signals, layers, directions, time), then all values as
    int8, with hidden last; compressed by zlib ("deflate" in a browser), in base64.
    """
    values = np.stack(signals)
    scales = (np.abs(values).max(axis=-1) / 127).astype("<f4")
    safe = np.where(scales > 0, scales, 1)
    small = np.rint(values / safe[..., None]).clip(-127, 127).astype(np.int8)
    return base64.b64encode(zlib.compress(scales.tobytes() + small.tobytes(), 9)).decode()


def encode_image(image: Array) -> str:
    """Pixels from 0 to 1 as bytes, in base64."""
    return base64.b64encode(np.rint(image * 255).astype(np.uint8).tobytes()).decode()
