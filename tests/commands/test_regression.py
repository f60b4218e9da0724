"""Numbers as targets, from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from command_output import refused

import seqtrain
from seqtrain.__main__ import main
from seqtrain.config import compose_config
from seqtrain.data import save_sequences
from seqtrain.errors import DataError
from seqtrain.runs.folder import RunFolder
from seqtrain.training.train import train

SHORT = ["optimizer.lr=0.02", "model.hidden_size=16", "data.epochs=12", "data.min_steps=0"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Trains on the sum and the last value of sequences, or on the mean so far at each step."""
    folder = tmp_path_factory.mktemp("numbers")
    draw = np.random.RandomState(0)
    x = [draw.randn(draw.randint(2, 6), 1) + 50 for _ in range(200)]
    save_sequences(folder / "sequences.npz", x, [[50 * e.mean(), e[-1, 0]] for e in x], names=["m", "last"])
    save_sequences(folder / "steps.npz", x, [e.cumsum() / np.arange(1, len(e) + 1) for e in x])

    @cache
    def run(data: str, *settings: str) -> Path:
        run_dir = folder / f"run_{data}_{len(settings)}"
        overrides = ["task=regression", "data=arrays", f"data.path={folder}/{data}.npz", *SHORT, *settings]
        metrics = train(compose_config([*overrides, f"run_dir={run_dir}"]), RunFolder(run_dir))
        assert metrics["test/r2"] > 0.5
        return run_dir

    return run


def test_numbers_of_a_sequence(trained, tmp_path: Path, capsys) -> None:
    run_dir = trained("sequences", "head.loss=quantiles", "head.quantiles=[0.25,0.5,0.75]")
    assert {"mae/last", "r2/m"} < {each.removeprefix("test/") for each in metrics_of(run_dir)}
    file = tmp_path / "new.npz"
    np.savez(file, x=[[50.0, 52.0], [51.0, 0.0]], lengths=[2, 1])
    capsys.readouterr()
    assert main(["predict", str(run_dir), f"input={file}", "format=json"]) == 0
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first["values"] == {"m": pytest.approx(2550, abs=50), "last": pytest.approx(52, abs=1)}
    assert first["values"] == first["quantiles"]["0.5"]
    assert first["quantiles"]["0.25"]["last"] <= first["values"]["last"] <= first["quantiles"]["0.75"]["last"]
    assert main(["predict", str(run_dir), f"input={file}", "format=tsv"]) == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert rows[1][:3] == [f"{file}[1]", *(f"{second['values'][name]:.6g}" for name in ("m", "last"))]
    assert main(["predict", str(run_dir), f"input={file}"]) == 0
    assert f"m={rows[0][1]}  last={rows[0][2]}  m/0.25=" in capsys.readouterr().out
    estimates = seqtrain.load(run_dir).estimate(file)
    assert [f"{value:.6g}" for value in estimates[0].values] == rows[0][1:3]
    with pytest.raises(DataError, match=r"this model predicts numbers; use estimate\(sequences\)"):
        seqtrain.load(run_dir).label(file)


def test_numbers_of_steps(trained, tmp_path: Path, capsys) -> None:
    run_dir = trained("steps", "head.pooling=null")
    file = tmp_path / "new.npz"
    np.savez(file, x=[[50.0, 52.0], [51.0, 0.0]], lengths=[2, 1])
    capsys.readouterr()
    assert main(["predict", str(run_dir), f"input={file}", "format=json"]) == 0
    found = [json.loads(line)["values"]["y"] for line in capsys.readouterr().out.splitlines()]
    assert found == [pytest.approx([50, 51], abs=0.8), pytest.approx([51], abs=0.8)]
    assert main(["predict", str(run_dir), f"input={file}", "format=tsv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


@pytest.mark.parametrize("data", ["sequences", "steps"])
def test_the_other_commands(trained, data: str, tmp_path: Path, capsys) -> None:
    run_dir = trained(data, "head.loss=quantiles", *([] if data == "sequences" else ["head.pooling=null"]))
    capsys.readouterr()
    assert main(["evaluate", str(run_dir), "format=json"]) == 0
    metrics = metrics_of(run_dir)
    again = json.loads(capsys.readouterr().out)
    assert again == {name: pytest.approx(metrics[name], rel=1e-4) for name in again}
    assert main(["inspect", str(run_dir), "examples=4", f"output={tmp_path}/page.html"]) == 0
    assert main(["report", str(run_dir)]) == 0
    assert "test/mae" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        (
            ["data=arrays", "data.path=steps.npz"],
            "head.pooling: the data has numbers for each time step; give head.pooling=null",
        ),
        (
            ["head.pooling=null"],
            "head.pooling: the data has numbers for each sequence; give a pooling: last, mean or max",
        ),
        (
            ["data=arrays", "data.path=classes.npz"],
            "task: the data has a class for each sequence; choose task=",
        ),
        (
            ["task=arrays", "data.path=steps.npz"],
            "the data has numbers for each time step; choose task=regression",
        ),
        (["data=arrays", "data.path=same.npz"], "all of train has the same value, 2.5 for the target y"),
        (["head=label"], "head: task=regression needs head=forecast|numbers"),
        (["head.quantiles=[0.5,0.9]"], "head.quantiles: does nothing with head.loss=mse"),
        (["head.loss=quantiles", "head.quantiles=[0.9]"], "with 0.5 among them"),
        (["task.monitor=val/accuracy"], "task.monitor: got 'val/accuracy'"),
        (["task.monitor=val/r2"], "task.mode: got min, but a higher val/r2 is better"),
    ],
)
def test_what_does_not_fit_is_refused(
    overrides: list[str], problem: str, tmp_path: Path, capsys, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save_sequences("steps.npz", [[1, 2], [3, 4]] * 10, [[0.0, 1.0], [1.0, 3.0]] * 10)
    save_sequences("classes.npz", [[1, 2], [3, 4]] * 10, ["a", "b"] * 10)
    save_sequences("same.npz", [[1, 2], [3, 4]] * 10, [2.5] * 20)
    assert problem in refused(main, ["task=regression", *overrides, "run_dir=run"], capsys)
    assert not Path("run").exists()


def metrics_of(run_dir: Path) -> dict[str, float]:
    return dict(json.loads((run_dir / "metrics.json").read_text()))
