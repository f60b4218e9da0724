from __future__ import annotations

from pathlib import Path

import pytest

from seqtrain.data.corpus import Batching, Corpus
from seqtrain.data.files.columns import TaggedSentence
from seqtrain.data.files.tagged_file import TaggedFile, flatten
from seqtrain.data.sources.words import KnownWords, WordSource
from seqtrain.errors import DataError


def tagged_file(*sentences: str) -> TaggedFile:
    parsed = [[word.split("/") for word in sentence.split()] for sentence in sentences]
    pairs = [TaggedSentence([w for w, _ in each], [t for _, t in each]) for each in parsed]
    return TaggedFile(Path("train.txt"), **flatten(pairs))


class Given(WordSource):
    """Tagged sentences that are there already."""

    def __init__(self, **files: TaggedFile) -> None:
        super().__init__(Batching(2, None, 2), KnownWords(min_count=1, vectors=None, max_vectors=None))
        self.files = files

    def read_files(self) -> dict[str, TaggedFile]:
        return self.files


def build(**files: TaggedFile) -> Corpus:
    return Given(**files).load()


TRAIN = tagged_file("the/D dog/N", "a/D cat/N", "run/V")


def test_words_are_counted_in_any_case_and_characters_as_they_are() -> None:
    inputs = build(train=tagged_file("Run/V a/D", "run/V a/D", "Run/N"), dev=TRAIN, test=TRAIN).spec.inputs
    assert dict(zip(inputs.words.entries, inputs.words.counts, strict=True)) == {"run": 3, "a": 2}
    found = dict(zip(inputs.characters.entries, inputs.characters.counts, strict=True))
    assert found == {"n": 3, "u": 3, "R": 2, "a": 2, "r": 1}


def test_a_tag_that_train_lacks_counts_as_an_error() -> None:
    corpus = build(train=TRAIN, dev=tagged_file("oh/I dog/N ./P"), test=tagged_file("oh/I", "oh/I"))
    assert corpus.spec.targets.names == ("D", "I", "N", "P", "V")
    assert corpus.splits["dev"].batch([0]).targets.tolist() == [[1, 2, 3]]
    assert corpus.target_notes == (
        "dev has 2 words with tags that train lacks (I 1, P 1); they count as errors",
        "test has 2 words with tags that train lacks (I 2); they count as errors",
    )


def test_parts_without_a_file_are_taken_from_train() -> None:
    corpus = build(train=TRAIN)
    assert {name: split.lengths.tolist() for name, split in corpus.splits.items()} == {
        "train": [2],
        "dev": [1],
        "test": [2],
    }
    assert list(corpus.splits) == ["train", "dev", "test"]
    assert corpus.spec.inputs.words.entries == ("dog", "the")
    assert corpus.notes[1] == (
        "no test split: every tenth sentence of train.txt, 1 in all, is used as test and not for training"
    )


def test_words_of_dev_alone_are_unseen() -> None:
    corpus = build(train=TRAIN, test=TRAIN)
    assert corpus.splits["dev"].batch([0]).unseen.tolist() == [[True]]
    assert corpus.splits["test"].batch([2]).unseen.tolist() == [[True]]


def test_too_few_sentences_to_keep_some() -> None:
    with pytest.raises(DataError) as caught:
        build(train=tagged_file("a/X b/Y", "c/X"))
    assert str(caught.value) == "train.txt: 2 sentences are too few to keep some for dev and test"


def test_a_single_tag() -> None:
    with pytest.raises(
        DataError, match=r"^train.txt: all words have the tag 'X', so there is nothing to learn"
    ):
        build(train=tagged_file("a/X", "b/X"), dev=TRAIN, test=TRAIN)


def test_forms_that_are_hidden_are_pointed_out() -> None:
    hidden = tagged_file("_/D _/N")
    corpus = build(train=hidden, dev=TRAIN, test=hidden)
    assert corpus.notes[0] == (
        "every word of train, test is _: the treebank comes without its text; its README says"
        " how to fill it in"
    )
