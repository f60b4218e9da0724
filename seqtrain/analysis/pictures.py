"""A report as a folder of pictures and numbers, for papers and for other programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from seqtrain.analysis.arrays import Array
from seqtrain.analysis.document import example_document, run_document
from seqtrain.analysis.examine import Example
from seqtrain.analysis.figures.canvas import scale_decades
from seqtrain.analysis.report import DIRECTIONS, Report
from seqtrain.runs.files import write_text

BLUE_ORANGE = LinearSegmentedColormap.from_list("blue_orange", ["#3f8fd0", "#ffffff", "#f28a1e"])
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#444444")

Unit = tuple[int, int, int]  # layer, direction, number


def write_pictures(report: Report, folder: Path) -> list[Path]:
    """Write PNG files, run.json, examples.json, and the states themselves in states.npz.

    states.npz holds each part under its name, (layers, directions, steps of all examples, hidden) float16,
    and `lengths`, the steps of each example.

    Returns:
        The files, in alphabetical order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "run.json", json.dumps(run_document(report), indent=1) + "\n")
    examples = [example_document(example) for example in report.examples]
    write_text(folder / "examples.json", json.dumps(examples, indent=1, ensure_ascii=False) + "\n")
    _write_states(report, folder / "states.npz")
    unit = best_unit(report)
    figures = {
        "units": draw_units(report),
        "gradient_through_time": draw_gradient(report),
        "states": draw_states(report.examples[0], unit),
        "gates": draw_gates(report.examples[0], unit),
    }
    if report.curves:
        figures["curves"] = draw_curves(report)
    if report.confusions is not None:
        figures["confusions"] = draw_confusions(report)
    for name, figure in figures.items():
        figure.savefig(folder / f"{name}.png", dpi=120, bbox_inches="tight")
    return sorted(folder.iterdir())


def best_unit(report: Report) -> Unit:
    """The unit with the highest selectivity for any target; the first one if no targets are known."""
    strength = np.nan_to_num(np.abs(report.selectivity - 0.5), nan=-1.0).max(axis=-1)
    layer, direction, number = np.unravel_index(strength.argmax(), strength.shape)
    return int(layer), int(direction), int(number)


def draw_units(report: Report, num_bars: int = 20) -> Figure:
    """The units that tell a target best, with their areas under the curve."""
    areas = report.selectivity.reshape(-1, len(report.names))
    strength = np.nan_to_num(np.abs(areas - 0.5), nan=-1.0)
    best = np.argsort(-strength.max(axis=1), kind="stable")[:num_bars]
    figure, axes = _new_figure(6, 0.28 * len(best) + 0.8)
    targets = strength.argmax(axis=1)
    places = [np.unravel_index(unit, report.selectivity.shape[:3]) for unit in best]
    axes.barh(
        range(len(best)), [areas[unit, targets[unit]] - 0.5 for unit in best], left=0.5, color=COLOURS[0]
    )
    labels = [
        f"layer {layer} {DIRECTIONS[direction]} {number}: {report.names[targets[unit]]}"
        for unit, (layer, direction, number) in zip(best, places, strict=True)
    ]
    axes.set_yticks(range(len(best)), labels, parse_math=False)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="AUC", title="Units that tell a target from the others")
    return figure


def draw_gradient(report: Report) -> Figure:
    """The gradient through time, on a logarithmic scale; see `seqtrain.analysis.reach`."""
    figure, axes = _new_figure(6, 3.2)
    for layer, directions in enumerate(report.gradient_through_time):
        for direction, norms in enumerate(directions):
            style = "--" if direction else "-"
            label = f"layer {layer} {DIRECTIONS[direction]}"
            axes.plot(norms, style, color=COLOURS[layer % len(COLOURS)], label=label)
    means = report.gradient_through_time
    drawn = means[np.isfinite(means) & (means > 0)]
    scale_decades(axes, [float(drawn.min()), float(drawn.max())] if drawn.size else [])
    axes.set(
        xlabel="steps before L, the loss at the direction's last step",
        title="Gradient through time: mean norm of dL/dh",
    )
    axes.grid(alpha=0.3)
    axes.invert_xaxis()
    axes.legend()
    return figure


