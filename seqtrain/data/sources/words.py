"""From tagged files to a corpus of words: vocabularies, targets, word vectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from seqtrain.data.batching.datasets import Spellings, WordDataset
from seqtrain.data.corpus import SPLITS, Batching, Corpus, Dataset, take_from_train
from seqtrain.data.files.conllu import EMPTY
from seqtrain.data.files.tagged_file import TaggedFile, find_orphans, find_scheme, find_strays
from seqtrain.data.files.word_vectors import read_word_vectors
from seqtrain.errors import DataError, name_some, printable_line
from seqtrain.spec import DataSpec, StepClasses, Vocabulary, WordInputs

Files = dict[str, TaggedFile]

MAX_LISTED = 5  # tags that a note names


@dataclass
class KnownWords:
    """Which words a model knows.

    Args:
        min_count: words that occur less often in train are unknown.
        vectors: a file of pretrained word vectors (see `read_word_vectors`). Of its words all that train has
            and the first `max_vectors` others (None: all) are known too, with a count of 0 if train lacks
            them or has them too rarely.
        max_vectors: see `vectors`.
    """

    min_count: int
    vectors: str | Path | None
    max_vectors: int | None
    _recalled: WordInputs | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if self.min_count < 1:
            raise ValueError(f"min_count must be at least 1, got {self.min_count}")

    def recall(self, spec: DataSpec) -> None:
        """Use the words of a checkpoint's spec instead of reading the file of word vectors."""
        if isinstance(spec.inputs, WordInputs) and spec.inputs.vector_size is not None:
            self._recalled = spec.inputs

    def read(self, words: Counter[str], characters: Counter[str]) -> tuple[WordInputs, Tensor | None]:
        """The inputs of a model, from the words and characters of train, and the table of word vectors."""
        known, size, vectors = Vocabulary.of(words, self.min_count), None, None
        if self.vectors is not None and self._recalled is not None:
            recalled = self._recalled
            known = known.extended(recalled.words.entries[recalled.words.num_counted :])
            size = recalled.vector_size
        elif self.vectors is not None:
            found = read_word_vectors(self.vectors, words.keys(), self.max_vectors)
            known = known.extended(found.words)
            size, vectors = found.size, found.rows_of(known)
        inputs = WordInputs(words=known, characters=Vocabulary.of(characters), vector_size=size)
        return inputs, vectors


class WordSource(ABC):
    """A source of tagged sentences, of which a subclass reads the files.

    Args:
        batching: see `Source`.
        known: which words the model knows.
        column: of CoNLL-U, where the tags are read from.
    """

    def __init__(self, batching: Batching, known: KnownWords, column: str | None = None) -> None:
        self.batching = batching
        self._known, self._column = known, column
        self.recall = known.recall

    @abstractmethod
    def read_files(self) -> Files:
        """The file of each split, at least of train: what is missing is taken from it."""

    def load(self) -> Corpus:
        given = self.read_files()
        train = given["train"]
        masks, notes = take_from_train(len(train.lengths), given, "sentence", train.path)
        files = given | {split: train.select(chosen) for split, chosen in masks.items()}
        train = files["train"]
        scheme = find_scheme(train)
        notes += [*_note_hidden_forms(files), *_note_strays(given["train"])]
        notes += _note_orphans(given) if scheme == "bio" else ()
        counts, characters = count_forms(train.form_counts())
        inputs, vectors = self._known.read(counts, characters)
        targets = StepClasses(_target_names(files), self._column, scheme)
        splits: dict[str, Dataset] = {each: _encode(files[each], inputs, targets, counts) for each in SPLITS}
        notes_of_targets = tuple(_note_unseen_tags(files))
        return Corpus(DataSpec(inputs, targets), splits, vectors, tuple(notes), notes_of_targets)


def count_forms(forms: Iterable[tuple[str, int]]) -> tuple[Counter[str], Counter[str]]:
    """How often each lower-cased word and each character occurs; `forms` are spellings with their counts."""
    words, characters = Counter[str](), Counter[str]()
    for form, count in forms:
        words[form.lower()] += count
        for character in form:
            characters[character] += count
    return words, characters


def _target_names(files: Files) -> tuple[str, ...]:
    """The tags of all splits: one that train lacks has an output that is never a target in training."""
    trained, path = files["train"].tag_counts(), files["train"].path
    if len(trained) == 1:
        problem = f"all words have the tag {next(iter(trained))!r}, so there is nothing to learn"
        raise DataError(f"{problem}; choose another column of tags", path)
    return tuple(sorted({tag for file in files.values() for tag in file.tag_counts()}))


def _note_unseen_tags(files: Files) -> Iterator[str]:
    trained = files["train"].tag_counts()
    for split in ("dev", "test"):
        unseen = {tag: count for tag, count in files[split].tag_counts().items() if tag not in trained}
        if unseen:
            listed = name_some(f"{tag} {count:,}" for tag, count in sorted(unseen.items()))
            number = sum(unseen.values())
            yield f"{split} has {number:,} words with tags that train lacks ({listed}); they count as errors"


def _note_hidden_forms(files: Files) -> Iterator[str]:
    hidden = [split for split, file in files.items() if [form for form, _ in file.form_counts()] == [EMPTY]]
    if hidden:
        remedy = "the treebank comes without its text; its README says how to fill it in"
        yield f"every word of {', '.join(hidden)} is {EMPTY}: {remedy}"


def _note_strays(train: TaggedFile) -> Iterator[str]:
    """Tags that are not BIO, where others are: a misspelt one, or those of another scheme."""
    counts = train.tag_counts()
    if strays := find_strays(counts):
        listed = name_some((f"{tag} {counts[tag]:,}" for tag in strays), MAX_LISTED)
        yield (
            f"tags of {train.path.name} that are neither O nor B-X or I-X: {listed}; because of"
            " them no tag counts as the mark of a span: head=crf predicts any sequence, and spans are not"
            " scored"
        )


def _note_orphans(files: Files) -> Iterator[str]:
    """Tags that BIO does not allow where they are. They stay targets."""
    orphans = [(file, find_orphans(file).tolist()) for file in files.values()]
    found = [(file, rows) for file, rows in orphans if rows]
    for file, (row, *_) in found[:1]:
        tag, word = file.tags[int(file.tag[row])], file.forms[int(file.form[row])]
        sentence = 1 + int((file.lengths.cumsum(0) <= row).sum())
        counts = ", ".join(f"{len(rows):,} in {each.path.name}" for each, rows in found)
        yield (
            f"I- tags that continue no span of their type, which BIO does not allow: {counts} (the first is"
            f" {tag} of the word {printable_line(word)} in sentence {sentence:,}); they count as they are,"
            " and head=crf predicts none there"
        )


def _encode(
    file: TaggedFile, inputs: WordInputs, targets: StepClasses, train_words: Mapping[str, int]
) -> WordDataset:
    numbers = {name: number for number, name in enumerate(targets.names)}
    ids = torch.tensor([numbers.get(tag, -1) for tag in file.tags], dtype=torch.int32)
    spellings = Spellings.encode(file.forms, inputs, seen=train_words.keys())
    return WordDataset(file.lengths, file.form, spellings, ids[file.tag])
