"""Tags that mark spans of several words: B-X begins a span of the type X, I-X continues it, O is outside."""

from __future__ import annotations

import re
from collections.abc import Collection

import torch
from torch import Tensor

from seqtrain.spec import TagScheme

SPAN_TAG = re.compile(r"[BI]-.+")


def tag_scheme(names: Collection[str], tag: Tensor, lengths: Tensor) -> TagScheme | None:
    """Which tag begins a span: B in `bio`, I in `iob`; None for tags that do not mark spans.

    In iob a B only separates a span from one of the same type right before it. Real data has wrong tags of
    either kind, so that the majority of the spans decides that have nothing of their type before them.

    Args:
        names: of the tags.
        tag: (words,) of the words of all sentences, as rows of `names`.
        lengths: (sentences,).
    """
    if not any(map(SPAN_TAG.fullmatch, names)) or find_strays(names):
        return None
    begun_by_i = len(find_orphans(names, tag, lengths))
    begun_by_b = len(_find_first(names, tag, lengths, "B-"))
    return "iob" if begun_by_i > begun_by_b else "bio"


def find_strays(names: Collection[str]) -> list[str]:
    """The tags that are neither O nor B-X or I-X, where others are; none among tags that mark no spans."""
    spans = {name for name in names if SPAN_TAG.fullmatch(name)}
    return [name for name in names if name not in spans and name != "O"] if spans else []


def find_orphans(names: Collection[str], tag: Tensor, lengths: Tensor) -> Tensor:
    """The places of the words whose tag I-X continues nothing: no B-X or I-X of the sentence is before it.

    Args:
        names: of the tags.
        tag: (words,) of the words of all sentences, as rows of `names`.
        lengths: (sentences,).
    """
    return _find_first(names, tag, lengths, "I-")


def _find_first(names: Collection[str], tag: Tensor, lengths: Tensor, prefix: str) -> Tensor:
    """The places of the tags with this prefix that have no tag of the same type before them."""
    types = {kind: number for number, kind in enumerate(sorted({name[2:] for name in names}), start=1)}
    is_span = [SPAN_TAG.fullmatch(name) is not None for name in names]
    kinds = [types[name[2:]] if marks else 0 for name, marks in zip(names, is_span, strict=True)]
    kind = torch.tensor(kinds)[tag]
    has_prefix = torch.tensor([name.startswith(prefix) for name in names])[tag] & (kind > 0)
    before = torch.cat([kind.new_zeros(1), kind[:-1]])
    before[lengths.cumsum(0) - lengths] = 0  # nothing comes before the first word of a sentence
    return (has_prefix & (before != kind)).nonzero().flatten()
