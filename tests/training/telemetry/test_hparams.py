from seqtrain.training.telemetry.hparams import COLUMNS, final_metrics, read_hyperparameters

CONFIGURATION = {
    "data": {"_target_": "seqtrain.data.Digits", "batch_size": 32},
    "model": {"_target_": "seqtrain.model.BiLSTM", "hidden_size": 64, "cell": "gru", "bidirectional": True},
    "optimizer": {"_target_": "torch.optim.AdamW", "lr": 0.003},
    "initialization": {"forget_bias": None},
    "seed": 1,
}


def test_every_run_has_all_columns_in_one_order() -> None:
    columns = read_hyperparameters(CONFIGURATION)
    assert len(columns) == len(read_hyperparameters({})) == len(COLUMNS)
    assert list(columns) == sorted(columns)


def test_values_and_names_of_classes() -> None:
    columns = read_hyperparameters(CONFIGURATION)
    assert columns["01 data"] == "Digits"
    assert columns["02 model"] == "BiLSTM (gru)"
    assert columns["03 seed"] == 1
    assert columns["04 model.hidden_size"] == 64
    assert columns["05 optimizer.lr"] == 0.003
    assert columns["07 model.bidirectional"] == "true"
    assert columns["13 initialization.forget_bias"] == ""


def test_metrics_are_those_of_the_chosen_checkpoint() -> None:
    metrics = {"val/accuracy": 0.9, "test/accuracy": 0.8, "test/f1/NOUN": 0.7, "seconds": 3.0}
    assert final_metrics(metrics) == {"test/accuracy": 0.8, "final/val/accuracy": 0.9}
