"""Tagged sentences as flat arrays: a few bytes for each word, whatever the format they come in."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from seqtrain.data.files.cache import cached
from seqtrain.data.files.text import open_lines


class TaggedSentence(Protocol):
    @property
    def words(self) -> Sequence[str]: ...

    @property
    def tags(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class TaggedFile:
    """The sentences of one file, one after another.

    Words and tags are rows of the distinct spellings `forms` and the distinct tags `tags`.
    """

    path: Path
    forms: list[str]
    tags: list[str]
    form: Tensor  # (words,) int32
    tag: Tensor  # (words,) int32
    lengths: Tensor  # (sentences,) int64

    def form_counts(self) -> list[tuple[str, int]]:
        """The spellings that occur, with how often they do."""
        counts = self.form.bincount(minlength=len(self.forms)).tolist()
        return [(form, count) for form, count in zip(self.forms, counts, strict=True) if count]

    def tag_counts(self) -> dict[str, int]:
        """The tags that occur, with how often they do."""
        counts = self.tag.bincount(minlength=len(self.tags)).tolist()
        return {tag: count for tag, count in zip(self.tags, counts, strict=True) if count}

    def select(self, chosen: Tensor) -> TaggedFile:
        """The sentences where `chosen` (sentences,) is true, as another record with the same spellings."""
        words = chosen.repeat_interleave(self.lengths)
        return replace(self, form=self.form[words], tag=self.tag[words], lengths=self.lengths[chosen])

    def is_sound(self) -> bool:
        """Whether the arrays agree with each other, as those of a file that was read do."""
        num_words = len(self.form)
        return (
            all(isinstance(text, str) and text for text in (*self.forms, *self.tags))
            and self.form.shape == self.tag.shape == (num_words,)
            and self.lengths.ndim == 1
            and int(self.lengths.sum()) == num_words > 0
            and int(self.lengths.min()) > 0
            and 0 <= int(self.form.min()) <= int(self.form.max()) < len(self.forms)
            and 0 <= int(self.tag.min()) <= int(self.tag.max()) < len(self.tags)
        )


def read_tagged_file(
    path: Path,
    kind: str,
    parse: Callable[[Iterator[str]], Iterable[TaggedSentence]],
    cache_dir: str | Path | None = None,
    options: str = "",
) -> TaggedFile:
    """The sentences that `parse` finds in the lines of a file; cached, see `cached`."""

    def compute() -> dict[str, Any]:
        with open_lines(path) as lines:
            return flatten(parse(lines))

    file = TaggedFile(path, **cached(path, kind, compute, cache_dir, options))
    return file if file.is_sound() else TaggedFile(path, **compute())


def flatten(sentences: Iterable[TaggedSentence]) -> dict[str, Any]:
    """The fields of a TaggedFile but its path; takes the sentences one by one."""
    form_numbers, tag_numbers = _Numbering(), _Numbering()
    form, tag, lengths = array("i"), array("i"), array("q")
    for sentence in sentences:
        form.extend(map(form_numbers.__getitem__, sentence.words))
        tag.extend(map(tag_numbers.__getitem__, sentence.tags))
        lengths.append(len(sentence.words))
    return {
        "forms": list(form_numbers),
        "tags": list(tag_numbers),
        "form": torch.frombuffer(form, dtype=torch.int32),
        "tag": torch.frombuffer(tag, dtype=torch.int32),
        "lengths": torch.frombuffer(lengths, dtype=torch.int64),
    }


class _Numbering(defaultdict[str, int]):
    """Numbers strings in the order in which they are first looked up."""

    def __missing__(self, key: str) -> int:
        number = self[key] = len(self)
        return number
