from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from seqtrain.data import Tagged
from seqtrain.data.check.summary import summarize
from seqtrain.data.check.text import render_summary
from seqtrain.data.corpus import find_split_files
from seqtrain.data.files.columns import TwoColumnReader
from seqtrain.errors import DataError

CONLL_2003 = """\
-DOCSTART- -X- -X- O

EU NNP B-NP B-ORG
rejects VBZ B-VP O
# NN B-NP O

Peter NNP B-NP B-PER
"""


def read(text: str, **columns: int) -> list[tuple[list[str], list[str]]]:
    lines = io.StringIO(text, newline="\n")
    return [(each.words, each.tags) for each in TwoColumnReader(lines, "a.txt", **columns)]


@pytest.mark.parametrize(
    "text", ["the D\ndog N\n\n\nruns V\n", "the\tD\ndog\tN\n \nruns\tV", "the  D\r\ndog N\r\n\r\nruns V"]
)
def test_a_tab_or_spaces_and_a_blank_line_between_sentences(text: str) -> None:
    for given in (text, "\ufeff" + text, "\n" + text):
        assert read(given) == [(["the", "dog"], ["D", "N"]), (["runs"], ["V"])]


def test_a_word_may_hold_spaces_before_a_tab() -> None:
    assert read("1 000\tNUM\nNew\u00a0York\tX\n") == [(["1 000", "New\u00a0York"], ["NUM", "X"])]


@pytest.mark.parametrize(
    ("columns", "tags"),
    [
        ({}, [["B-ORG", "O", "O"], ["B-PER"]]),
        ({"tag_column": 3}, [["B-NP", "B-VP", "B-NP"], ["B-NP"]]),
        ({"word_column": -4, "tag_column": 2}, [["NNP", "VBZ", "NN"], ["NNP"]]),
    ],
)
def test_columns_by_number_and_documents_of_conll_2003(
    columns: dict[str, int], tags: list[list[str]]
) -> None:
    assert read(CONLL_2003, **columns) == list(zip([["EU", "rejects", "#"], ["Peter"]], tags, strict=True))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("dog\n", "1: expected at least 2 columns, found 1: word, tab or spaces, tag"),
        ("the D\ndog\n", "2: 1 columns, but the lines before have 2"),
        ("the D\nNew York N\n", "2: 3 columns, but the lines before have 2"),
        ("the D\n\tN\n", "2: the word is empty"),
        ("the\tD\ndog\t\n", "2: the tag is empty"),
        ("x" * 1001 + " N\n", "1: the word has 1,001 characters; expected at most 1,000"),
        ("\n\n", " no sentence in it; expected a word and its tag on each line"),
        ("", " no sentence in it; expected a word and its tag on each line"),
    ],
)
def test_a_bad_line_is_named(text: str, problem: str) -> None:
    with pytest.raises(DataError) as caught:
        read(text)
    assert str(caught.value) == f"a.txt:{problem}"


def test_too_few_columns_for_the_one_that_is_asked_for() -> None:
    with pytest.raises(DataError, match=r"^a.txt:1: expected at least 4 columns, found 2"):
        read("the D\n", tag_column=4)


TRAIN = "the B-NP\ndog I-NP\nruns O\n\nruns O\n\na B-NP\ncat I-NP\n"


def source(path: Path, **options: Any) -> Tagged:
    return Tagged(path=path, batch_size=2, eval_batch_size=2, cache_dir=path.parent / "cache", **options)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "chunks"
    folder.mkdir()
    (folder / "chunks.train.txt").write_text(TRAIN)
    (folder / "chunks.valid.txt").write_text("the B-NP\n")
    (folder / "README.md").write_text("Nothing to read.")
    return folder


