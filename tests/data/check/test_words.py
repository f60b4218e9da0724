from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from seqtrain.data import Corpus, Treebank
from seqtrain.data.check.splits import count_shared
from seqtrain.data.check.words import count_unknown, find_ambiguous

SENTENCES = {
    "train": ["the/DET light/NOUN", "they/PRON light/VERB the/DET Light/NOUN", "go/VERB"],
    "dev": ["go/VERB", "dogs/NOUN go/VERB"],
    "test": ["the/DET light/NOUN", "go/VERB", "cats/NOUN"],
}


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    for split, sentences in SENTENCES.items():
        text = ""
        for sentence in sentences:
            for number, token in enumerate(sentence.split(), start=1):
                word, tag = token.split("/")
                text += "\t".join([str(number), word, "_", tag, *"______"]) + "\n"
            text += "\n"
        (tmp_path / f"{split}.conllu").write_text(text)
    options = OmegaConf.create(
        {"data_dir": "none", "treebank": "none", "batch_size": 2, "eval_batch_size": 2}
    )
    return Treebank(**options, path=tmp_path, min_count=2).load()  # type: ignore[arg-type]


def test_words_that_train_lacks_and_rare_ones(corpus: Corpus) -> None:
    unknown = count_unknown(corpus, "dev")
    # "dogs" is not in train; "go" is there once, which min_count=2 makes unknown
    assert (unknown.num_words, unknown.num_unseen, unknown.num_unknown) == (3, 1, 3)


def test_words_with_several_tags(corpus: Corpus) -> None:
    ambiguous = find_ambiguous(corpus)
    assert (ambiguous.num_distinct, ambiguous.num_ambiguous) == (4, 1)
    assert ambiguous.share_of_words == 3 / 7
    assert ambiguous.baseline == 6 / 7  # "light" as a verb is wrong
    assert ambiguous.examples == (("light", {"NOUN": 2, "VERB": 1}),)


def test_sentences_that_are_in_train_too(corpus: Corpus) -> None:
    assert [count_shared(corpus, name) for name in ("dev", "test")] == [1, 2]
