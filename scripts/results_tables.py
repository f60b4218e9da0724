"""The tables of docs/results.md, and the published figures that stand beside ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Table(NamedTuple):
    """One table of the page: the experiments whose names begin alike."""

    prefix: str
    heading: str
    note: str
    unit: str
    is_tagged: bool
    published: Sequence[Sequence[str]]  # system, figure, conditions, source


# Figures of others. What makes them comparable, or not, stands beside them.
TABLES = [
    Table(
        "ewt_",
        "Part-of-speech tagging: UD English-EWT",
        "UPOS of the 25,094 words of the test part; a figure near 95 has a standard error of some 0.13\n"
        "points. Gold tokens, no outside data; the treebank at commit 15d613d of 2025-05-10. Unseen words\n"
        "are those that the training part has in neither case.",
        "words",
        True,
        [
            (
                "UDPipe 1.2",
                "94.4 to 94.5",
                "gold tokens, no outside data; UD 2.3 to 2.5",
                "github.com/ufal/udpipe, manual",
            ),
            (
                "BiLSTM of words alone",
                "92.1",
                "gold tokens, no outside data; UD 1.2",
                "github.com/cdg720/bilstm-tagging",
            ),
            (
                "tutorial BiLSTM",
                "88.3",
                "gold tokens, GloVe vectors; torchtext's UDPOS",
                "github.com/bentrevett/pytorch-pos-tagging",
            ),
            (
                "Plank et al. (2016)",
                "95.2",
                "gold tokens, Polyglot vectors; UD 1.2",
                "github.com/stefan-it/flair-pos-tagging",
            ),
            (
                "Stanza 1.5.1",
                "96.2",
                "F1 on raw text, pretrained character models and vectors; UD 2.12",
                "stanfordnlp.github.io/stanza/performance",
            ),
            (
                "UDPipe 2",
                "97.6",
                "gold tokens, multilingual BERT and word vectors; UD 2.17",
                "github.com/ufal/udpipe, branch udpipe-2",
            ),
        ],
    ),
    Table(
        "mnist_",
        "Digits: MNIST as a sequence",
        "10,000 test images; a figure near 99.5 has a standard error of some 0.07 points. Dev is the last\n"
        "5,000 of the training images.",
        "sequences",
        False,
        [
            (
                "LSTM",
                "98.5",
                "rows, as far as one can tell; 24,100 parameters",
                "github.com/lh9171338/MNIST-Classify",
            ),
            (
                "LSTM of 256",
                "98.9",
                "rows, 20 epochs of Adam",
                "github.com/roatienza/Deep-Learning-Experiments",
            ),
            ("two BiLSTMs", "99", "rows and columns", "github.com/AnesBenmerzoug/Machine-Learning-Projects"),
            (
                "LSTM of 128",
                "96.1",
                "pixels, 100 epochs of RMSProp",
                "github.com/V0XNIHILI/LSTM-Sequential-MNIST",
            ),
            ("LSTM with batch normalization", "99.0", "pixels", "arXiv 1603.09025"),
            (
                "LSTM with batch normalization",
                "95.4",
                "pixels in a random order, another one than ours",
                "arXiv 1603.09025",
            ),
        ],
    ),
]
