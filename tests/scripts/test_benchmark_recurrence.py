"""The benchmark's lengths, batches and arithmetic; no times."""

from pathlib import Path

import pytest
from benchmarks.grid import Row, cpu_grid, ewt_lengths
from benchmarks.recurrence import format_row, measure_row, summarise
from benchmarks.timing import compare


def test_lengths_are_those_of_english_ewt() -> None:
    lengths = ewt_lengths()
    assert len(lengths) == 12_544
    assert sum(lengths) == 204_577


@pytest.mark.real_data
def test_lengths_are_counted_from_the_corpus(data_dir: Path) -> None:
    text = (data_dir / "ud_english_ewt" / "en_ewt-ud-train.conllu").read_text("utf-8")
    sentences = [sentence.splitlines() for sentence in text.split("\n\n") if sentence.strip()]
    words = [sum(line.split("\t")[0].isdigit() for line in lines) for lines in sentences]
    assert sorted(words) == ewt_lengths()


def test_grid_is_complete_and_always_the_same() -> None:
    rows = cpu_grid()
    assert rows == cpu_grid()
    assert len(rows) == 7 + 3 * 2 * 2
    for row in rows:
        for lengths in row.batches:
            assert list(lengths) == sorted(lengths, reverse=True)
            assert row.packed or len(set(lengths)) == 1
    spread = {row.name: sum(lengths[0] - lengths[-1] for lengths in row.batches) for row in rows}
    assert spread["packed bucketed B=32 I=100 H=100"] < spread["packed mixed B=32 I=100 H=100"] / 3


def test_operations_count_the_products_of_both_directions() -> None:
    row = Row("tiny", 3, 5, ((2, 1),), packed=True)
    one_word_one_direction = 2 * 4 * 5 * (3 + 5)
    assert row.operations == 3 * 3 * 2 * one_word_one_direction


def test_rounds_are_compared_one_by_one() -> None:
    ratio, spread = compare([1.0, 2.0, 30.0], [2.0, 4.0, 60.0])
    assert ratio == 0.5
    assert spread == 0.0


@pytest.mark.parametrize("packed", [True, False])
def test_a_row_is_measured_with_equal_results(packed: bool) -> None:
    lengths = (3, 2, 2) if packed else (3, 3, 3)
    result = measure_row(Row("packed tiny", 2, 3, (lengths,), packed), "auto", "cpu", seconds=0)
    assert set(result["milliseconds"]) == {"nn.LSTM", "ours", "LSTMCell"}
    assert format_row(result).startswith("| packed tiny | ")
    assert summarise([result])["packed, ours to nn.LSTM"] == pytest.approx(result["ratio"])
