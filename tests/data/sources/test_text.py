from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seqtrain.data import Text
from seqtrain.data.tokens import split_text
from seqtrain.errors import DataError
from seqtrain.spec import NextToken

SENTENCE = "They'd run a light check, \u201cagain\u201d <unk>.\n\tYes!  No "


def source(path: Path | None, **changes: Any) -> Text:
    keys: dict[str, Any] = {"unit": "character", "split": (80, 10, 10), "batch_size": 2, "steps": 10}
    return Text(path=path, random_steps=False, restarts=0.0, **(keys | changes))


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def texts(corpus: Any) -> dict[str, str]:
    inputs = corpus.spec.inputs
    return {
        split: "".join(inputs.tokens.name(number) for number in data.tokens.tolist())
        for split, data in corpus.splits.items()
    }


def test_words_beside_each_other_are_the_text() -> None:
    words = split_text(SENTENCE, "word")
    assert "".join(words) == SENTENCE
    assert words[:5] == ["They'd", " run", " a", " light", " check"]
    assert " <unk>" in words


@pytest.mark.parametrize("unit", ["character", "word"])
def test_a_file_is_cut_in_its_order(tmp_path: Path, unit: str) -> None:
    text = "".join(f"line {number % 7}\n" for number in range(100))
    corpus = source(write(tmp_path / "text.txt", text), unit=unit).load()
    parts = texts(corpus)
    assert "".join(parts.values()) == text
    assert [len(part) for part in parts.values()] == [560, 70, 70]
    assert isinstance(corpus.spec.targets, NextToken)
    assert corpus.spec.targets.num_targets == len(corpus.spec.inputs.tokens)
    assert corpus.notes == ()


def test_parts_are_files_and_missing_ones_are_cut_from_train(tmp_path: Path) -> None:
    write(tmp_path / "train.txt", "abcdefghij" * 9)
    write(tmp_path / "valid.txt", "abc")
    parts = texts(source(tmp_path).load())
    assert parts == {"train": "abcdefghij" * 8, "dev": "abc", "test": "abcdefghij"}


def test_without_a_part_for_test_dev_is_test(tmp_path: Path) -> None:
    corpus = source(write(tmp_path / "text", "abcdefghij" * 10), split=(90, 10, 0)).load()
    assert texts(corpus)["test"] == texts(corpus)["dev"] == "abcdefghij"
    assert corpus.notes == (
        "test is dev, which chooses the best checkpoint: data.split has no share for test",
    )


def test_what_train_lacks_is_unknown_and_said(tmp_path: Path) -> None:
    corpus = source(write(tmp_path / "text", "ab" * 40 + "abcabcabca" + "ab" * 5)).load()
    assert texts(corpus)["dev"] == "ab<unknown>ab<unknown>ab<unknown>a"
    assert corpus.target_notes == (
        "dev has 3 of 10 characters that train lacks; each counts as the unknown token",
    )
    rare = source(write(tmp_path / "text", "a c" + "ab" * 60), min_count=2).load()
    assert rare.spec.inputs.tokens.entries == ("a", "b")


def test_the_sample_comes_with_the_package() -> None:
    corpus = source(None).load()
    assert texts(corpus)["train"].startswith("PRIDE AND PREJUDICE\n")
    assert corpus.describe() == (
        "train 160,540 characters; dev 20,066 characters; test 20,067 characters; the next token; "
        "74 different characters"
    )


@pytest.mark.parametrize(
    ("content", "changes", "message"),
    [
        (b"", {}, "train has 0 characters; expected more than 20, 2 streams of 10: a longer text, or"),
        (b"abc", {}, "train has 2 characters; expected more than 20"),
        (b"ab " * 99, {"split": (98, 0.1, 1.9)}, "dev has 0 characters; expected at least 2: a longer text"),
        (b"a" * 99, {}, "all of train is 'a', so there is nothing to learn"),
        (b"ab" * 50 + b"\xff\xfe", {}, "the byte 0xff is not valid UTF-8; save the file as UTF-8"),
        (b"ab\0" * 50, {}, "has null bytes, so it is not text; expected UTF-8"),
    ],
)
def test_what_is_no_text_is_refused(
    tmp_path: Path, content: bytes, changes: dict[str, Any], message: str
) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(content)
    with pytest.raises(DataError) as refused:
        source(path, **changes).load()
    assert message in str(refused.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the file is missing"):
        source(tmp_path / "nothing").load()
