from __future__ import annotations

from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from small_runs import load_learner

from seqtrain.config import ConfigError
from seqtrain.model import BiLSTM
from seqtrain.spec import DataSpec, SequenceClasses, VectorInputs
from seqtrain.training import TrainingCurves
from seqtrain.training.build import build_data, build_learner, build_trainer
from seqtrain.training.trainer import set_length

SPEC = DataSpec(VectorInputs(feature_size=8), SequenceClasses(tuple("0123456789")))


@pytest.mark.parametrize(
    ("overrides", "lengths"),
    [
        ("schedule=one_cycle", {"total_steps": 123}),
        ("schedule=cosine", {"T_max": 123}),
        ("schedule=cosine schedule.T_max=7", {"T_max": 7}),
        ("schedule=constant", {}),
    ],
)
def test_a_schedule_without_a_length_lasts_the_whole_training(compose, overrides: str, lengths: dict) -> None:
    learner = build_learner(compose(*overrides.split(), "optimizer=sgd"), SPEC)
    built = learner.build_schedule(learner.build_optimizer(learner.parameters()), 123)
    assert lengths.items() <= vars(built).items()


@pytest.mark.parametrize("num_steps", [1, 2, 9, 10, 11, 20])
def test_a_schedule_bears_short_trainings(compose, num_steps: int) -> None:
    learner = build_learner(compose("schedule=one_cycle"), SPEC)
    optimizer = learner.build_optimizer(learner.parameters())
    schedule = learner.build_schedule(optimizer, num_steps)
    rates = []
    for _ in range(num_steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert all(0 < rate <= 0.003 for rate in rates)


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
def test_the_optimizers_take_their_settings(compose, optimizer: str) -> None:
    cfg = compose(f"optimizer={optimizer}", "optimizer.lr=0.125", "optimizer.weight_decay=0.5")
    learner = build_learner(cfg, SPEC)
    built = learner.build_optimizer(learner.parameters())
    assert type(built).__name__.lower() == optimizer
    assert (built.defaults["lr"], built.defaults["weight_decay"]) == (0.125, 0.5)


def test_the_trainer_gets_its_callbacks_and_logger(compose, tmp_path: Path) -> None:
    trainer = build_trainer(compose())
    assert isinstance(trainer.logger, pl.loggers.TensorBoardLogger)
    assert Path(trainer.logger.log_dir) == tmp_path / "run"
    assert sum(isinstance(each, TrainingCurves) for each in trainer.callbacks) == 1
    assert (trainer.max_epochs, trainer.gradient_clip_val, trainer.precision) == (2, 1.0, "32-true")


@pytest.mark.parametrize(
    ("overrides", "epochs"),
    [
        ("data.epochs=5 data.min_steps=0", 5),
        ("data.epochs=5 data.min_steps=100", 34),  # 96 sentences make 3 batches
        ("data.epochs=40 data.min_steps=100", 40),
        ("data.epochs=5 data.min_steps=100 trainer.limit_train_batches=1", 100),
        ("data.epochs=5 data.min_steps=100 trainer.accumulate_grad_batches=2", 100),
        ("data.epochs=5 data.min_steps=100 trainer.limit_train_batches=0.67", 50),
    ],
)
def test_small_data_is_passed_over_more_often(compose, overrides: str, epochs: int) -> None:
    cfg = compose("data=ud", "trainer.max_epochs=auto", *overrides.split(), task="pos")
    data, trainer = build_data(cfg), build_trainer(cfg)
    data.setup()
    set_length(trainer, data)
    assert trainer.max_epochs == epochs


def test_data_that_does_not_say_how_long_to_train(compose) -> None:
    cfg = compose("trainer.max_epochs=auto")
    data, trainer = build_data(cfg), build_trainer(cfg)
    data.setup()
    with pytest.raises(ConfigError, match=r"trainer.max_epochs: auto needs data with epochs; give a number"):
        set_length(trainer, data)


def test_without_a_logger_there_are_no_curves(compose) -> None:
    trainer = build_trainer(compose("logger=none", "callbacks.progress=null"))
    assert trainer.loggers == []
    unwanted = TrainingCurves | pl.callbacks.EarlyStopping
    assert not any(isinstance(each, unwanted) for each in trainer.callbacks)


def test_lstm_and_bilstm_share_their_weights(compose, tmp_path: Path) -> None:
    bilstm = compose("model=bilstm", "model.num_layers=2")
    lstm = compose("model=lstm", "model.num_layers=2", "model.bidirectional=true")
    data, path = build_data(bilstm), tmp_path / "some.ckpt"
    data.setup()
    batch = data.corpus.splits["dev"].batch(range(20))
    for saved in (bilstm, lstm):
        learner = build_learner(saved, SPEC).eval()
        torch.save({"state_dict": learner.state_dict(), "spec": SPEC.to_dict()}, path)
        loaded = [load_learner(each, path).eval() for each in (bilstm, lstm)]
        assert [type(each.network.backbone.rnn) for each in loaded] == [BiLSTM, torch.nn.LSTM]
        assert loaded[0].spec == SPEC
        for each in loaded:
            torch.testing.assert_close(each(batch)[0], learner(batch)[0], rtol=0, atol=1e-6)
