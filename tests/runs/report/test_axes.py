from __future__ import annotations

from pathlib import Path

import pytest
from made_up_runs import flat_config

from seqtrain.config import ConfigError
from seqtrain.runs.report.axes import filter_runs, find_axes, find_key, group_key, short_names, show_value
from seqtrain.runs.report.collect import Run

LSTM, BILSTM = "torch.nn.LSTM", "seqtrain.model.BiLSTM"


def test_keys_that_vary_are_axes_and_the_seed_is_not() -> None:
    configs = [flat_config(seed=seed, model__hidden_size=size) for seed in (0, 1) for size in (32, 64)]
    assert find_axes(configs) == ["model.hidden_size"]


def test_what_the_class_implies_is_no_axis() -> None:
    bilstm = flat_config(model___target_=BILSTM, model__bidirectional=True, model__cell="lstm")
    assert find_axes([flat_config(), bilstm]) == ["model._target_"]


def test_a_number_is_an_axis_although_it_differs_as_the_class_does() -> None:
    bilstm = flat_config(model___target_=BILSTM, model__bidirectional=True, model__hidden_size=32)
    assert find_axes([flat_config(), bilstm]) == ["model._target_", "model.hidden_size"]


def test_a_hidden_size_that_follows_from_the_number_of_parameters_is_no_axis() -> None:
    lstm, gru = (
        flat_config(parameters=70_000, model___target_=LSTM, model__hidden_size=s) for s in (126, 146)
    )
    assert find_axes([lstm, gru | {"model._target_": "torch.nn.GRU"}]) == ["model._target_"]
    assert find_axes([lstm, flat_config()]) == ["model.hidden_size", "parameters"]


def test_a_key_that_varies_within_a_class_is_an_axis() -> None:
    configs = [
        flat_config(model___target_=target, model__hidden_size=size)
        for target, size in ((LSTM, 32), (LSTM, 64), (BILSTM, 32))
    ]
    assert find_axes(configs) == ["model._target_", "model.hidden_size"]


def test_a_key_that_follows_another_is_left_out() -> None:
    configs = [flat_config(optimizer__lr=lr, schedule__max_lr=lr) for lr in (0.1, 0.2)]
    assert find_axes(configs) == ["optimizer.lr"]


def test_keys_that_differ_in_every_run_are_all_shown() -> None:
    """As in a search, where no two trials share a value of any key."""
    configs = [flat_config(model__hidden_size=size, optimizer__lr=size / 1000) for size in (32, 64, 96)]
    assert find_axes(configs) == ["model.hidden_size", "optimizer.lr"]


def test_runs_of_one_group_differ_in_their_seed_alone() -> None:
    assert group_key(flat_config(seed=1)) == group_key(flat_config(seed=2))
    assert group_key(flat_config(optimizer__lr=1.0)) != group_key(flat_config())


def test_names_of_columns() -> None:
    keys = ["model._target_", "model.hidden_size", "model.dropout", "head.dropout"]
    assert list(short_names(keys).values()) == ["model", "hidden_size", "model.dropout", "head.dropout"]


def test_values_of_cells() -> None:
    config = {"a._target_": "torch.nn.LSTM", "b": 0.001, "c": None, "d": "rows", "e": True}
    assert [show_value(config, key) for key in (*config, "f")] == [
        "LSTM",
        "0.001",
        "null",
        "rows",
        "true",
        "-",
    ]


def test_a_key_is_found_by_its_last_word() -> None:
    configs = [flat_config()]
    assert find_key("model", configs, "by") == "model._target_"
    assert find_key("hidden_size", configs, "by") == "model.hidden_size"
    assert find_key("optimizer.lr", configs, "by") == "optimizer.lr"


def test_of_keys_with_one_last_word_the_one_that_varies_is_meant() -> None:
    configs = [{"data.length": length, "callbacks.generated.length": 400} for length in (25, 50)]
    assert find_key("length", configs, "x") == "data.length"


def test_a_key_that_could_be_two_or_none_is_refused() -> None:
    configs = [{"model.dropout": 0.1, "head.dropout": 0.2}]
    with pytest.raises(
        ConfigError, match=r"by: dropout could be head.dropout or model.dropout; give the whole"
    ):
        find_key("dropout", configs, "by")
    with pytest.raises(
        ConfigError, match=r"by: no run has the configuration key 'model.dropuot'; did you mean"
    ):
        find_key("model.dropuot", configs, "by")


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
