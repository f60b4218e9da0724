from __future__ import annotations

from pathlib import Path

import pytest
from made_up_runs import flat_config

from seqtrain.config import ConfigError
from seqtrain.runs.report.collect import Run
from seqtrain.runs.report.filters import filter_runs

RUNS = [
    Run(
        Path(f"{name}{size}"),
        flat_config(model___target_=f"torch.nn.{name}", model__hidden_size=size),
        {},
        "done",
    )
    for name in ("LSTM", "GRU")
    for size in (32, 64)
]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("model=lstm", ["LSTM32", "LSTM64"]),
        ("model!=lstm", ["GRU32", "GRU64"]),
        ("hidden_size>=64,model=GRU", ["GRU64"]),
        ("model.hidden_size<64", ["LSTM32", "GRU32"]),
        ("hidden_size=32.0", ["LSTM32", "GRU32"]),
        ("bidirectional=false,hidden_size=64", ["LSTM64", "GRU64"]),
        ("model=rnn", []),
    ],
)
def test_runs_that_meet_all_conditions(where: str, expected: list[str]) -> None:
    assert [run.path.name for run in filter_runs(RUNS, where)] == expected


def test_what_cannot_be_read_is_refused() -> None:
    with pytest.raises(ConfigError, match="where: got 'model', expected KEY=VALUE"):
        filter_runs(RUNS, "model")
    with pytest.raises(
        ConfigError, match="where: no run has the configuration key 'modle'; did you mean model"
    ):
        filter_runs(RUNS, "modle=lstm")
