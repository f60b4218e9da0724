"""Forecasts, from the command line."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_output import refused
from event_files import read_images

import seqtrain
from seqtrain.__main__ import main
from seqtrain.config import compose_config
from seqtrain.data import TimeSeries, read_series
from seqtrain.errors import DataError
from seqtrain.runs.folder import RunFolder
from seqtrain.training.train import train

SIZES = ["data.context=16", "data.horizon=6", "data.fold=4", "data.season=8"]
SHORT = ["data.epochs=12", "data.min_steps=0", "optimizer.lr=0.01", "model.hidden_size=12"]
SHORT.append("data.batch_size=32")
START = datetime(2024, 1, 1)


def write_series(path: Path, num_rows: int = 300, **columns: Any) -> Path:
    """Hourly waves of eight hours with noise, and a column that says when they are high."""
    draw = np.random.RandomState(0)
    wave = np.sin(np.arange(num_rows) * np.pi / 4)
    table = {"load": 100 + 10 * wave + draw.randn(num_rows), "wind": 5 - wave + draw.randn(num_rows) / 10}
    table |= {"high": (wave > 0).astype(float)} | columns
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["when", *table])
        for row, values in enumerate(zip(*table.values(), strict=True)):
            writer.writerow([(START + timedelta(hours=row)).isoformat(" ", "minutes"), *values])
    return path


def read_table(path: Path) -> list[list[str]]:
    return list(csv.reader(path.read_text(encoding="utf-8").splitlines()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("forecast")
    write_series(folder / "hours.csv")
    return folder


@pytest.fixture(scope="module")
def trained(folder: Path) -> Callable[..., Path]:
    @cache
    def run(*settings: str) -> Path:
        run_dir = folder / f"run{abs(hash(settings))}"
        overrides = ["task=forecast", f"data.path={folder}/hours.csv", f"run_dir={run_dir}", *SIZES, *SHORT]
        metrics = train(compose_config([*overrides, "data.covariates=[high]", *settings]), RunFolder(run_dir))
        assert metrics["test/scaled_mae"] < metrics["test/naive/scaled_mae"]
        return run_dir

    return run


QUANTILES = "head.loss=quantiles"
JOINT = "data.channels=joint"


@pytest.mark.parametrize("settings", [(QUANTILES,), (JOINT,)], ids=["quantiles", "joint"])
def test_a_forecast_of_a_file(
    trained, folder: Path, settings: tuple[str, ...], tmp_path: Path, capsys
) -> None:
    run_dir, file = trained(*settings), folder / "hours.csv"
    output = tmp_path / "next.csv"
    assert main(["predict", str(run_dir), f"input={file}", f"output={output}"]) == 0
    header, *rows = read_table(output)
    further = ["load/0.1", "wind/0.1", "load/0.9", "wind/0.9"] if QUANTILES in settings else []
    assert header == ["when", "load", "wind", *further]
    assert [row[0] for row in rows] == [
        (START + timedelta(hours=300 + ahead)).isoformat(" ", "minutes") for ahead in range(6)
    ]
    expected = 100 + 10 * np.sin(np.arange(300, 306) * np.pi / 4)
    found = np.array([[float(cell) for cell in row[1:]] for row in rows])
    assert np.abs(found[:, 0] - expected).mean() < 5
    if further:
        assert (found[:, 2] <= found[:, 0]).all()
        assert (found[:, 0] <= found[:, 4]).all()

    forecast = seqtrain.load(run_dir).forecast(file)
    assert forecast.names == ("load", "wind")
    assert forecast.times == tuple(row[0] for row in rows)
    np.testing.assert_allclose(forecast.values, found[:, :2], rtol=1e-4)

    capsys.readouterr()
    assert main(["predict", str(run_dir), f"input={file}", "format=json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert plain["times"] == list(forecast.times)
    assert plain["values"]["wind"] == pytest.approx(found[:, 1].tolist(), rel=1e-4)
    assert ("quantiles" in plain) == bool(further)
    assert main(["predict", str(run_dir), f"input={file}", "format=table"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:3] == ["2024-01-13", "12:00", rows[0][1]]


def test_the_forecast_is_that_of_the_last_window_of_test(trained, folder: Path) -> None:
    """Of a file that ends where the last window of test has its context."""
    run_dir = trained(QUANTILES)
    whole = read_series(folder / "hours.csv")
    predictor = seqtrain.load(run_dir)
    cut = TimeSeries(whole.names, whole.values[:-6], None)
    before = predictor.forecast(cut)
    assert before.times is None
    errors = np.abs(before.values - whole.values[-6:, :2])
    assert errors[:, 0].mean() < 5
    longer = TimeSeries(whole.names, whole.values[100:-6], None)
    np.testing.assert_array_equal(predictor.forecast(longer).values, before.values)


def test_what_is_not_to_be_forecast_is_refused(trained, folder: Path, tmp_path: Path, capsys) -> None:
    run_dir = trained(QUANTILES)
    short = write_series(tmp_path / "short.csv", 10)
    predictor = seqtrain.load(run_dir)
    with pytest.raises(DataError, match=r"short.csv: 10 rows; the model reads the last 16"):
        predictor.forecast(short)
    with pytest.raises(DataError, match=r"this model forecasts series; use forecast\(series\)"):
        predictor.estimate("a.npz")
    days = tmp_path / "days.csv"
    days.write_text(
        "when,load,wind,high\n" + "".join(f"2024-01-{day:02},1,2,0\n" for day in range(1, 21)),
        encoding="utf-8",
    )
    capsys.readouterr()
    file = folder / "hours.csv"
    for arguments, problem in (
        (
            [f"input={days}"],
            "days.csv: from one row to the next it is 1 day; the model was trained on 1 hour",
        ),
        ([f"input={tmp_path}/nothing.csv"], "nothing.csv: "),
        (["text=a"], "input: this model reads series; give input=FILE.csv"),
        ([f"input={file}", f"input={file}"], "input: given twice; with format=csv there is one table"),
    ):
        assert problem in refused(main, ["predict", str(run_dir), *arguments], capsys)
    lacking = write_series(tmp_path / "lacking.csv")
    lacking.write_text(lacking.read_text(encoding="utf-8").replace("wind", "sun"), encoding="utf-8")
    assert main(["predict", str(run_dir), f"input={lacking}"]) == 2
    assert "column: got 'wind', expected one of when, load, sun, high" in capsys.readouterr().err


@pytest.mark.parametrize("settings", [(QUANTILES,), (JOINT,)], ids=["quantiles", "joint"])
def test_the_other_commands(trained, settings: tuple[str, ...], folder: Path, tmp_path: Path, capsys) -> None:
    run_dir = trained(*settings)
    metrics = json.loads((run_dir / "metrics.json").read_text())
    assert {"test/mae/wind", "test/seasonal_naive/mase"} < metrics.keys()
    assert {"val/naive/mae", "values_per_second"} < metrics.keys()
    header, *rows = read_table(run_dir / "errors_by_horizon.csv")
    assert header[:4] == ["ahead", "error", "mae", "rmse"]
    assert np.mean([float(row[2]) for row in rows]) == pytest.approx(metrics["test/scaled_mae"], rel=1e-4)
    assert "predictions/forecasts" in read_images(run_dir / "validation")
    assert "test/errors by horizon" in read_images(run_dir)

    capsys.readouterr()
    assert main(["evaluate", str(run_dir)]) == 0
    table = capsys.readouterr().out
    assert table.split("\n")[0].split() == ["val", "test", "naive", "seasonal"]
    assert f"{metrics['test/seasonal_naive/mase']:.4f}" in table
    assert main(["report", str(run_dir)]) == 0
    assert "test/scaled_mse" in capsys.readouterr().out
    assert main(["check_data", "data=series", f"data.path={folder}/hours.csv", *SIZES]) == 0
    checked = capsys.readouterr().out
    assert [line.split()[:3] for line in checked.splitlines() if line.startswith("load")] == [
        ["load", "train", "194"],
        ["load", "dev", "30"],
        ["load", "test", "60"],
    ]
    assert main(["inspect", str(run_dir), "examples=4", f"output={tmp_path}/page.html"]) == 0
    assert main(["inspect", str(run_dir), "examples=4", f"output={tmp_path}/pictures/"]) == 0
    assert (tmp_path / "pictures" / "forecasts.png").stat().st_size > 10_000
    (first, *_) = json.loads((tmp_path / "pictures" / "examples.json").read_text())
    (window, *_) = first["series"]
    assert (len(window["seen"]), len(window["truth"]), len(window["forecast"])) == (16, 6, 6)
    assert ("low" in window) == (QUANTILES in settings)


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        (
            ["data.context=10"],
            "data.context: got 10, expected a multiple of data.fold=4, the rows in a time step",
        ),
        (["data.season=20"], "data.season: got 20, expected at most data.context=16"),
        (
            ["data.covariates=[load]", "data.targets=[load,wind]"],
            "data.covariates: load is a target, too; its past is read in any case",
        ),
        (["data.split=[0.9,0.9,0.2]"], "data.split: got [0.9, 0.9, 0.2], expected shares that sum to 1, or"),
        (["data.horizon=200"], "train has 210 rows, and a window 216: context 16 and horizon 200"),
        (["data.targets=[laod]"], "column: got 'laod', expected one of when, load, wind, high; did you mean"),
        (["data=waves"], "data: task=forecast needs data=series"),
        (["task.monitor=val/accuracy"], "task.monitor: got 'val/accuracy'"),
        (["head.pooling=null"], "head.pooling: the data has the next values of series; give a pooling"),
    ],
)
def test_what_does_not_fit_is_refused(
    overrides: list[str], problem: str, folder: Path, tmp_path: Path, capsys, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = [] if overrides == ["data=waves"] else [f"data.path={folder}/hours.csv", *SIZES]
    assert problem in refused(main, ["task=forecast", *path, *overrides, "run_dir=run"], capsys)
    assert not Path("run").exists()


def test_a_network_that_is_no_better_than_a_naive_one_is_told(folder: Path, tmp_path: Path, capsys) -> None:
    settings = [f"data.path={folder}/hours.csv", *SIZES, *SHORT, "optimizer.lr=0.0000001", "logger=none"]
    assert main(["task=forecast", *settings, f"run_dir={tmp_path}/run"]) == 0
    told = capsys.readouterr()
    warning = "the seasonal naive forecast (the last season) is not worse than the network"
    assert warning in told.out + told.err


def test_an_exported_model_forecasts_the_same(trained, folder: Path, tmp_path: Path, capsys) -> None:
    pytest.importorskip("onnxruntime")
    run_dir, file, model = trained(QUANTILES), folder / "hours.csv", tmp_path / "model.onnx"
    assert main(["export", str(run_dir), f"output={model}"]) == 0
    capsys.readouterr()
    assert main(["predict", f"model={model}", f"input={file}"]) == 0
    found = list(csv.reader(capsys.readouterr().out.splitlines()))
    assert main(["predict", str(run_dir), f"input={file}"]) == 0
    wanted = list(csv.reader(capsys.readouterr().out.splitlines()))
    assert (found[0], [row[0] for row in found]) == (wanted[0], [row[0] for row in wanted])
    for a, b in zip(found[1:], wanted[1:], strict=True):
        assert [float(cell) for cell in a[1:]] == pytest.approx([float(cell) for cell in b[1:]], rel=1e-4)
