"""TensorBoard's Custom Scalars: charts that are read together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import pytorch_lightning as pl

from seqtrain.analysis.gradients import has_loss_at_one_step
from seqtrain.analysis.places import DIRECTIONS, name_place
from seqtrain.analysis.sample import traced_module
from seqtrain.recurrence.cells import Cell
from seqtrain.recurrence.trace import find_cell
from seqtrain.training.telemetry.steps import members_of
from seqtrain.training.telemetry.weights import tag_of

Layout: TypeAlias = dict[str, dict[str, tuple[str, list[str]]]]  # charts by group: kind and tags

TRAINING = {
    "loss": "at a glance/1 loss",
    "metric": "at a glance/2 .*",
    "learning rate": "at a glance/3 .*",
    "gradient norm": "at a glance/4 .*",
}
STATES = {
    "h_n: norm": "h_n/{}/norm",
    "h_n: saturation": "h_n/{}/saturation",
    "h_n: dead units": "h_n/{}/dead",
    "h_n: effective rank": "h_n/{}/effective_rank",
}
RATIO = {"gradient through time: first fifth to last": "gradients/{}/ratio"}
REACH = {"gradient through time: reach, in steps": "gradients/{}/reach"}


def build_layout(
    num_layers: int,
    num_directions: int,
    cell: Cell | None,
    members: Sequence[str] = ("",),
    has_reach: bool = True,
) -> Layout:
    """A group for the training, and one for each layer with forward beside backward.

    The tags of a Multiline chart are regular expressions; a Margin chart has a line with a band: its tags are
    those of the line, the lower and the upper bound.

    Args:
        num_layers: of the backbone.
        num_directions: 1 or 2.
        cell: None for a backbone that cannot be traced.
        members: the prefix of the tags of each network.
        has_reach: whether the reach of the gradient is measured, see `seqtrain.analysis.gradients`.
    """
    layout = {"training": _draw_lines(TRAINING)}
    for layer in range(num_layers):
        charts = dict(STATES)
        if cell is not None:
            charts |= _name_gates(cell) | RATIO | (REACH if has_reach else {}) | _name_update(cell)
        place = rf"(member\d+/)?layer{layer}/[a-z]+"
        layout[f"layer {layer}"] = {
            **_draw_lines({title: tag.format(place) for title, tag in charts.items()}),
            **_draw_bands(layer, num_directions, members),
        }
    return layout


def _name_gates(cell: Cell) -> dict[str, str]:
    """A chart for each gate: all lines of a run have one colour, and of several gates none could be told."""
    names = [gate.name for gate in cell.gates if gate.kind == "sigmoid"]
    charts = {f"{name} gate: mean": f"gates/{{}}/{name}/mean" for name in names}
    if cell.find_gate("keeps") or cell.find_gate("replaces"):
        charts["memory length, in steps: median"] = "gates/{}/memory/median"
    return charts


def _name_update(cell: Cell) -> dict[str, str]:
    """That of the recurrent matrix, or, in a cell without one, of its first matrix."""
    matrices = [name for name, shape in cell.shapes(1, 1, False).items() if len(shape) == 2]
    if not matrices:
        return {}
    tag = tag_of("weight_hh" if "weight_hh" in matrices else matrices[0])
    return {"weights: update relative to norm": f"weights/{{}}/{tag}(/[a-z_]+)?/update"}


def _draw_lines(charts: dict[str, str]) -> dict[str, tuple[str, list[str]]]:
    return {title: ("Multiline", [tags]) for title, tags in charts.items()}


def _draw_bands(layer: int, num_directions: int, members: Sequence[str]) -> dict[str, tuple[str, list[str]]]:
    charts: dict[str, tuple[str, list[str]]] = {}
    for member in members:
        for direction in range(num_directions):
            where = ", ".join(filter(None, (member.rstrip("/"), DIRECTIONS[direction])))
            place = f"h_n/{member}{name_place(layer, direction)}"
            tags = [f"{place}/{name}" for name in ("mean", "min", "max")]
            charts[f"h_n: mean between minimum and maximum, {where}"] = ("Margin", tags)
    return charts


def layout_of(pl_module: pl.LightningModule) -> Layout:
    """The layout that fits a learner's network."""
    members = members_of(pl_module)
    _, network = members[0]
    backbone: Any = network.backbone
    rnn = traced_module(network)
    return build_layout(
        num_layers=getattr(getattr(backbone, "rnn", backbone), "num_layers", 1),
        num_directions=getattr(backbone, "num_directions", 1),
        cell=None if rnn is None else find_cell(rnn),
        members=[member for member, _ in members],
        has_reach=has_loss_at_one_step(network),
    )
