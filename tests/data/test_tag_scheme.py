from __future__ import annotations

import pytest
import torch

from seqtrain.data.tag_scheme import find_orphans, tag_scheme
from seqtrain.model.heads.crf import illegal_bio


def encode(sentences: str) -> tuple[list[str], torch.Tensor, torch.Tensor]:
    parts = [sentence.split() for sentence in sentences.split("|")]
    names = sorted({name for part in parts for name in part})
    tag = torch.tensor([names.index(name) for part in parts for name in part], dtype=torch.int32)
    return names, tag, torch.tensor([len(part) for part in parts])


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
    assert tag_scheme(*encode(sentences)) == scheme


def test_orphans_are_the_tags_that_the_crf_may_not_predict() -> None:
    names, tag, lengths = encode("I-X I-X O I-Y I-X | B-X I-X I-Y | I-Y B-Y")
    assert find_orphans(names, tag, lengths).tolist() == [0, 3, 4, 7, 8]
    transitions, starts = illegal_bio(names)
    illegal = [
        place
        for start, length in zip((lengths.cumsum(0) - lengths).tolist(), lengths.tolist(), strict=True)
        for place in range(start, start + length)
        if (starts[tag[place]] if place == start else transitions[tag[place - 1], tag[place]])
    ]
    assert find_orphans(names, tag, lengths).tolist() == illegal
