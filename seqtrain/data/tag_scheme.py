"""Tags that mark spans of several words: B-X begins a span of the type X, I-X continues it, O is outside."""

from __future__ import annotations

import re
from collections.abc import Collection

import torch
from torch import Tensor

from seqtrain.records import TagScheme

SPAN_TAG = re.compile(r"[BI]-.+")


def tag_scheme(names: Collection[str], tag: Tensor, lengths: Tensor) -> TagScheme | None:
    """`bio` for such tags, `iob` if an I may begin a span as well; None for tags that do not mark spans.

    Args:
        names: of the tags.
        tag: (words,) of the words of all sentences, as rows of `names`.
        lengths: (sentences,).
    """
    others = [name for name in names if name != "O"]
    if not others or not all(map(SPAN_TAG.fullmatch, others)):
        return None
    types = {kind: number for number, kind in enumerate(sorted({name[2:] for name in others}), start=1)}
    kind = torch.tensor([types.get(name[2:], 0) for name in names])[tag]
    continues = torch.tensor([name.startswith("I-") for name in names])[tag]
    before = torch.cat([kind.new_zeros(1), kind[:-1]])
    before[lengths.cumsum(0) - lengths] = 0  # nothing comes before the first word of a sentence
    return "iob" if bool((continues & (before != kind)).any()) else "bio"
