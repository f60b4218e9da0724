from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqtrain.data import read_sequences, save_sequences
from seqtrain.data.files import arrays
from seqtrain.errors import DataError

X = np.arange(12.0).reshape(2, 3, 2)


def write(folder: Path, **values: Any) -> Path:
    np.savez(folder / "a.npz", **values)
    return folder / "a.npz"


def refusal(folder: Path, **values: Any) -> str:
    with pytest.raises(DataError) as caught:
        read_sequences(write(folder, **values))
    return str(caught.value).replace(f"{folder}/", "")


def test_a_padded_array_with_lengths(tmp_path: Path) -> None:
    padded = X.copy()
    padded[0, 2] = np.nan  # padding may hold anything
    found = read_sequences(write(tmp_path, x=padded, lengths=[2, 3], y=["b", "a"]))
    assert found.x.tolist() == [[0, 1], [2, 3], [6, 7], [8, 9], [10, 11]]
    assert (found.lengths.tolist(), found.y.tolist()) == ([2, 3], ["b", "a"])
    assert (found.x.dtype, found.has_target_per_step) == (np.float32, False)


def test_sequences_one_after_another(tmp_path: Path) -> None:
    flat = X.reshape(6, 2)
    found = read_sequences(
        write(tmp_path, x=flat, lengths=[2, 4], y=[0, 1, 0, 1, 2, 2], names=["p", "q", "r"])
    )
    assert np.array_equal(found.x, flat)
    assert found.has_target_per_step
    assert found.names == ("p", "q", "r")


def test_one_number_a_time_step(tmp_path: Path) -> None:
    assert read_sequences(write(tmp_path, x=X[:, :, 0])).x.shape == (6, 1)
    assert read_sequences(write(tmp_path, x=X[0, :, 0], lengths=[2, 1])).x.shape == (3, 1)


def test_targets_of_padded_time_steps(tmp_path: Path) -> None:
    found = read_sequences(write(tmp_path, x=X, lengths=[3, 1], y=[[0, 1, 2], [3, 9, 9]]))
    assert found.y.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("targets", [["a", "b"], [[0, 1], [2, 3, 4]]])
def test_a_list_is_written_and_read_again(tmp_path: Path, targets: list[Any]) -> None:
    sequences = [X[0, :2], X[1]]
    save_sequences(tmp_path / "b.npz", sequences, targets, names=list("vwxyz"))
    found = read_sequences(tmp_path / "b.npz")
    assert np.array_equal(found.x, np.concatenate(sequences))
    assert found.y.tolist() == (targets if isinstance(targets[0], str) else [0, 1, 2, 3, 4])
    assert found.lengths.tolist() == [2, 3]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (
            {"z": X},
            "no array x in it, but nothing; expected x, lengths if it is ragged, y, and optionally names",
        ),
        ({"x": ["a"]}, "x has values of type <U1; expected numbers"),
        (
            {"x": np.zeros((2, 3, 4, 5))},
            "x has the shape (2, 3, 4, 5); expected (sequences, time, features), or (time steps, features)"
            " with lengths",
        ),
        (
            {"x": X, "lengths": [1.0, 2.0]},
            "lengths are float64 of shape (2,); expected (sequences,) integers",
        ),
        ({"x": X, "lengths": [1, 2, 3]}, "3 lengths with the sum 6 for x of shape (2, 3, 2)"),
        ({"x": X, "lengths": [0, 2]}, "the length of sequence 0 (counted from 0) is 0; expected 1 to 3"),
        ({"x": X, "lengths": [3, 4]}, "the length of sequence 1 (counted from 0) is 4; expected 1 to 3"),
        (
            {"x": np.where(X == 9, np.inf, X), "lengths": [2, 3]},
            "x is inf at time step 1 of sequence 1, feature 1 (counted from 0); expected finite numbers",
        ),
        (
            {"x": X, "y": [1, 2, 3]},
            "y has the shape (3,); expected a class for each of the 2 sequences, or for each of the 6 time"
            " steps",
        ),
        (
            {"x": X, "y": [1j, 1.0]},
            "y has values of type complex128; expected classes, integers or strings, or numbers, floats",
        ),
        ({"x": X, "y": [1, -1]}, "y is -1 at 1 (counted from 0); expected classes from 0"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, values: dict[str, Any], problem: str) -> None:
    assert refusal(tmp_path, **values) == f"a.npz: {problem}"


def test_a_header_that_promises_more_than_there_is_takes_no_memory(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (1 << 40,)}
    )
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", header.getvalue() + bytes(8))
    with pytest.raises(
        DataError, match=r"a.npz: not an .npz file, or a damaged one: x.npy does not match its header"
    ):
        read_sequences(tmp_path / "a.npz")


def test_arrays_beyond_a_bound_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "MAX_BYTES", 1 << 20)
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros((1000, 1000, 1)))
    with pytest.raises(DataError, match=r"a.npz: the arrays take more than "):
        read_sequences(tmp_path / "a.npz")


def test_no_code_is_run(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.array([print], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"a.npz: not an .npz file, or a damaged one: x.npy does not match"):
        read_sequences(tmp_path / "a.npz")
