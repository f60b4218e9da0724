from seqtrain.runs.table import metrics_table

METRICS = {"val/loss": 0.5, "val/f1/A": 1.0, "test/loss": 0.25, "test/extra": 2.0, "seconds": 1234}


def test_a_row_for_each_metric_and_a_column_for_each_split() -> None:
    assert metrics_table(METRICS).splitlines() == [
        "             val     test",
        "loss      0.5000   0.2500",
        "f1/A      1.0000",
        "extra              2.0000",
        "seconds    1,234",
    ]


def test_classes_can_be_left_out() -> None:
    assert "f1/A" not in metrics_table(METRICS, per_class=False)
