from __future__ import annotations

import re
from pathlib import Path

from event_files import read_scalars

from seqtrain.runs.folder import RunFolder
from seqtrain.telemetry.layout import build_layout
from seqtrain.training.train import train


def test_every_chart_has_curves_in_a_run(compose) -> None:
    cfg = compose("model=bilstm")
    train(cfg, RunFolder(cfg.run_dir))
    tags = {tag for part in ("", "validation") for tag in read_scalars(Path(cfg.run_dir) / part)}
    for charts in build_layout(num_layers=1, num_directions=2).values():
        for title, (kind, patterns) in charts.items():
            found = [[tag for tag in tags if re.fullmatch(pattern, tag)] for pattern in patterns]
            assert all(found), title
            if kind == "Multiline" and title.startswith("h_n"):
                assert len(found[0]) == 2, title  # forward beside backward


def test_a_group_for_each_layer() -> None:
    layout = build_layout(num_layers=3, num_directions=1)
    assert list(layout) == ["training", "layer 0", "layer 1", "layer 2"]
    kind, tags = layout["layer 2"]["h_n: mean between minimum and maximum, forward"]
    assert (kind, tags) == ("Margin", [f"h_n/layer2/forward/{name}" for name in ("mean", "min", "max")])
