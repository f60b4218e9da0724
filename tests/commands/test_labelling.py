from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import seqtrain
from seqtrain.commands.predict import main
from seqtrain.config import ConfigError, compose_config
from seqtrain.data import save_sequences
from seqtrain.runs.folder import RunFolder
from seqtrain.training.train import train


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Trains on sequences whose class, or that of each time step, is whether they are above 100."""
    folder = tmp_path_factory.mktemp("arrays")
    draw = np.random.RandomState(0)
    x = [100 + 10 * draw.choice([-1, 1]) + draw.randn(draw.randint(2, 6), 1) for _ in range(60)]
    above = [each[:, 0] > 100 for each in x]
    save_sequences(folder / "arrays.npz", x, [str(each[0]) for each in above])
    save_sequences(folder / "steps.npz", x, above, names=["below", "above"])

    @cache
    def run(task: str) -> Path:
        overrides = [f"task={task}", f"data.path={folder}/{task}.npz", "data.epochs=4", "data.min_steps=0"]
        run_dir = folder / f"run_{task}"
        settings = ["optimizer.lr=0.02", "model.hidden_size=16", "logger=none", f"run_dir={run_dir}"]
        metrics = train(compose_config([*overrides, *settings]), RunFolder(run_dir))
        assert metrics["test/accuracy"] == 1.0
        return run_dir

    return run


def test_a_class_for_each_sequence(trained, tmp_path: Path, capsys) -> None:
    run_dir = trained("arrays")
    capsys.readouterr()
    file = tmp_path / "new.npz"
    np.savez(file, x=[[110.0, 111.0], [90.0, 0.0]], lengths=[2, 1])
    assert main([f"run_dir={run_dir}", f"input={file}", "format=json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["input"] for each in found] == [f"{file}[0]", f"{file}[1]"]
    assert [each["label"] for each in found] == ["True", "False"]
    assert [answer.names for answer in seqtrain.load(run_dir).label(file)] == [("True",), ("False",)]
    assert main([f"run_dir={run_dir}", "text=a word"]) == 2
    assert "input: this model reads sequences of numbers; give input=FILE.npz" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("task", "data", "problem"),
    [
        ("arrays", "steps", "task: the data has a class for each time step; choose task=steps"),
        ("steps", "arrays", "task: the data has a class for each sequence; choose task=arrays|digits|images"),
    ],
)
def test_targets_of_another_kind_than_the_task(
    trained, tmp_path: Path, task: str, data: str, problem: str
) -> None:
    path = trained(data).parent / f"{data}.npz"
    cfg = compose_config([f"task={task}", f"data.path={path}", "logger=none", f"run_dir={tmp_path / 'run'}"])
    with pytest.raises(ConfigError, match=re.escape(problem)):
        train(cfg, RunFolder(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_a_class_for_each_time_step(trained, tmp_path: Path, capsys) -> None:
    run_dir = trained("steps")
    capsys.readouterr()
    np.savez(tmp_path / "new.npz", x=[[110.0, 111.0], [90.0, 0.0]], lengths=[2, 1])
    assert main([f"run_dir={run_dir}", f"input={tmp_path / 'new.npz'}"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [(name.rpartition("/")[2], label) for name, label, _ in lines] == [
        ("new.npz[0]", "above"),
        ("new.npz[0]", "above"),
        ("new.npz[1]", "below"),
    ]
