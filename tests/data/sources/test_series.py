from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqtrain.data import Series
from seqtrain.errors import DataError
from seqtrain.spec import DataSpec

ROWS = 60


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Columns a, b = 100 + 2 a, and c, a season of three."""
    draw = np.random.RandomState(0)
    a = draw.randn(ROWS).cumsum()
    table = np.stack([np.arange(ROWS), a, 100 + 2 * a, np.arange(ROWS) % 3], axis=1)
    np.savetxt(tmp_path / "a.csv", table, "%.9g", ",", header="t,a,b,c", comments="")
    return tmp_path / "a.csv"


def load(path: Path, **options: Any) -> Any:
    sizes = {"context": 6, "horizon": 4, "fold": 2, "season": 3, "batch_size": 8, "eval_batch_size": 8}
    return Series(**{"path": path, "time": "t", **sizes, **options}).load()


def table_of(path: Path) -> Any:
    return np.genfromtxt(path, delimiter=",", skip_header=1)[:, 1:]


def test_windows_of_independent_series(path: Path) -> None:
    corpus = load(path, targets=["b", "a"], covariates=["c"], subtract_last=False, split=[40, 10, 10])
    inputs, targets = corpus.spec.inputs, corpus.spec.targets
    assert (inputs.series, inputs.covariates, inputs.feature_size) == (("b", "a"), ("c",), 4)
    assert (targets.names, targets.num_targets, inputs.time) == (("b", "a"), 4, "t")
    train = table_of(path)[:40]
    scaled = (table_of(path) - train.mean(axis=0)) / train.std(axis=0)
    batch = corpus.splits["train"].batch([2 * 7 + 1, 0])  # the second series of window 7, then the first of 0
    assert batch.lengths.tolist() == [3, 3]
    expected = scaled[7:13][:, [0, 2]].reshape(3, 4)  # a and c
    np.testing.assert_allclose(batch.inputs[0], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(batch.targets[0], scaled[13:17, 0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(batch.targets[1], scaled[6:10, 1], rtol=1e-5, atol=1e-6)
    assert batch.origins.series.tolist() == [[1], [0]]
    np.testing.assert_allclose(batch.origins.recent[0, :, 0], scaled[10:13, 0], rtol=1e-5, atol=1e-6)
    errors = np.abs(scaled[3:40] - scaled[:37]).mean(axis=0)
    assert targets.naive_errors == (pytest.approx(errors[1]), pytest.approx(errors[0]))
    assert DataSpec.from_dict(corpus.spec.to_dict()) == corpus.spec


def test_windows_of_all_series_together(path: Path) -> None:
    corpus = load(path, covariates=["c"], channels="joint", split=[40, 10, 10])
    assert corpus.spec.inputs.feature_size == 6
    assert corpus.spec.targets.num_targets == 8
    batch = corpus.splits["dev"].batch([0])  # its targets are the first rows of dev
    train = table_of(path)[:40]
    scaled = (table_of(path) - train.mean(axis=0)) / train.std(axis=0)
    last = scaled[39].copy()
    last[2] = 0.0  # covariates are as they are
    np.testing.assert_allclose(batch.inputs[0].view(6, 3), scaled[34:40] - last, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(batch.targets[0].view(4, 2), (scaled[40:44] - last)[:, :2], atol=1e-5)
    np.testing.assert_allclose(batch.origins.last[0], last[:2], rtol=1e-5)
    assert batch.origins.recent[0, -1].tolist() == [0.0, 0.0]


def test_no_target_lies_across_a_border(path: Path) -> None:
    """The values are the numbers of the rows."""
    np.savetxt(path, np.arange(ROWS), header="row", comments="")
    corpus = load(path, time=None, split=[0.5, 0.2, 0.3], subtract_last=False, stride=3)
    mean, deviation = corpus.spec.targets.standardization
    rows = {
        name: (split.batch(range(len(split.lengths))).targets * deviation[0] + mean[0]).round()
        for name, split in corpus.splits.items()
    }
    assert (rows["train"].min(), rows["train"].max()) == (6, 27)
    assert rows["train"][:, 0].diff().unique().tolist() == [3]
    assert (rows["dev"].min(), rows["dev"].max()) == (30, 41)
    assert (rows["test"].min(), rows["test"].max()) == (42, 59)
    assert len(rows["dev"]) == 12 - 4 + 1
    assert rows["test"][:, 0].diff().unique().tolist() == [1]


def test_the_sample() -> None:
    corpus = load(None, time=None, context=48, horizon=24, fold=24, season=24)  # type: ignore[arg-type]
    assert corpus.spec.inputs.series == ("temperature", "demand", "wind")
    assert corpus.spec.inputs.time == "time"
    assert len(corpus.splits["test"].lengths) == 3 * (720 - 24 + 1)
    assert not corpus.splits["train"].batch([0]).targets.isnan().any()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"targets": ["x"]}, "column: got 'x', expected one of t, a, b, c"),
        ({"covariates": ["x"]}, "column: got 'x', expected one of a, b, c"),
        ({"covariates": ["a", "b", "c"]}, "every column is a covariate, so there is nothing to forecast"),
        (
            {"context": 60},
            "train has 42 rows, and a window 64: context 60 and horizon 4; give a longer series, or smaller"
            " ones",
        ),
        (
            {"horizon": 10},
            "dev has 6 rows, fewer than the horizon of 10; give a longer series, another data.split, or a"
            " smaller data.horizon",
        ),
        ({"split": [50, 10, 10]}, "60 rows; data.split has 70"),
    ],
)
def test_a_series_that_is_too_short_is_refused(path: Path, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(DataError) as caught:
        load(path, **options)
    assert str(caught.value) == f"{path}: {problem}"


def test_a_column_that_never_changes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    np.savetxt(path, np.full((ROWS, 1), 7.0), header="a", comments="")
    with pytest.raises(
        DataError, match=r"the column a is 7 in all of train; leave it out, or change data.split"
    ):
        load(path, time=None)


def test_rows_that_belong_to_no_part_are_told(path: Path) -> None:
    assert load(path, split=[40, 10, 6]).notes == (
        "the last 4 rows belong to none of the splits in data.split",
    )
    assert load(path, split=[0.7, 0.1, 0.2]).notes == ()


@pytest.mark.parametrize(("name", "value"), [("fold", 4), ("season", 7)])
def test_sizes_that_do_not_fit_are_refused(path: Path, name: str, value: int) -> None:
    with pytest.raises(ValueError, match="context 6 must be a multiple of fold"):
        load(path, **{name: value})


def test_batches_are_the_same_in_any_company(path: Path) -> None:
    split = load(path).splits["train"]
    together, alone = split.batch([3, 9]), split.batch([9])
    assert torch.equal(together.inputs[1], alone.inputs[0])
    assert torch.equal(together.targets[1], alone.targets[0])
