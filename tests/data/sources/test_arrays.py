from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqtrain.data import Arrays, encode_sequences, read_sequences, save_sequences
from seqtrain.data.view import View
from seqtrain.errors import DataError
from seqtrain.spec import DataSpec


def load(path: Path) -> Any:
    return Arrays(path=path, batch_size=2, eval_batch_size=2).load()


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        load(path)
    return str(caught.value).replace(f"{path}: ", "")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_sequences(tmp_path / "train.npz", [[[1, 5], [3, 5]], [[5, 5]]], ["b", "a"])
    save_sequences(tmp_path / "dev.npz", [[[3, 6]]], ["b"])
    save_sequences(tmp_path / "test.npz", [[[1, 4], [5, 5], [3, 5]]], ["c"])
    return tmp_path


def test_features_are_standardized_by_train(folder: Path) -> None:
    corpus = load(folder)
    deviation = np.std([1, 3, 5])
    assert corpus.spec.inputs.standardization == ((3.0, 5.0), (pytest.approx(deviation), 1.0))
    assert corpus.splits["dev"].batch([0]).inputs.tolist() == [[[0, 1]]]
    assert corpus.splits["test"].batch([0]).inputs[0, 0].tolist() == pytest.approx([-2 / deviation, -1])
    assert DataSpec.from_dict(corpus.spec.to_dict()) == corpus.spec


def test_a_class_that_train_lacks_counts_as_an_error(folder: Path) -> None:
    corpus = load(folder)
    assert corpus.spec.targets.names == ("a", "b", "c")
    assert corpus.splits["train"].batch([0, 1]).targets.tolist() == [1, 0]
    assert corpus.splits["test"].batch([0]).targets.tolist() == [2]
    assert corpus.target_notes == (
        "test has 1 targets of classes that train lacks (c); they count as errors",
    )


def test_a_single_file_with_targets_of_time_steps(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    save_sequences(path, [[1, 2, 3], [4], [5, 6]], [[10, 2, 2], [2], [2, 10]])
    corpus = load(path)
    assert corpus.spec.targets.names == ("2", "10")
    assert [split.batch([0]).targets.tolist() for split in corpus.splits.values()] == [
        [[1, 0, 0]],
        [[0, 1]],
        [[0]],
    ]
    assert corpus.notes == (
        "no dev split: every tenth sequence of a.npz, 1 in all, is used as dev and not for training",
        "no test split: every tenth sequence of a.npz, 1 in all, is used as test and not for training",
    )


def test_names_of_classes(folder: Path) -> None:
    for part in ("train", "dev", "test"):
        save_sequences(folder / f"{part}.npz", [[1], [2]], [2, 0], names=["x", "y", "z"])
    assert load(folder).spec.targets.names == ("x", "y", "z")
    save_sequences(folder / "dev.npz", [[1], [2]], [2, 0], names=["y", "x", "z"])
    assert refusal(folder) == "dev and train have different names of classes"
    save_sequences(folder / "dev.npz", [[1], [2]], [3, 0], names=["x", "y", "z"])
    assert refusal(folder) == "dev has the class 3, but 3 names"


def test_parts_that_do_not_agree(folder: Path) -> None:
    np.savez(folder / "dev.npz", x=np.zeros((1, 2, 2)))
    assert refusal(folder) == "dev has no y; training needs classes or numbers for each sequence or time step"
    save_sequences(folder / "dev.npz", [[1, 2]], ["a"])
    assert refusal(folder) == "dev has 1 features, train has 2"
    save_sequences(folder / "dev.npz", [[[1, 2], [3, 4]]], [["a", "b"]])
    assert refusal(folder) == "dev and train differ: one has targets for each time step"
    save_sequences(folder / "train.npz", [[[1, 2]], [[3, 4]]], ["a", "a"])
    save_sequences(folder / "dev.npz", [[[1, 2]]], ["a"])
    assert refusal(folder) == "all of train has the class 'a', so there is nothing to learn"


def test_sequences_to_predict_on(folder: Path) -> None:
    spec = load(folder).spec
    np.savez(folder / "new.npz", x=[[[5.0, 5.0]]])
    batch = encode_sequences(spec, read_sequences(folder / "new.npz")).batch([0])
    assert batch.inputs[0, 0].tolist() == pytest.approx([2 / np.std([1, 3, 5]), 0])
    assert batch.targets is None
    np.savez(folder / "new.npz", x=[[5.0, 5.0]])
    with pytest.raises(DataError, match=r"^1 features; the model was trained on 2$"):
        encode_sequences(spec, read_sequences(folder / "new.npz"))
    with pytest.raises(DataError, match=r"^this model was not trained on arrays$"):
        encode_sequences(
            DataSpec(View("rows", 2, 2).inputs, spec.targets), read_sequences(folder / "new.npz")
        )
