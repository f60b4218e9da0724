from __future__ import annotations

import csv
import ctypes
import json
import os
import platform
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import torch
from disturbed_runs import checkpoint, differences, run, trained
from event_files import read_scalars
from omegaconf import OmegaConf
from small_runs import load_learner, splits_only, without_times

from seqtrain import __version__
from seqtrain.config import ConfigError, check_config, compose_config
from seqtrain.runs.folder import RunFolder
from seqtrain.training.build import build_data
from seqtrain.training.train import _keep_freed_memory, measure
from seqtrain.training.trainer import build_evaluator

MODELS = ["rnn", "lstm", "gru", "bilstm"]


@pytest.mark.parametrize("model", MODELS)
class TestEveryTaskAndModel:
    def test_digits(self, compose, model: str) -> None:
        long = ("trainer.limit_train_batches=1.0", "trainer.max_epochs=4", "optimizer.lr=0.02")
        metrics = run(compose(f"model={model}", *long))
        assert metrics["val/loss"] < 1.7  # ln 10 = 2.3 before
        assert metrics["test/accuracy"] > 0.4

    def test_pos(self, compose, model: str) -> None:
        metrics = run(compose(f"model={model}", "trainer.max_epochs=15", "optimizer.lr=0.03", task="pos"))
        assert metrics["val/loss"] < 0.4  # ln 5 = 1.6 before
        assert metrics["test/accuracy"] > 0.9


@pytest.mark.parametrize("task", ["digits", "pos"])
def test_several_members_train_and_are_loaded_as_one(compose, task: str) -> None:
    cfg = compose("model=bilstm", "members=2", "callbacks=average", task=task)
    metrics = run(cfg)
    learner = load_learner(cfg, RunFolder(cfg.run_dir).best_checkpoint)
    again = measure(build_evaluator(cfg.trainer), learner, build_data(cfg))
    assert splits_only(again) == splits_only(metrics)
    assert metrics["parameters"] == 2 * learner.network.members[0].num_parameters
    assert "model       2 x BiLSTM(" in (Path(cfg.run_dir) / "train.log").read_text()


def test_a_configuration_from_before_members_has_one(compose) -> None:
    cfg = compose()
    del cfg["members"]
    check_config(cfg)
    assert run(cfg)["parameters"] == 4 * 16 * (8 + 16 + 2) + 10 * 17


def test_the_same_seed_gives_the_same_bits_and_another_one_others(compose, tmp_path: Path) -> None:
    lively = ("model=bilstm", "model.num_layers=2", "model.dropout=0.5")
    seeds = {"a": 0, "b": 0, "c": 1}
    cfgs = [compose(*lively, f"seed={seed}", f"run_dir={tmp_path / name}") for name, seed in seeds.items()]
    metrics = [without_times(run(cfg)) for cfg in cfgs]
    assert metrics[0] == metrics[1]
    assert metrics[0] != metrics[2]
    first, second, third = (checkpoint(cfg)["state_dict"] for cfg in cfgs)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not any(torch.equal(first[name], third[name]) for name in first)


@pytest.mark.parametrize("model", ["lstm", "bilstm"])
def test_both_values_of_batch_first_train_to_the_same_numbers(compose, tmp_path: Path, model: str) -> None:
    options = (f"model={model}", "head.dropout=0.1")
    cfgs = [compose(*options, f"model.batch_first={v}", f"run_dir={tmp_path / v}") for v in ("true", "false")]
    results = [run(cfg) for cfg in cfgs]
    assert without_times(results[0]) == pytest.approx(without_times(results[1]), rel=1e-4)


