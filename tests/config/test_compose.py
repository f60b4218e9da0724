import pytest

from seqtrain.config import ConfigError, compose_config


def test_no_override_is_the_lstm_on_digits():
    cfg = compose_config()
    assert cfg.model._target_ == "torch.nn.LSTM"
    assert cfg.run_dir.startswith("runs/digits/lstm/")


def test_all_problems_are_reported_together():
    with pytest.raises(ConfigError) as caught:
        compose_config(["model.hiden_size=3", "model.dropout=1.5"])
    assert str(caught.value) == (
        "seqtrain: the configuration was refused (2 problems); nothing was run or written.\n"
        "  model.dropout: got 1.5, expected a number from 0 to 1\n"
        "  model.hiden_size: no such key in torch.nn.LSTM; did you mean model.hidden_size?"
    )
