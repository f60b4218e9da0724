"""TensorBoard's Custom Scalars: charts that are read together."""

from __future__ import annotations

from typing import Any, TypeAlias

import pytorch_lightning as pl

from seqtrain.telemetry.places import DIRECTIONS, name_place
from seqtrain.telemetry.sample import members_of

Layout: TypeAlias = dict[str, dict[str, tuple[str, list[str]]]]  # charts by group: kind and tags


def build_layout(num_layers: int, num_directions: int) -> Layout:
    """A group for the training, and one for each layer with forward beside backward.

    The tags of a Multiline chart are regular expressions; a Margin chart has a line with a band: its tags are
    those of the line, the lower and the upper bound.
    """
    layout: Layout = {
        "training": {
            "loss": ("Multiline", ["at a glance/1 loss"]),
            "metric": ("Multiline", ["at a glance/2 .*"]),
            "learning rate": ("Multiline", ["at a glance/3 .*"]),
            "gradient norm": ("Multiline", ["at a glance/4 .*"]),
        }
    }
    for layer in range(num_layers):
        layout[f"layer {layer}"] = _layer(layer, num_directions)
    return layout


def _layer(layer: int, num_directions: int) -> dict[str, tuple[str, list[str]]]:
    any_place = rf"(member\d+/)?layer{layer}/[a-z]+"
    charts = {
        "h_n: norm": rf"h_n/{any_place}/norm",
        "h_n: saturation": rf"h_n/{any_place}/saturation",
        "h_n: dead units": rf"h_n/{any_place}/dead",
        "h_n: effective rank": rf"h_n/{any_place}/effective_rank",
        "gates: mean": rf"gates/{any_place}/[a-z]+/mean",
        "gates: memory length": rf"gates/{any_place}/memory/median",
        "gradient through time: first fifth to last": rf"gradients/{any_place}/ratio",
        "weights: update relative to norm": rf"weights/{any_place}/W_hh(/[a-z]+)?/update",
    }
    layer_charts: dict[str, tuple[str, list[str]]] = {
        title: ("Multiline", [tags]) for title, tags in charts.items()
    }
    for direction in range(num_directions):
        place = f"h_n/{name_place(layer, direction)}"
        title = f"h_n: mean between minimum and maximum, {DIRECTIONS[direction]}"
        layer_charts[title] = ("Margin", [f"{place}/{name}" for name in ("mean", "min", "max")])
    return layer_charts


def layout_of(pl_module: pl.LightningModule) -> Layout:
    """The layout that fits a learner's network."""
    _, network = members_of(pl_module)[0]
    backbone: Any = network.backbone
    return build_layout(getattr(getattr(backbone, "rnn", backbone), "num_layers", 1), backbone.num_directions)