class TestRunFolder:
    @pytest.fixture
    def trained(self, compose):
        cfg = compose()
        return cfg, run(cfg)

    def test_holds_what_was_promised(self, trained) -> None:
        cfg, metrics = trained
        folder = Path(cfg.run_dir)
        names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        promised = {"config.yaml", "metrics.json", "train.log", "environment.json", "confusions.csv"}
        assert promised | {"checkpoints/best.ckpt", "checkpoints/last.ckpt"} <= names
        assert any(name.startswith("events.out.tfevents") for name in names)
        assert not any(name.endswith((".partial", ".lock")) for name in names)
        kept = json.loads((folder / "metrics.json").read_text())
        assert kept == metrics
        assert {"val/accuracy", "test/accuracy", "test/loss"} <= kept.keys()
        assert {"parameters", "epochs", "seconds", "cpu_seconds"} <= kept.keys()
        assert all(isinstance(value, float | int) for value in kept.values())
        assert (kept["epochs"], kept["parameters"]) == (2, 4 * 16 * (8 + 16 + 2) + 10 * 17)

    def test_confusions_add_up_to_the_accuracy(self, trained) -> None:
        cfg, metrics = trained
        with (Path(cfg.run_dir) / "confusions.csv").open() as file:
            (_, *names), *rows = csv.reader(file)
        assert names == [name for name, *_ in rows] == [str(digit) for digit in range(10)]
        counts = torch.tensor([[int(count) for count in row] for _, *row in rows])
        assert int(counts.sum()) == 360
        assert float(counts.trace() / counts.sum()) == pytest.approx(metrics["test/accuracy"])

    def test_says_where_and_with_what(self, trained) -> None:
        cfg, _ = trained
        environment = json.loads((Path(cfg.run_dir) / "environment.json").read_text())
        assert environment["device"] == f"cpu with 1 thread of {os.cpu_count()}"
        assert environment["torch"] == torch.__version__
        assert environment["seqtrain"] == __version__
        assert environment["processor"]

    def test_speed_is_what_was_trained_on_over_the_time(self, compose) -> None:
        cfg = compose("trainer.limit_train_batches=1.0")
        metrics = run(cfg)
        assert checkpoint(cfg)["callbacks"]["Throughput"]["num_trained"] == 2 * 1257
        # The seconds of metrics.json are rounded to a tenth.
        for seconds in (metrics["seconds"] - 0.06, metrics["seconds"] + 0.06):
            assert (2 * 1257 / seconds > metrics["sequences_per_second"]) == (seconds < metrics["seconds"])

    def test_config_yaml_is_enough_to_run_again(self, trained, tmp_path: Path) -> None:
        cfg, metrics = trained
        again = OmegaConf.load(Path(cfg.run_dir) / "config.yaml")
        again.run_dir = str(tmp_path / "again")
        for node in (again.callbacks.best, again.callbacks.last, again.logger):
            for key in ("dirpath", "path", "save_dir"):
                if key in node:
                    node[key] = node[key].replace(cfg.run_dir, again.run_dir)
        assert without_times(run(again)) == without_times(metrics)

    def test_the_log_names_data_model_device_and_result(self, trained) -> None:
        cfg, metrics = trained
        text = (Path(cfg.run_dir) / "train.log").read_text()
        assert "INFO data        train 1,257 sequences (10,056 time steps); dev 180" in text
        assert "INFO model       LSTM(8, 16, batch_first=True), 1,834 parameters" in text
        assert "INFO device      cpu with " in text
        assert f"{metrics['val/accuracy']:.4f}   {metrics['test/accuracy']:.4f}" in text
        assert f"look inside with  tensorboard --logdir {Path(cfg.run_dir).parent}\n" in text
        assert "WARNING" not in text

    def test_the_best_checkpoint_is_tested(self, compose, tmp_path: Path) -> None:
        cfg = compose("optimizer.lr=1e-9", "schedule=constant", "trainer.max_epochs=3")
        run(cfg)
        assert checkpoint(cfg, "best")["epoch"] == 2  # all are equally good, and the last one counts

    def test_the_test_metrics_are_in_tensorboard(self, trained) -> None:
        cfg, metrics = trained
        scalars = read_scalars(Path(cfg.run_dir))
        assert {"train/loss", "val/loss", "val/accuracy", "test/loss", "test/accuracy"} <= scalars.keys()
        assert scalars["test/accuracy"] == {12: pytest.approx(metrics["test/accuracy"])}
        assert list(scalars["val/accuracy"]) == [6, 12]


def test_without_a_best_checkpoint_the_last_weights_are_tested(compose, tmp_path: Path) -> None:
    cfg = compose("callbacks.best=null")
    metrics = run(cfg)
    assert not (Path(cfg.run_dir) / "checkpoints" / "best.ckpt").exists()
    whole = compose(f"run_dir={tmp_path / 'whole'}")
    last = load_learner(whole, trained(whole).last_checkpoint)
    assert splits_only(metrics) == measure(build_evaluator(whole.trainer), last, build_data(whole))


