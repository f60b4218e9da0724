"""Texts with a class for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from seqtrain.data.batching.datasets import Spellings, WordDataset
from seqtrain.data.batching.text_dataset import TextDataset
from seqtrain.data.corpus import (
    SPLITS,
    Batching,
    Corpus,
    Dataset,
    find_split_files,
    split_of,
    take_from_train,
)
from seqtrain.data.files.downloads import sample_dir
from seqtrain.data.files.labelled import Column, LabelledTexts, read_labelled_texts
from seqtrain.data.sentences import tokenize_span
from seqtrain.data.sources.words import KnownWords, count_forms
from seqtrain.errors import DataError
from seqtrain.spec import DataSpec, Inputs, SequenceClasses, TokenInputs, Unit, Vocabulary, WordInputs

Splits = dict[str, LabelledTexts]


class Texts:
    """Texts with a class for each, as words or as characters.

    Args:
        path: a file or a folder, see `read_labelled_texts`; or a folder with one of these for each split
            (train, dev and test in their names). Splits that are missing are taken from train, every tenth
            text each, after texts that occur again with the same class have been left out. None for the
            sample that comes with the package.
        unit: what a time step is.
        text_column: where a table has the text, by name or by number.
        class_column: where it has the class.
        min_count: words or characters that occur less often in train are unknown.
        vectors: a file of pretrained word vectors, see `KnownWords`.
        max_vectors: see `KnownWords`.
    """

    def __init__(
        self,
        *,
        path: str | Path | None,
        unit: Unit,
        batch_size: int,
        eval_batch_size: int,
        max_tokens: int | None = None,
        epochs: int | None = None,
        min_steps: int = 0,
        text_column: Column = "text",
        class_column: Column = "label",
        min_count: int = 1,
        vectors: str | Path | None = None,
        max_vectors: int | None = 100_000,
    ) -> None:
        self.batching = Batching(batch_size, max_tokens, eval_batch_size, epochs, min_steps)
        self._path = None if path is None else Path(path)
        self._unit, self._columns, self._min_count = unit, (text_column, class_column), min_count
        self._known = KnownWords(min_count, vectors, max_vectors)
        self.recall = self._known.recall

    def load(self) -> Corpus:
        path = self._path or _sample()
        given = {
            split: read_labelled_texts(each, *self._columns) for split, each in _find_splits(path).items()
        }
        labelled, notes = _complete(given)
        targets = _classes(labelled, path)
        numbers = {name: number for number, name in enumerate(targets.names)}
        ids = {split: torch.tensor([numbers[each] for each in labelled[split].classes]) for split in SPLITS}
        texts = {split: labelled[split].texts for split in SPLITS}
        inputs, splits, vectors = self._encode(texts, ids)
        unseen = tuple(_note_unseen(labelled))
        return Corpus(DataSpec(inputs, targets), splits, vectors, tuple(notes), unseen)

    def _encode(
        self, texts: dict[str, tuple[str, ...]], ids: dict[str, Tensor]
    ) -> tuple[Inputs, dict[str, Dataset], Tensor | None]:
        if self._unit == "character":
            counts = Counter(letter for text in texts["train"] for letter in text)
            tokens = TokenInputs(tokens=Vocabulary.of(counts, self._min_count), unit=self._unit)
            return tokens, {each: TextDataset.encode(tokens, texts[each], ids[each]) for each in SPLITS}, None
        words = {
            split: [tokenize_span(text, 0, len(text)).tokens for text in texts[split]] for split in SPLITS
        }
        forms = Counter(word for text in words["train"] for word in text)
        counts, characters = count_forms(forms.items())
        inputs, vectors = self._known.read(counts, characters)
        splits: dict[str, Dataset] = {
            each: _encode_words(words[each], inputs, ids[each], counts) for each in SPLITS
        }
        return inputs, splits, vectors


def _encode_words(
    texts: Sequence[Sequence[str]], inputs: WordInputs, ids: Tensor, seen: Counter[str]
) -> WordDataset:
    numbers: dict[str, int] = {}  # of the distinct spellings, in order of appearance
    form = torch.tensor([numbers.setdefault(word, len(numbers)) for text in texts for word in text])
    spellings = Spellings.encode(list(numbers), inputs, seen)
    return WordDataset(torch.tensor(list(map(len, texts))), form, spellings, classes=ids)


def _sample() -> Path:
    folder = sample_dir("requests")
    if folder is None:
        raise DataError("the sample texts are not installed; give data.path")
    return folder


def _find_splits(path: Path) -> dict[str, Path]:
    """The file or folder of each split; all of it is train where no name contains a split."""
    if path.is_dir() and any(split_of(each) == "train" for each in path.iterdir()):
        return find_split_files(path)
    return {"train": path}


def _complete(given: Splits) -> tuple[Splits, list[str]]:
    """All splits, with missing ones taken from train; and a note on each of these."""
    train, notes = given["train"], []
    if len(given) < len(SPLITS):
        whole, train = train, train.without_repetitions()
        if repeated := len(whole.texts) - len(train.texts):
            notes.append(f"{repeated:,} texts occur again with the same class and are left out")
    masks, taken = take_from_train(len(train.texts), given, "text", train.path)
    chosen = {split: train.select(mask.tolist()) for split, mask in masks.items()}
    return given | chosen, [*notes, *taken]


def _classes(labelled: Splits, path: Path) -> SequenceClasses:
    """The classes of all splits: one that train lacks has an output that is never a target in training."""
    counts = Counter(labelled["train"].classes)
    if len(counts) == 1:
        raise DataError(
            f"all texts have the class {next(iter(counts))!r}, so there is nothing to learn", path
        )
    names = tuple(sorted({name for each in labelled.values() for name in each.classes}))
    return SequenceClasses(names, tuple(counts[name] for name in names))


def _note_unseen(labelled: Splits) -> Iterator[str]:
    trained = set(labelled["train"].classes)
    for split in ("dev", "test"):
        unseen = Counter(name for name in labelled[split].classes if name not in trained)
        if unseen:
            listed = ", ".join(f"{name} {count:,}" for name, count in sorted(unseen.items()))
            yield (
                f"{split} has {unseen.total():,} texts of classes that train lacks ({listed}); they count as"
                " errors"
            )
