"""Checkpoints that were edited by hand: what does not fit is refused in words, before any of it is used."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from disturbed_runs import raise_signal
from hydra.core.global_hydra import GlobalHydra
from small_runs import small_overrides
from torch import Tensor

from seqtrain.commands import evaluate
from seqtrain.commands.train import main
from seqtrain.config import ConfigError
from seqtrain.training.checkpoint import read_checkpoint
from seqtrain.training.learner import SequenceLearner

SMALL = [*small_overrides("digits", Path()), "data_dir=none", "trainer.limit_train_batches=4", "logger=none"]
OPTIMIZER = ("optimizer_states", 0)
GROUP, STATE = (*OPTIMIZER, "param_groups", 0), (*OPTIMIZER, "state", 0)
BATCHES = ("loops", "fit_loop", "epoch_loop.batch_progress")
ABSENT = object()


def train(run: Path) -> int:
    GlobalHydra.instance().clear()
    return main([*SMALL, f"run_dir={run}"])


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that stopped within its second epoch."""
    run = tmp_path_factory.mktemp("interrupted") / "run"
    step, calls = SequenceLearner.training_step, iter(range(1, 100))

    def stop(self: SequenceLearner, *arguments: Any) -> Any:
        if next(calls) == 6:
            raise_signal(signal.SIGINT)()
        return step(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SequenceLearner, "training_step", stop)
        assert train(run) == 130
    return run


def edited(interrupted: Path, tmp_path: Path, place: tuple[Any, ...], value: Any) -> Path:
    """A copy of the run, with one value of its last checkpoint replaced or left out."""
    run = Path(shutil.copytree(interrupted, tmp_path / "run"))
    config = run / "config.yaml"
    config.write_text(config.read_text().replace(str(interrupted), str(run)))
    path = run / "checkpoints" / "last.ckpt"
    saved = node = torch.load(path, weights_only=True)
    for key in place[:-1]:
        node = node[key]
    if value is ABSENT:
        del node[place[-1]]
    else:
        node[place[-1]] = value
    torch.save(saved, path)
    return run