def draw_states(example: Example, unit: Unit) -> Figure:
    """All units of a layer and direction over the steps of one example."""
    layer, direction, _ = unit
    states = example.parts["h"][layer, direction].T
    limit = float(np.abs(states).max()) or 1.0
    figure, axes = _new_figure(max(5.0, 0.3 * example.num_steps), 5)
    image = axes.imshow(
        states, cmap=BLUE_ORANGE, vmin=-limit, vmax=limit, aspect="auto", interpolation="none"
    )
    figure.colorbar(image)
    axes.set(title=f"h of layer {layer}, {DIRECTIONS[direction]}: {example.name}", ylabel="unit")
    _label_steps(axes, example)
    return figure


def draw_gates(example: Example, unit: Unit) -> Figure:
    """States, gates and gradient of one unit over the steps of one example."""
    layer, direction, number = unit
    own = {name: part[layer, direction, :, number] for name, part in example.parts.items()}
    figure = Figure(figsize=(max(5.0, 0.3 * example.num_steps), 6), layout="constrained")
    states, gates, gradient = figure.subplots(3, 1, sharex=True)
    names = [gate.name for gate in example.gates]
    _draw_lines(states, {name: own[name] for name in own if name not in (*names, "gradient")})
    _draw_lines(gates, {name: own[name] for name in names})
    _draw_lines(gradient, {"dL/dh": own["gradient"]})
    states.set_title(f"unit {number} of layer {layer}, {DIRECTIONS[direction]}: {example.name}")
    _label_steps(gradient, example)
    return figure


def draw_curves(report: Report) -> Figure:
    """Loss and accuracy of the training and the validation, each in a panel of its own."""
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    figure.suptitle(report.name)
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for colour, split in zip(COLOURS, ("train", "val"), strict=False):
            for curve in report.curves:
                if curve.tag == f"{split}/{name}":
                    axes.plot(curve.steps, curve.values, color=colour, label=curve.tag, marker=".")
        axes.set(xlabel="optimizer step", title=name)
        if axes.lines:
            axes.legend()
    return figure


def draw_confusions(report: Report) -> Figure:
    """The confusion matrix of the test split, coloured by the share of each row."""
    counts = np.array(report.confusions)
    shares = counts / counts.sum(axis=1, keepdims=True).clip(min=1)
    size = 0.42 * len(counts) + 1.5
    figure, axes = _new_figure(size, size)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if shares[row, column] > 0.55 else "black"
            axes.text(column, row, str(count), ha="center", va="center", fontsize=7, color=colour)
    axes.set_xticks(range(len(counts)), report.names, rotation=60, parse_math=False)
    axes.set_yticks(range(len(counts)), report.names, parse_math=False)
    axes.set(xlabel="prediction", ylabel="target", title="Confusions on the test data")
    return figure


def _write_states(report: Report, path: Path) -> None:
    joined: dict[str, Any] = {
        name: np.concatenate([each.parts[name] for each in report.examples], axis=2).astype(np.float16)
        for name in report.parts
    }
    np.savez_compressed(path, lengths=[each.num_steps for each in report.examples], **joined)


def _new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def _draw_lines(axes: Axes, lines: dict[str, Array]) -> None:
    for colour, (name, values) in zip(COLOURS, lines.items(), strict=False):
        axes.plot(values, color=colour, label=name, marker=".")
    axes.axhline(0, color="#999", linewidth=0.8)
    if lines:
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1))


def _label_steps(axes: Axes, example: Example) -> None:
    if example.words is None:
        axes.set_xlabel("step, from 0")
    else:
        # Mathematical text is off: a dollar sign in a word is a dollar sign.
        axes.set_xticks(range(example.num_steps), example.words, rotation=45, ha="right", parse_math=False)