def test_a_folder_without_a_test_file(folder: Path) -> None:
    corpus = source(folder).load()
    assert corpus.spec.targets.names == ("B-NP", "I-NP", "O")
    assert (corpus.spec.targets.tag_scheme, corpus.spec.targets.column) == ("bio", None)
    assert {name: split.lengths.tolist() for name, split in corpus.splits.items()} == {
        "train": [3, 1],
        "dev": [1],
        "test": [2],
    }
    assert corpus.notes == (
        "no test split: every tenth sentence of chunks.train.txt, 1 in all, is used as test and not for"
        " training",
    )


def test_a_single_file(folder: Path) -> None:
    corpus = source(folder / "chunks.train.txt").load()
    assert [split.lengths.tolist() for split in corpus.splits.values()] == [[3], [2], [1]]


def test_columns_are_chosen_by_number_and_cached_apart(folder: Path) -> None:
    text = "\n".join(f"x{number} {line}" if line else "" for number, line in enumerate(TRAIN.split("\n")))
    (folder / "chunks.train.txt").write_text(text)
    for column, words in ((2, {"the", "dog", "runs"}), (1, {"x0", "x1", "x2"})):
        spec = source(folder / "chunks.train.txt", word_column=column).load().spec
        assert set(spec.inputs.words.entries) == words
    with pytest.raises(ValueError, match=r"^tag_column must be 1 or more, or -1 for the last column, got 0$"):
        source(folder, tag_column=0)


@pytest.mark.parametrize(
    "names",
    [
        ("eng.train", "eng.testa", "eng.testb"),
        ("train.tsv", "dev.tsv", "test.tsv"),
        ("a_training.conll", "a-val.conll", "a_Test.conll"),
    ],
)
def test_the_parts_are_found_by_their_names(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in (*names, ".train.swp", "contest.txt"):
        (tmp_path / name).touch()
    found = find_split_files(tmp_path)
    assert tuple(found[split].name for split in ("train", "dev", "test")) == names


def test_a_folder_that_does_not_say_which_part_is_which(folder: Path) -> None:
    (folder / "b.train.txt").write_text(TRAIN)
    with pytest.raises(DataError, match=r"two files of train: b.train.txt, chunks.train.txt; keep one$"):
        source(folder).load()
    for file in folder.glob("*train*"):
        file.unlink()
    with pytest.raises(DataError, match=r"no file with train in its name, as in train.txt; dev and test may"):
        source(folder).load()
    with pytest.raises(DataError, match=r"nothing/here: the file is missing$"):
        source(folder / "nothing" / "here").load()


def test_a_wrong_tag_is_counted_and_leaves_the_scheme_as_it_is(folder: Path) -> None:
    (folder / "chunks.train.txt").write_text(TRAIN + "\nruns I-NP\nit O\n\nthe O\ndog I-NP\n")
    (folder / "chunks.valid.txt").write_text("fox I-NP\n")
    corpus = source(folder).load()
    assert corpus.spec.targets.tag_scheme == "bio"
    note = (
        "I- tags that continue no span of their type, which BIO does not allow: 2 in chunks.train.txt, 1 in "
        "chunks.valid.txt (the first is I-NP of the word runs in sentence 4); they count as they are, and "
        "head=crf predicts none there"
    )
    assert corpus.notes[1:] == (note,)
    assert f"note: {note}" in render_summary(summarize(corpus, source(folder).batching))


def test_a_tag_that_is_not_bio_is_told(folder: Path) -> None:
    (folder / "chunks.train.txt").write_text(TRAIN + "\nit 0\nran 0\n\nit E-NP\n" + "so X-1\n")
    corpus = source(folder).load()
    assert corpus.spec.targets.tag_scheme is None
    assert corpus.notes[1:] == (
        "tags of chunks.train.txt that are neither O nor B-X or I-X: 0 2, E-NP 1, X-1 1; because of them no "
        "tag counts as the mark of a span: head=crf predicts any sequence, and spans are not scored",
    )
    (folder / "chunks.train.txt").write_text("it PRON\nran VERB\n\nit PRON\n")
    (folder / "chunks.valid.txt").write_text("it PRON\n")
    assert len(source(folder).load().notes) == 1
