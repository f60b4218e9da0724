"""A text to learn the language of: one file, or one for each split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from seqtrain.data.batching.streams import Streams
from seqtrain.data.batching.token_dataset import TokenDataset
from seqtrain.data.corpus import SPLITS, Batching, Corpus, Dataset, find_split_files
from seqtrain.data.files.downloads import sample_dir
from seqtrain.data.files.text import BYTE_ORDER_MARK, read_utf8
from seqtrain.data.tokens import split_text
from seqtrain.errors import DataError
from seqtrain.records import UNKNOWN
from seqtrain.spec import DataSpec, NextToken, TokenInputs, Vocabulary
from seqtrain.spec.inputs import Unit


class Text:
    """The characters or words of a text, each with the one that follows as its target.

    Args:
        path: a UTF-8 file, or a folder with files of train and, perhaps, dev and test in their names; None
            for the sample that comes with the package.
        unit: what the text is cut into.
        split: the shares of train, dev and test, in this order, of a text that is cut; with 0 for test, dev
            is used as test, too. In a folder, splits without a file are cut from the end of train.
        min_count: characters or words that occur less often in train are unknown.
        batch_size: streams that are read side by side.
        steps, random_steps, restarts: see `Streams`.
    """

    def __init__(
        self,
        *,
        path: str | Path | None,
        unit: Unit,
        split: Sequence[float],
        batch_size: int,
        steps: int,
        random_steps: bool,
        restarts: float,
        min_count: int = 1,
        epochs: int | None = None,
        min_steps: int = 0,
    ) -> None:
        self.batching = Batching(batch_size, None, 1, epochs, min_steps)
        self._path = None if path is None else Path(path)
        self._unit, self._min_count = unit, min_count
        self._shares = dict(zip(SPLITS, split, strict=True))
        self._streams = Streams(steps, random_steps, restarts)

    def load(self) -> Corpus:
        path = self._path or _sample()
        texts, notes = self._cut({split: _read(file) for split, file in find_split_files(path).items()})
        by_split = {split: split_text(text, self._unit) for split, text in texts.items()}
        self._check(by_split, path)
        tokens = Vocabulary.of(Counter(by_split["train"]), self._min_count)
        inputs = TokenInputs(tokens=tokens, unit=self._unit)
        spec = DataSpec(inputs, NextToken(tokens))
        ids = {split: encode_tokens(tokens, by_split[split]) for split in SPLITS}
        splits: dict[str, Dataset] = {
            split: TokenDataset(ids[split], self._streams, inputs) for split in SPLITS
        }
        return Corpus(spec, splits, notes=tuple(notes), target_notes=tuple(_note_unknown(inputs, by_split)))

    def _cut(self, texts: dict[str, str]) -> tuple[dict[str, str], list[str]]:
        """All splits, with missing ones cut from the end of train; and notes on what was cut."""
        missing = {split: self._shares[split] for split in SPLITS if split not in texts and split != "train"}
        train, notes = texts["train"], []
        total = self._shares["train"] + sum(missing.values())
        ends, share = [], self._shares["train"]
        for each in missing.values():
            ends.append(round(share / total * len(train)))
            share += each
        for split, first, last in zip(missing, ends, [*ends[1:], len(train)], strict=True):
            texts[split] = train[first:last]
        if missing:
            texts["train"] = train[: ends[0]]
        if not self._shares["test"] and "test" in missing:
            texts["test"] = texts["dev"]
            notes.append("test is dev, which chooses the best checkpoint: data.split has no share for test")
        return texts, notes

    def _check(self, by_split: dict[str, list[str]], path: Path) -> None:
        needed = self.batching.batch_size * self._streams.steps
        if len(by_split["train"]) <= needed:
            raise DataError(
                f"train has {len(by_split['train']):,} {self._unit}s; expected more than {needed:,}, "
                f"{self.batching.batch_size} streams of {self._streams.steps}: a longer text, or a smaller "
                "data.batch_size or data.steps",
                path,
            )
        for split in ("dev", "test"):
            if len(by_split[split]) < 2:
                problem = f"{split} has {len(by_split[split])} {self._unit}s; expected at least 2"
                raise DataError(f"{problem}: a longer text, or a larger share in data.split", path)
        if len(set(by_split["train"])) == 1:
            raise DataError(f"all of train is {by_split['train'][0]!r}, so there is nothing to learn", path)


def encode_text(spec: DataSpec, text: str) -> TokenDataset:
    """Encode a text to inspect as the model was trained on texts, in pieces of 100 characters or words.

    Raises:
        DataError: it has fewer than two of them.
    """
    inputs = spec.inputs
    assert isinstance(inputs, TokenInputs)
    tokens = split_text(text, inputs.unit)
    if len(tokens) < 2:
        raise DataError(f"the text has {len(tokens)} {inputs.unit}s; expected at least 2")
    return TokenDataset(encode_tokens(inputs.tokens, tokens), Streams(steps=100), inputs)


def encode_tokens(tokens: Vocabulary, text: Sequence[str]) -> torch.Tensor:
    """(tokens,) int32: their ids; tokens that the vocabulary lacks get the id of the unknown token."""
    index = tokens.index()
    return torch.tensor([index.get(each, UNKNOWN) for each in text], dtype=torch.int32)


def _sample() -> Path:
    folder = sample_dir("novel")
    if folder is None:
        raise DataError("the sample text is not installed; give data.path")
    return folder / "pride_and_prejudice.txt"


def _read(path: Path) -> str:
    text = read_utf8(path).removeprefix(BYTE_ORDER_MARK).replace("\r\n", "\n")
    if "\0" in text:
        raise DataError("has null bytes, so it is not text; expected UTF-8", path)
    return text


def _note_unknown(inputs: TokenInputs, by_split: dict[str, list[str]]) -> Iterator[str]:
    known = inputs.tokens.index()
    for split in ("dev", "test"):
        unknown = sum(each not in known for each in by_split[split])
        if unknown:
            share = f"{unknown:,} of {len(by_split[split]):,} {inputs.steps} that train lacks"
            yield f"{split} has {share}; each counts as the unknown token"