@pytest.mark.parametrize(
    ("place", "value", "problem"),
    [
        (("lr_schedulers", 0, "last_epoch"), "x", "schedule.last_epoch is 'x', expected a number"),
        (("lr_schedulers",), [], "lr_schedulers is a list of 0, expected a list of one"),
        (
            (*STATE, "exp_avg"),
            torch.zeros(3),
            "optimizer.state[0].exp_avg does not have the shape of",
        ),
        (
            (*STATE, "step"),
            torch.zeros(3),
            "optimizer.state[0].step is a tensor of the shape (3,), expected a",
        ),
        ((*OPTIMIZER, "state", 99), {}, "optimizer.state[99] belongs to no weight"),
        (STATE, 5, "optimizer.state[0] is 5, expected a mapping"),
        ((*GROUP, "betas"), (0.9,), "optimizer.param_groups[0].betas is (0.9,), expected a list of 2"),
        ((*GROUP, "lr"), "x", "optimizer.param_groups[0].lr is 'x', expected a number"),
        (
            (*GROUP, "lr"),
            10**30,
            "optimizer.param_groups[0].lr is 1000000000000000000000000000000, expected a",
        ),
        (
            (*BATCHES, "total", "ready"),
            -5,
            "loops.fit_loop.epoch_loop.batch_progress.total.ready is -5, expected",
        ),
        ((*BATCHES, "current"), ABSENT, "loops.fit_loop.epoch_loop.batch_progress has no current"),
        (("loops",), None, "loops is null, expected a mapping"),
        (
            ("callbacks", "LastCheckpoint", "random_cpu"),
            torch.zeros(3),
            "callbacks.LastCheckpoint.random_cpu is a",
        ),
        (("callbacks", "LastCheckpoint", "should_stop"), ABSENT, "'should_stop'"),
        (
            ("callbacks", "BestCheckpoint", "score"),
            ["x"],
            "float() argument must be a string or a real number",
        ),
        (("pytorch-lightning_version",), 3, ""),
        (
            ("optimizer_states", 0, "param_groups"),
            [],
            "optimizer.param_groups is a list of 0, expected a list of 1",
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    interrupted: Path, tmp_path: Path, capsys, place: tuple[Any, ...], value: Any, problem: str
) -> None:
    run = edited(interrupted, tmp_path, place, value)
    assert train(run) == 2
    told = f"checkpoint: {run}/checkpoints/last.ckpt cannot be resumed from: {problem}"
    err = capsys.readouterr().err
    assert told in err
    assert "delete it and repeat the command to start this run again" in err
    assert "Traceback" not in err
    assert not (run / "metrics.json").exists()


def test_a_key_of_a_schedule_overwrites_no_method(interrupted: Path, tmp_path: Path) -> None:
    assert train(edited(interrupted, tmp_path, ("lr_schedulers", 0, "step"), "x")) == 0


def test_an_untouched_one_is_resumed(interrupted: Path, tmp_path: Path) -> None:
    assert train(edited(interrupted, tmp_path, ("more",), "x")) == 0


def repeated(*shape: int) -> Tensor:
    """A tensor that is one number in the file."""
    return torch.zeros(1).expand(*shape)


STRANGE: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a list": (lambda saved: saved.update(state_dict=[]), "its state_dict holds more than tensors by name"),
    "a text": (
        lambda saved: saved["state_dict"].update(x="y"),
        "its state_dict holds more than tensors by name",
    ),
    "repeated": (
        lambda saved: saved["state_dict"].update(x=repeated(1 << 40)),
        "a tensor of the shape (1099511627776,) is larger than its storage, or none of numbers",
    ),
    "deep": (
        lambda saved: saved.update(more=[{"x": [repeated(2, 2)]}]),
        "a tensor of the shape (2, 2) is larger",
    ),
    "sparse": (
        lambda saved: saved.update(more=torch.zeros(2, 2).to_sparse()),
        "a tensor of the shape (2, 2) is",
    ),
    "overlapping": (
        lambda saved: saved.update(more=torch.zeros(10).as_strided((3, 3), (1, 1), 5)),
        "a tensor of the shape (3, 3) is larger than its storage, or none of numbers",
    ),
    "spec": (lambda saved: saved.update(spec=torch.zeros(3)), "its spec is unknown"),
    "kind": (lambda saved: saved["spec"]["inputs"].update(kind=[]), "its spec is unknown"),
    "size": (lambda saved: saved["spec"]["inputs"].update(size=(8, 8, 8)), "its spec is unknown"),
    "surrogates": (
        lambda saved: saved["spec"]["targets"].update(names=("\ud800",) * 10),
        "its spec is unknown",
    ),
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_no_training_writes_is_refused(trained_digits: Path, tmp_path: Path, capsys, name: str) -> None:
    change, problem = STRANGE[name]
    run = Path(shutil.copytree(trained_digits, tmp_path / "run"))
    path = run / "checkpoints" / "best.ckpt"
    saved = torch.load(path, weights_only=True)
    change(saved)
    torch.save(saved, path)
    assert evaluate.main([str(run)]) == 2
    err = capsys.readouterr().err
    assert f"checkpoint: {path} was not written by seqtrain: {problem}" in err


def test_shared_and_cyclic_values_are_looked_at_once(tmp_path: Path) -> None:
    """A list within itself, and 2^60 places of one tensor."""
    more: list[Any] = [torch.zeros(1)]
    for _ in range(60):
        more = [more, more]
    more.append(more)
    path = tmp_path / "best.ckpt"
    torch.save({"spec": {}, "state_dict": {}, "more": more}, path)
    assert read_checkpoint(path)["state_dict"] == {}


def test_a_file_larger_than_the_memory_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "best.ckpt"
    with path.open("wb") as file:
        file.truncate(1 << 43)
    with pytest.raises(ConfigError, match="it is larger than the memory of this machine"):
        read_checkpoint(path)
