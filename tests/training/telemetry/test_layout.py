from __future__ import annotations

import re
from pathlib import Path

import pytest
from event_files import read_scalars

from seqtrain.recurrence import CELLS
from seqtrain.runs.folder import RunFolder
from seqtrain.training.telemetry import layout, training_curves
from seqtrain.training.telemetry.layout import build_layout
from seqtrain.training.train import train

OPTIONS = [["model=bilstm"], ["model=rnn", "head.pooling=mean"], ["model=gru", "members=2"]]


@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
def test_every_chart_has_curves_in_a_run(compose, monkeypatch, options: list[str]) -> None:
    written: list[layout.Layout] = []
    monkeypatch.setattr(
        training_curves, "layout_of", lambda module: written.append(layout.layout_of(module)) or written[-1]
    )
    cfg = compose(*options)
    train(cfg, RunFolder(cfg.run_dir))
    tags = {tag for part in ("", "validation") for tag in read_scalars(Path(cfg.run_dir) / part)}
    num_lines = 2 if options[0] == "model=bilstm" or "members=2" in options else 1
    for charts in written[0].values():
        for title, (kind, patterns) in charts.items():
            found = [[tag for tag in tags if re.fullmatch(pattern, tag)] for pattern in patterns]
            assert all(found), title
            if kind == "Multiline" and title.startswith(("h_n", "forget gate", "memory length")):
                assert len(found[0]) == num_lines, title  # forward beside backward, member beside member


def test_a_group_for_each_layer() -> None:
    charts = build_layout(num_layers=3, num_directions=1, cell=CELLS["lstm"])
    assert list(charts) == ["training", "layer 0", "layer 1", "layer 2"]
    kind, tags = charts["layer 2"]["h_n: mean between minimum and maximum, forward"]
    assert (kind, tags) == ("Margin", [f"h_n/layer2/forward/{name}" for name in ("mean", "min", "max")])


def test_a_chart_for_each_gate_between_0_and_1() -> None:
    charts = build_layout(num_layers=1, num_directions=1, cell=CELLS["lstm"])["layer 0"]
    assert [title for title in charts if "gate:" in title] == [
        "input gate: mean",
        "forget gate: mean",
        "output gate: mean",
    ]


def test_a_band_for_each_member() -> None:
    charts = build_layout(1, num_directions=2, cell=CELLS["rnn_tanh"], members=("member0/", "member1/"))[
        "layer 0"
    ]
    titles = [title.rpartition("maximum, ")[2] for title in charts if "maximum" in title]
    assert titles == [f"member{number}, {name}" for number in (0, 1) for name in ("forward", "backward")]
    _, tags = charts["h_n: mean between minimum and maximum, member1, backward"]
    assert tags[0] == "h_n/member1/layer0/backward/mean"


def test_a_backbone_of_its_own_kind_has_states_alone() -> None:
    charts = build_layout(num_layers=1, num_directions=1, cell=None)["layer 0"]
    assert all(title.startswith("h_n: ") for title in charts)
