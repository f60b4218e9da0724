from __future__ import annotations

from dataclasses import replace

from made_up_corpus import VECTORS, WORDS

from seqtrain.data import Batching
from seqtrain.data.check.summary import summarize
from seqtrain.data.check.text import render_summary
from seqtrain.spec import SequenceClasses

BATCHING = Batching(2, None, 2)


def test_sequences_of_numbers() -> None:
    assert render_summary(summarize(VECTORS, BATCHING)).split("\n\n") == [
        "       sequences  time steps  shortest  median  95 %  longest\n"
        "train          3           6         2       2     2        2\n"
        "dev            2           4         2       2     2        2\n"
        "test           3           6         2       2     2        2",
        "all sequences of train have 2 time steps",
        "target  train, %  dev, %  test, %\n"
        f"a          66.67    0.00    33.33  {'#' * 40}\n"
        f"b          33.33   50.00     0.00  {'#' * 20}\n"
        "c           0.00   50.00    66.67",
        "1 of 2 sequences of dev (50.0%) are in train too\n"
        "2 of 3 sequences of test (66.7%) are in train too\n"
        "targets of dev that train lacks: c 1\n"
        "targets of test that train lacks: c 2",
        "2 training batches of at most 2 sequences: 0.0% padding; 0.0% if lengths were mixed",
    ]


def test_words() -> None:
    text = render_summary(summarize(WORDS, BATCHING))
    bars = [f"1 to 1  2  {'#' * 40}", f"2 to 2  1  {'#' * 20}"]
    assert "\n".join(["lengths of the sentences of train", *bars]) in text
    assert "50.0% of the words of dev do not occur in train, 50.0% are unknown to the model" in text
    assert (
        "1 of 3 different words of train (50.0% of all words) have more than one tag; the most frequent tag "
        "of each word is right for 75.0%\n  light: NOUN 1, VERB 1"
    ) in text


def test_a_name_of_several_lines_stays_in_its_row() -> None:
    summary = summarize(VECTORS, BATCHING)
    summary = replace(summary, spec=replace(summary.spec, targets=SequenceClasses(("a\nb", "b", "c"))))
    assert "a\\nb" in render_summary(summary)
