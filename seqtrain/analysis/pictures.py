"""A report as a folder of pictures and numbers, for papers and for other programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from seqtrain.analysis.figures.canvas import WIDTH, save
from seqtrain.analysis.figures.forecasts import draw_forecasts
from seqtrain.analysis.figures.run import draw_confusions, draw_curves, draw_gradients, draw_units
from seqtrain.analysis.figures.sequence import STEP, Unit, draw_states, draw_unit
from seqtrain.analysis.page import example_document, run_document
from seqtrain.analysis.report import Report
from seqtrain.analysis.sample import spread_evenly
from seqtrain.runs.files import atomic_write, write_text

MOST_WINDOWS = 6


def write_pictures(report: Report, folder: Path) -> list[Path]:
    """Write PNG files, run.json, examples.json, and the states themselves in states.npz.

    states.npz holds each state and gate by name, (layers, directions, steps of all examples, hidden) float16,
    and `lengths`, the steps of each example.

    Returns:
        The files, in alphabetical order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "run.json", json.dumps(run_document(report), indent=1) + "\n")
    examples = [example_document(example) for example in report.examples]
    write_text(folder / "examples.json", json.dumps(examples, indent=1, ensure_ascii=False) + "\n")
    _write_states(report, folder / "states.npz")
    for name, figure in draw_report(report).items():
        save(figure, folder / f"{name}.png")
    return sorted(folder.iterdir())


def draw_report(report: Report) -> dict[str, Figure]:
    """The figures by name, those of the first example around the unit that tells a target best."""
    example, unit = report.examples[0], best_unit(report)
    width = max(WIDTH, STEP * example.num_steps)
    figures = {
        "states": draw_states(example, unit[0], width),
        "gates": draw_unit(example, unit, width),
    }
    if report.selectivity.size:
        figures["units"] = draw_units(report.selectivity, report.names)
    if report.gradient_through_time:
        figures["gradient_through_time"] = draw_gradients(report.gradient_through_time)
    if report.curves:
        figures["curves"] = draw_curves(report.curves, report.name)
    windows = [window for each in report.examples for window in each.windows]
    if windows:
        shown = spread_evenly(range(len(windows)), MOST_WINDOWS)
        figures["forecasts"] = draw_forecasts([windows[index] for index in shown])
    if report.confusions is not None:
        counts = torch.tensor(report.confusions)
        figures["confusions"] = draw_confusions(counts, report.names, "confusions on the test data")
    return figures


def best_unit(report: Report) -> Unit:
    """The unit with the highest selectivity for any target; the first one if none are told apart."""
    if report.selectivity.size == 0:
        return 0, 0, 0
    strength = np.nan_to_num(np.abs(report.selectivity - 0.5), nan=-1.0).max(axis=-1)
    layer, direction, number = np.unravel_index(strength.argmax(), strength.shape)
    return int(layer), int(direction), int(number)


def _write_states(report: Report, path: Path) -> None:
    joined: dict[str, Any] = {
        name: np.concatenate([each.signals[name] for each in report.examples], axis=2).astype(np.float16)
        for name in report.signals
    }
    with atomic_write(path) as file:
        np.savez_compressed(file, lengths=[each.num_steps for each in report.examples], **joined)
