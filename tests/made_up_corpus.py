"""Corpora of a few sequences, small enough to count."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from made_up_treebank import conllu

from seqtrain.data import Corpus, Treebank, VectorDataset
from seqtrain.spec import DataSpec, SequenceClasses, VectorInputs


def vectors(values: list[float], targets: list[int]) -> VectorDataset:
    """Sequences of two steps of one number each."""
    inputs = torch.tensor(values)[:, None, None].expand(-1, 2, 1).contiguous()
    return VectorDataset(inputs, torch.full((len(values),), 2), torch.tensor(targets))


def read_words(*, min_count: int = 1, **sentences: list[str]) -> Corpus:
    """The corpus of a treebank with these sentences, see `conllu`, in each split."""
    with tempfile.TemporaryDirectory() as folder:
        for split, lines in sentences.items():
            Path(folder, f"{split}.conllu").write_text(conllu(*lines), encoding="utf-8")
        options = {"data_dir": "none", "treebank": "none", "batch_size": 2, "eval_batch_size": 2}
        return Treebank(**options, path=folder, min_count=min_count).load()


VECTORS = Corpus(
    DataSpec(VectorInputs(feature_size=1), SequenceClasses(("a", "b", "c"))),
    {
        "train": vectors([1, 2, 3], [0, 0, 1]),
        "dev": vectors([4, 3], [2, 1]),
        "test": vectors([1, 1, 5], [2, 2, 0]),
    },
)
WORDS = read_words(
    train=["the/DET light/NOUN", "light/VERB", "go/VERB"],
    dev=["go/VERB dogs/NOUN"],
    test=["the/DET light/NOUN"],
)
