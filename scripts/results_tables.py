"""The tables of docs/results.md, and the published figures that stand beside ours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from seqtrain.runs.report.groups import Statistic


class Measure(NamedTuple):
    """A metric, as it is written."""

    metric: str  # without the test/ or val/ before it
    heading: str  # of its column
    factor: float = 1.0
    digits: int = 3
    is_better_small: bool = False

    def write(self, values: Iterable[float]) -> str:
        """Mean and sample standard deviation; the value alone of a single run."""
        statistic = Statistic.of([self.factor * value for value in values])
        shown = [statistic.mean] + ([] if statistic.deviation is None else [statistic.deviation])
        return " ± ".join(f"{each:.{self.digits}f}" for each in shown)


def percent(metric: str, heading: str) -> Measure:
    return Measure(metric, heading, factor=100, digits=2)


ACCURACY = percent("accuracy", "test")


class Table(NamedTuple):
    """One table of the page: the experiments whose names begin alike."""

    prefix: str
    heading: str
    note: str
    unit: str
    published: Sequence[Sequence[str]]  # system, figure, conditions, source
    measures: Sequence[Measure] = (ACCURACY,)  # of test; the first orders the rows and is shown of dev, too
    is_tagged: bool = False


def find_measure(experiment: str) -> Measure:
    """What an experiment is judged by."""
    return next((table.measures[0] for table in TABLES if experiment.startswith(table.prefix)), ACCURACY)


# Figures of others. What makes them comparable, or not, stands beside them.
TABLES = [
    Table(
        "ewt_",
        "Part-of-speech tagging: UD English-EWT",
        "UPOS of the 25,094 words of the test part; a figure near 95 has a standard error of some 0.13\n"
        "points. Gold tokens, no outside data; the treebank at commit 15d613d of 2025-05-10. Unseen words\n"
        "are those that the training part has in neither case.",
        "words",
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
        (ACCURACY, percent("accuracy_unseen", "unseen words")),
        is_tagged=True,
    ),
    Table(
        "mnist_",
        "Digits: MNIST as a sequence",
        "10,000 test images; a figure near 99.5 has a standard error of some 0.07 points. Dev is the last\n"
        "5,000 of the training images.",
        "sequences",
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
    Table(
        "shakespeare",
        "A language model: tiny Shakespeare, character by character",
        "Nats per character over the last tenth of the text, read as a whole with the state carried on; the\n"
        "split is nanoGPT's, in which dev and test are the same.",
        "characters",
        [
            (
                "GPT of 10.8 M parameters",
                "1.470",
                "contexts of 256 characters that begin with nothing",
                "github.com/karpathy/nanoGPT",
            ),
        ],
        (Measure("loss", "test", is_better_small=True),),
    ),
    Table(
        "sst2",
        "Classes of texts: SST-2",
        "1,821 sentences of test; a figure near 82 has a standard error of some 0.9 points, and of dev, 872\n"
        "sentences, of 1.3. No word vectors and no phrases, 6,920 sentences to train on.",
        "texts",
        [],
    ),
    Table(
        "names",
        "Classes of texts: family names to 18 languages",
        "1,801 names of test; names that occur again are left out before the split. Some languages have ten\n"
        "names in test, or fewer, so macro-F1 varies.",
        "texts",
        [],
        (ACCURACY, percent("macro_f1", "macro-F1")),
    ),
    Table(
        "etth1",
        "Forecasts: ETTh1, the next 96 hours",
        "Seven series, all 2,785 windows of test; errors of values scaled by mean and standard deviation of\n"
        "train.",
        "windows",
        [
            ("SegRNN (Lin et al., 2023)", "0.368, 0.395", "MSE, MAE", "arXiv 2308.11200"),
            ("iTransformer (Liu et al., 2024)", "0.386, 0.405", "MSE, MAE", "arXiv 2310.06625"),
        ],
        (
            Measure("scaled_mse", "scaled MSE", is_better_small=True),
            Measure("scaled_mae", "scaled MAE", is_better_small=True),
        ),
    ),
]