def test_a_checkpoint_of_another_run_is_gone_on_with(compose, tmp_path: Path) -> None:
    first = compose("trainer.max_epochs=1", "schedule=constant", f"run_dir={tmp_path / 'first'}")
    last = trained(first).last_checkpoint
    more = compose("schedule=constant", f"checkpoint={last}", f"run_dir={tmp_path / 'more'}")
    whole = compose("schedule=constant", f"run_dir={tmp_path / 'whole'}")
    metrics = run(more), run(whole)
    assert [each["epochs"] for each in metrics] == [2, 2]
    assert differences(checkpoint(more)["state_dict"], checkpoint(whole)["state_dict"]) == []


def test_real_sample_and_digits_run_by_default(tmp_path: Path) -> None:
    """The shipped data, read by three batches of every part."""
    for task, key in (("digits", "test/accuracy"), ("pos", "test/accuracy_unseen")):
        cfg = compose_config([f"task={task}", "trainer=debug", f"run_dir={tmp_path / task}"])
        assert 0 <= run(cfg)[key] <= 1


def test_a_longer_training_goes_on_where_a_finished_one_ended(compose, tmp_path: Path) -> None:
    given = f"checkpoint={trained(compose()).last_checkpoint}"
    longer = compose(given, f"run_dir={tmp_path / 'longer'}", "trainer.max_epochs=3")
    assert run(longer)["epochs"] == 3


def test_without_a_tensorboard_log_nobody_is_sent_to_look(compose, capsys) -> None:
    run(compose("logger=none"))
    assert "tensorboard --logdir" not in capsys.readouterr().out


class TestFailure:
    def test_a_reader_of_the_output_who_leaves_is_no_failure_of_a_run_that_is_done(
        self, compose, monkeypatch
    ) -> None:
        cfg = compose()
        monkeypatch.setattr("seqtrain.training.train.summary.log_end", Mock(side_effect=BrokenPipeError))
        with pytest.raises(BrokenPipeError):
            run(cfg)
        folder = RunFolder(cfg.run_dir)
        assert folder.is_done
        assert not folder.failure_file.exists()
        assert "The run failed." not in folder.log_file.read_text()

    @pytest.mark.parametrize(
        "what",
        ["model.input_size", "checkpoint of another model", "checkpoint of other data", "no checkpoint"],
    )
    def test_a_refusal_leaves_nothing(self, compose, tmp_path: Path, what: str) -> None:
        cfg = compose()
        if what == "model.input_size":
            cfg.model.input_size = 9
        elif what != "no checkpoint":
            other = ("model=gru",) if "model" in what else ("task=pos",)
            task = "digits" if "model" in what else "pos"
            run(compose(*other, f"run_dir={tmp_path / 'other'}", task=task))
            cfg.checkpoint = str(tmp_path / "other" / "checkpoints" / "last.ckpt")
        else:
            cfg.checkpoint = str(tmp_path / "missing.ckpt")
        with pytest.raises(ConfigError) as caught:
            run(cfg)
        (problem,) = caught.value.problems
        assert problem.startswith(("model.input_size: ", "checkpoint: "))
        assert not Path(cfg.run_dir).exists()


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("trainer=gpu", "trainer: No supported gpu backend found!"),
        ("model.backend=triton", "model.backend: triton needs a GPU, and this runs on cpu; leave it at auto"),
    ],
)
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_refused_before_anything_is_written(
    compose, override: str, problem: str
) -> None:
    cfg = compose("model=bilstm", override)
    with pytest.raises(ConfigError) as refusal:
        run(cfg)
    assert refusal.value.problems[0].startswith(problem)
    assert not Path(cfg.run_dir).exists()


@pytest.mark.parametrize(
    ("library", "most", "kept"),
    [
        ("glibc", 1 << 40, {-1: 1 << 30, -3: 1 << 30}),
        ("glibc", 1 << 25, {-1: 1 << 30, -3: 1 << 25}),  # of before 2.35
        ("", 1 << 40, {}),
    ],
)
def test_freed_memory_is_kept_where_the_c_library_can(
    library: str, most: int, kept: dict[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[int, int] = {}

    def mallopt(option: int, value: int) -> int:
        if option == -3 and value > most:
            return 0
        told[option] = value
        return 1

    monkeypatch.setattr(platform, "libc_ver", lambda: (library, ""))
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(mallopt=mallopt))
    _keep_freed_memory()
    assert told == kept
