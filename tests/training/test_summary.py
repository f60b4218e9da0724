from __future__ import annotations

from seqtrain.training.summary import metrics_table


def test_a_row_a_metric_and_a_column_a_split() -> None:
    metrics = {
        "val/loss": 0.25,
        "val/accuracy": 0.5,
        "test/loss": 12.0,
        "test/accuracy": 1.0,
        "test/f1/NOUN": 1 / 3,
        "parameters": 1234567,
        "epochs": 3,
        "seconds": 61.5,
        "words_per_second": 4321,
    }
    assert metrics_table(metrics).splitlines() == [
        "                      val     test",
        "loss               0.2500  12.0000",
        "accuracy           0.5000   1.0000",
        "f1/NOUN                     0.3333",
        "parameters       1,234,567",
        "epochs                  3",
        "seconds              61.5",
        "words_per_second    4,321",
    ]


def test_one_split_alone() -> None:
    assert metrics_table({"test/accuracy": 0.5}).splitlines() == [
        "             test",
        "accuracy   0.5000",
    ]
