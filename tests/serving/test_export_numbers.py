"""Exported models of numbers and of forecasts answer as the networks that they come from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from seqtrain.data import Series, TimeSeries, save_sequences
from seqtrain.errors import DataError
from seqtrain.model import Ensemble, Network, NumberHead, RecurrentBackbone, VectorEncoder
from seqtrain.serving.predictor import Predictor
from seqtrain.spec import DataSpec, SequenceNumbers, StepNumbers, VectorInputs

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from seqtrain.serving.export.files import export_onnx, export_torch
from seqtrain.serving.onnx_predictor import OnnxPredictor

INPUTS = VectorInputs(feature_size=2, standardization=((1.0, 2.0), (3.0, 4.0)))
SCALING = ((10.0, -20.0), (2.0, 5.0))
QUANTILES: Any = {"loss": "quantiles", "quantiles": [0.2, 0.5, 0.7]}
PLAIN: Any = {"loss": "mse"}


def make_network(spec: DataSpec, members: int = 1, **options: Any) -> Network | Ensemble:
    torch.manual_seed(0)
    made = []
    for _ in range(members):
        encoder = VectorEncoder(spec)
        backbone = RecurrentBackbone(nn.GRU(encoder.output_size, 6, batch_first=True))
        head = NumberHead(6, spec.targets.num_targets, dropout=0.0, **options)
        made.append(Network(encoder, backbone, head))
    return made[0] if members == 1 else Ensemble(made)


@pytest.fixture
def sequences(tmp_path: Path) -> Path:
    draw = np.random.RandomState(0)
    save_sequences(tmp_path / "a.npz", [5 * draw.randn(length, 2) for length in (4, 1, 7)], list("abc"))
    return tmp_path / "a.npz"


@pytest.mark.parametrize("options", [PLAIN, QUANTILES], ids=["mse", "quantiles"])
@pytest.mark.parametrize(("pooling", "members"), [("last", 1), ("mean", 2), ("max", 1), (None, 2)])
def test_numbers(options: Any, pooling: str | None, members: int, sequences: Path, tmp_path: Path) -> None:
    kind = StepNumbers if pooling is None else SequenceNumbers
    spec = DataSpec(INPUTS, kind(("p", "q"), SCALING))
    predictor = Predictor(make_network(spec, members, pooling=pooling, **options), spec)
    export_onnx(predictor.network, spec, tmp_path / "b.onnx")
    wanted = predictor.estimate(sequences)
    for found, expected in zip(OnnxPredictor(tmp_path / "b.onnx").estimate(sequences), wanted, strict=True):
        np.testing.assert_allclose(found.values, expected.values, rtol=1e-4, atol=1e-4)
        assert found.quantiles.keys() == expected.quantiles.keys()
        for share, values in expected.quantiles.items():
            np.testing.assert_allclose(found.quantiles[share], values, rtol=1e-4, atol=1e-4)
    np.save(tmp_path / "one.npy", np.load(sequences)["x"][:4])
    done = run(tmp_path / "b.py", tmp_path / "one.npy")
    assert done.splitlines()[0].split("\t")[:2] == ["p", "q"]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    draw = np.random.RandomState(0)
    values = draw.randn(80, 3).cumsum(axis=0) * [1, 10, 100]
    path = tmp_path / "a.csv"
    np.savetxt(path, values, "%.6f", ",", header="a,b,c", comments="")
    return path


def make_series(path: Path, **options: Any) -> DataSpec:
    sizes = {"context": 12, "horizon": 5, "fold": 3, "season": 4, "batch_size": 8, "eval_batch_size": 8}
    return Series(path=path, **{**sizes, **options}).load().spec


@pytest.mark.parametrize("options", [PLAIN, QUANTILES], ids=["mse", "quantiles"])
@pytest.mark.parametrize("channels", ["independent", "joint"])
@pytest.mark.parametrize(("covariates", "subtract_last"), [([], True), (["b"], True), (["b"], False)])
def test_forecasts(
    options: Any, channels: Any, covariates: list[str], subtract_last: bool, table: Path, tmp_path: Path
) -> None:
    spec = make_series(table, channels=channels, covariates=covariates, subtract_last=subtract_last)
    predictor = Predictor(make_network(spec, **options), spec)
    wanted = predictor.forecast(table)
    export_onnx(predictor.network, spec, tmp_path / "b.onnx")
    model = OnnxPredictor(tmp_path / "b.onnx")
    found = model.forecast(table)
    assert found.names == wanted.names
    np.testing.assert_allclose(found.values, wanted.values, rtol=1e-4, atol=1e-3)
    assert found.quantiles.keys() == wanted.quantiles.keys()
    for share, values in wanted.quantiles.items():
        np.testing.assert_allclose(found.quantiles[share], values, rtol=1e-4, atol=1e-3)
    rows = run(tmp_path / "b.py", table).splitlines()
    np.testing.assert_allclose(
        [[float(cell) for cell in row.split(",")] for row in rows[1:]], wanted.values, 1e-3
    )
    with pytest.raises(DataError, match="series: 3 rows; the model reads the last 12"):
        model.forecast(TimeSeries(("a", "b", "c"), np.zeros((3, 3)), None))


@pytest.mark.slow
@pytest.mark.parametrize("channels", ["independent", "joint"])
def test_the_program_of_torch_forecasts_the_same(channels: Any, table: Path, tmp_path: Path) -> None:
    spec = make_series(table, channels=channels, covariates=["b"])
    predictor = Predictor(make_network(spec, **QUANTILES), spec)
    export_torch(predictor.network, spec, tmp_path / "b.pt2")
    columns = {"a": 0, "b": 1, "c": 2}
    rows = np.loadtxt(table, delimiter=",", skiprows=1)[-12:, [columns[name] for name in spec.inputs.columns]]
    (found,) = torch.export.load(tmp_path / "b.pt2").module()(series=torch.tensor(rows[None]).float())
    wanted = predictor.forecast(table)
    np.testing.assert_allclose(found[0, 1].numpy(), wanted.values, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(found[0, 0].numpy(), wanted.quantiles[0.2], rtol=1e-4, atol=1e-3)


@pytest.mark.slow
def test_the_program_of_torch_gives_numbers_in_units(sequences: Path, tmp_path: Path) -> None:
    spec = DataSpec(INPUTS, SequenceNumbers(("p", "q"), SCALING))
    predictor = Predictor(make_network(spec, **PLAIN), spec)
    export_torch(predictor.network, spec, tmp_path / "b.pt2")
    features = torch.from_numpy(np.load(sequences)["x"][:4][None]).float()
    (found,) = torch.export.load(tmp_path / "b.pt2").module()(features=features, lengths=torch.tensor([4]))
    np.testing.assert_allclose(found[0].numpy(), predictor.estimate(sequences)[0].values, rtol=1e-4)


def run(script: Path, argument: Path) -> str:
    command = [sys.executable, str(script), str(argument)]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout
