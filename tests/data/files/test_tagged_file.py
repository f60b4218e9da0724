from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from seqtrain.data.files.columns import TaggedSentence
from seqtrain.data.files.downloads import cached
from seqtrain.data.files.tagged_file import (
    TaggedFile,
    find_orphans,
    find_scheme,
    flatten,
    read_tagged_file,
)
from seqtrain.model.heads.crf import illegal_bio

SENTENCES = [
    TaggedSentence(["a", "b", "a"], ["X", "Y", "X"]),
    TaggedSentence(["c"], ["Z"]),
    TaggedSentence(["b"], ["X"]),
]


@pytest.fixture
def file() -> TaggedFile:
    return TaggedFile(Path("file"), **flatten(SENTENCES))


def test_spellings_and_tags_are_numbered_as_they_appear(file: TaggedFile) -> None:
    assert (file.forms, file.form.tolist()) == (["a", "b", "c"], [0, 1, 0, 2, 1])
    assert (file.tags, file.tag.tolist()) == (["X", "Y", "Z"], [0, 1, 0, 2, 0])
    assert file.lengths.tolist() == [3, 1, 1]
    assert (file.form.dtype, file.tag.dtype, file.lengths.dtype) == (torch.int32, torch.int32, torch.int64)


def test_what_occurs_is_counted(file: TaggedFile) -> None:
    assert file.form_counts() == [("a", 2), ("b", 2), ("c", 1)]
    some = file.select(torch.tensor([False, True, True]))
    assert some.form_counts() == [("b", 1), ("c", 1)]
    assert some.tag_counts() == {"X": 1, "Z": 1}
    assert some.lengths.tolist() == [1, 1]


@pytest.mark.parametrize(
    "change",
    [
        {"form": torch.tensor([0, 1, 0, 3, 1])},
        {"form": torch.tensor([0, 1, 0, -1, 1])},
        {"tag": torch.tensor([0, 1, 0, 2])},
        {"lengths": torch.tensor([3, 1])},
        {"lengths": torch.tensor([4, 0, 1])},
        {"forms": ["a", "b", ""]},
        {"tags": ["X", "Y", 3]},
    ],
)
def test_arrays_that_do_not_agree_are_not_sound(file: TaggedFile, change: dict[str, object]) -> None:
    assert file.is_sound()
    assert not replace(file, **change).is_sound()


def test_a_cached_result_that_is_not_sound_is_computed_again(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("content")
    wrong = flatten(SENTENCES) | {"lengths": torch.tensor([9])}
    cached(path, "kind-1", lambda: wrong, tmp_path / "cache", options="a")
    file = read_tagged_file(path, "kind-1", lambda _: SENTENCES, tmp_path / "cache", options="a")
    assert file.lengths.tolist() == [3, 1, 1]


def tagged(sentences: str) -> TaggedFile:
    """A file of sentences of which only the tags matter."""
    tags = [sentence.split() for sentence in sentences.split("|")]
    return TaggedFile(Path("file"), **flatten(TaggedSentence(each, each) for each in tags))


@pytest.mark.parametrize(
    ("sentences", "scheme"),
    [
        ("B-X I-X O | O B-Y", "bio"),
        ("B-X I-X I-X B-X", "bio"),
        ("B-X B-Y O", "bio"),
        ("O I-X", "iob"),
        ("O I-X | O I-X B-X | I-Y", "iob"),
        ("O I-X | I-X | O B-X", "iob"),  # one wrong tag among those of iob
        ("O B-X | I-X", "bio"),  # and among those of bio
        ("B-X O B-Y | I-X", "bio"),
        ("I-X O | O", "iob"),
        ("B-X I-Y", "bio"),
        ("O O", None),
        ("B-X E-X O", None),
        ("NOUN VERB", None),
        ("B- O", None),
    ],
)
def test_the_scheme_of_tags(sentences: str, scheme: str | None) -> None:
    assert find_scheme(tagged(sentences)) == scheme


def test_orphans_are_the_tags_that_the_crf_may_not_predict() -> None:
    file = tagged("I-X I-X O I-Y I-X | B-X I-X I-Y | I-Y B-Y")
    assert find_orphans(file).tolist() == [0, 3, 4, 7, 8]
    transitions, starts = illegal_bio(file.tags)
    sentence_starts = [0, *file.lengths.cumsum(0).tolist()]
    illegal = [
        word
        for word, tag in enumerate(file.tag.tolist())
        if (starts[tag] if word in sentence_starts else transitions[file.tag[word - 1], tag])
    ]
    assert find_orphans(file).tolist() == illegal
