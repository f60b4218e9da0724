"""The benchmark's rows on one thread, with any time at all, and its measurement of memory."""

import pytest
from benchmarks.inference import LONG, VARIANTS, build, measure_peak, measure_row, print_inference
from torch import nn

from seqtrain.model import BiLSTM


def test_a_row_has_times_and_ratios() -> None:
    row = measure_row("GRU", "one sentence T=20", 100, 100, seconds=0)
    assert set(row) == {"torch_ms", "ours_ms", "ratio", "spread", "training"}
    assert 0.01 < row["ours_ms"] < 1000
    assert row["ratio"] == pytest.approx(row["ours_ms"] / row["torch_ms"], rel=0.9)


@pytest.mark.parametrize("cell", VARIANTS)
def test_cells_that_torch_does_not_have_are_compared_with_its_lstm(cell: str) -> None:
    assert type(build(cell, True, 3, 4)) is nn.LSTM
    ours = build(cell, False, 3, 4)
    assert isinstance(ours, BiLSTM)
    assert ours.cell == cell


def test_rows_are_selected_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert print_inference(0, "no such row") == []
    assert capsys.readouterr().out.count("\n") == 3, "a blank line and the head of the table"


def test_training_a_long_sequence_raises_the_peak() -> None:
    """In a process of its own: that of the tests may have had a higher peak before."""
    half_of_its_gates = LONG * 2 * 4 * 128 * 4 / 2**20 / 2
    assert measure_peak("LSTM", "training", "ours") > half_of_its_gates
