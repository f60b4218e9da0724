"""Tagged sentences as flat arrays: a few bytes for each word, whatever the format they come in."""

from __future__ import annotations

import re
from array import array
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seqtrain.data.files.columns import TaggedSentence
from seqtrain.data.files.downloads import cached
from seqtrain.data.files.text import open_lines
from seqtrain.spec import TagScheme

SPAN_TAG = re.compile(r"[BI]-.+")  # B-X begins a span of the type X, I-X continues it; O is outside


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
        return _count(self.forms, self.form)

    def tag_counts(self) -> dict[str, int]:
        """The tags that occur, with how often they do."""
        return dict(_count(self.tags, self.tag))

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


def _count(names: list[str], rows: Tensor) -> list[tuple[str, int]]:
    counts = rows.bincount(minlength=len(names)).tolist()
    return [(name, count) for name, count in zip(names, counts, strict=True) if count]


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
    """The fields of a TaggedFile except its path; takes the sentences one by one."""
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


def find_scheme(file: TaggedFile) -> TagScheme | None:
    """Which tag begins a span: B in `bio`, I in `iob`; None for tags that do not mark spans.

    In iob a B only separates a span from one of the same type right before it. Real data has wrong tags of
    either kind, so the majority decides among the spans that have nothing of their type before them.
    """
    if not any(map(SPAN_TAG.fullmatch, file.tags)) or find_strays(file.tags):
        return None
    return "iob" if len(find_orphans(file)) > len(_find_first(file, "B-")) else "bio"


def find_strays(tags: Collection[str]) -> list[str]:
    """The tags that are neither O nor B-X or I-X, if others are B-X or I-X; none among other tags."""
    spans = {tag for tag in tags if SPAN_TAG.fullmatch(tag)}
    return [tag for tag in tags if tag not in spans and tag != "O"] if spans else []


def find_orphans(file: TaggedFile) -> Tensor:
    """The words (rows of `file.tag`) whose tag I-X continues nothing: no B-X or I-X is before it."""
    return _find_first(file, "I-")


def _find_first(file: TaggedFile, prefix: str) -> Tensor:
    """The words whose tag has this prefix, and no tag of the same type before it."""
    types = {kind: number for number, kind in enumerate(sorted({tag[2:] for tag in file.tags}), start=1)}
    kinds = [types[tag[2:]] if SPAN_TAG.fullmatch(tag) else 0 for tag in file.tags]
    kind = torch.tensor(kinds)[file.tag]
    has_prefix = torch.tensor([tag.startswith(prefix) for tag in file.tags])[file.tag] & (kind > 0)
    before = torch.cat([kind.new_zeros(1), kind[:-1]])
    before[file.lengths.cumsum(0) - file.lengths] = 0  # nothing comes before the first word of a sentence
    return (has_prefix & (before != kind)).nonzero().flatten()
