from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seqtrain.data import Corpus, Texts
from seqtrain.errors import DataError
from seqtrain.spec import SequenceClasses, TokenInputs, WordInputs


def load(path: Path | None, **more: Any) -> Corpus:
    options = {"unit": "word", "batch_size": 8, "eval_batch_size": 8} | more
    return Texts(path=path, **options).load()


def write_classes(folder: Path, **texts: list[str]) -> Path:
    folder.mkdir()
    for name, lines in texts.items():
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def names(count: int, first: str) -> list[str]:
    return [f"{first}{chr(97 + number % 26)}{number // 26}" for number in range(count)]


def test_the_sample_is_there() -> None:
    corpus = load(None)
    assert isinstance(corpus.spec.inputs, WordInputs)
    assert {split: len(each.lengths) for split, each in corpus.splits.items()} == {
        "train": 530,
        "dev": 100,
        "test": 140,
    }


def test_words_and_classes(tmp_path: Path) -> None:
    for split in ("train", "dev", "test"):
        (tmp_path / f"{split}.txt").write_text("good A fine day!\nbad Oh dear.\n", encoding="utf-8")
    corpus = load(tmp_path)
    assert corpus.spec.targets == SequenceClasses(("bad", "good"))
    assert corpus.spec.targets.counts == (1, 1)
    train: Any = corpus.splits["train"]
    assert train.words(0) == ["A", "fine", "day", "!"]
    batch = train.batch([1, 0])
    assert batch.targets.tolist() == [0, 1]
    assert batch.lengths.tolist() == [3, 4]


def test_characters_keep_their_case(tmp_path: Path) -> None:
    corpus = load(write_classes(tmp_path / "n", A=names(30, "A"), b=names(30, "b")), unit="character")
    assert isinstance(corpus.spec.inputs, TokenInputs)
    train: Any = corpus.splits["train"]
    assert train.words(0) == ["A", "a", "0"]
    batch = train.batch([0, 40])
    assert batch.inputs.shape == (2, 3)
    assert batch.inputs[0, 0] != batch.inputs[0, 1]
    assert batch.targets.tolist() == [0, 1]


def test_what_occurs_again_is_left_out_before_the_split(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "n", a=names(40, "x") * 3, b=[*names(40, "y"), "xa0"])
    corpus = load(folder, unit="character")
    assert sum(len(each.lengths) for each in corpus.splits.values()) == 81  # xa0 is of both classes
    assert corpus.notes[0] == "80 texts occur again with the same class and are left out"


def test_given_splits_stay_as_they_are(tmp_path: Path) -> None:
    for split in ("train", "dev", "test"):
        (tmp_path / f"{split}.txt").write_text("good yes\nbad no\ngood yes\n", encoding="utf-8")
    corpus = load(tmp_path)
    assert [len(each.lengths) for each in corpus.splits.values()] == [3, 3, 3]
    assert corpus.notes == ()


def test_classes_that_train_lacks_are_told(tmp_path: Path) -> None:
    for split in ("train", "dev", "test"):
        more = "odd what\n" if split == "test" else ""
        (tmp_path / f"{split}.txt").write_text(f"good yes\nbad no\n{more}", encoding="utf-8")
    corpus = load(tmp_path)
    assert corpus.spec.targets.counts == (1, 1, 0)
    assert corpus.target_notes == (
        "test has 1 texts of classes that train lacks (odd 1); they count as errors",
    )


def test_one_class_is_refused(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "n", a=names(30, "x"))
    with pytest.raises(DataError, match="all texts have the class 'a', so there is nothing to learn"):
        load(folder)
