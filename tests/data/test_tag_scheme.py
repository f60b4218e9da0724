from __future__ import annotations

import pytest
import torch

from seqtrain.data.tag_scheme import tag_scheme


@pytest.mark.parametrize(
    ("sentences", "scheme"),
    [
        ("B-X I-X O | O B-Y", "bio"),
        ("B-X I-X I-X B-X", "bio"),
        ("B-X B-Y O", "bio"),
        ("O I-X", "iob"),
        ("O B-X | I-X", "iob"),
        ("I-X O | O", "iob"),
        ("B-X I-Y", "iob"),
        ("O O", None),
        ("B-X E-X O", None),
        ("NOUN VERB", None),
        ("B- O", None),
    ],
)
def test_the_scheme_of_tags(sentences: str, scheme: str | None) -> None:
    parts = [sentence.split() for sentence in sentences.split("|")]
    names = sorted({name for part in parts for name in part})
    tag = torch.tensor([names.index(name) for part in parts for name in part], dtype=torch.int32)
    assert tag_scheme(names, tag, torch.tensor([len(part) for part in parts])) == scheme
