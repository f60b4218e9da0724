"""The sample corpus says of itself, in data/README.md, only what is counted here.

It is read by a few lines of its own, so that a fault of the package's reader cannot hide one of the data.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

DATA = Path(__file__).parents[3] / "data"
SPLITS = ("train", "dev", "test")
SIZES = {"train": (823, 8417), "dev": (120, 1269), "test": (120, 1262)}  # sentences, words
NUM_RANGES = {"train": 88, "dev": 8, "test": 15}
TAGS = "ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X"
UPOS = set(TAGS.split())
AMBIGUOUS = """
    back bank bear book can change clean close cold cook down fast fly hard kind left light like matter may
    mean mine over park past play present round run saw second still that warm watch well will
"""


class Sentence(NamedTuple):
    sent_id: str
    text: str
    rows: list[list[str]]

    @property
    def words(self) -> list[tuple[str, str]]:
        """Form and UPOS of each word; multi-word-token ranges are left out."""
        return [(row[1], row[3]) for row in self.rows if row[0].isdecimal()]


def read(split: str) -> list[Sentence]:
    blocks = (DATA / "samples/pos_sample" / f"{split}.conllu").read_text(encoding="utf-8").split("\n\n")
    assert blocks.pop() == "", "a sentence ends with a blank line"
    sentences = []
    for block in blocks:
        sent_id, text, *lines = block.split("\n")
        rows = [line.split("\t") for line in lines]
        sentences.append(Sentence(sent_id.removeprefix("# sent_id = "), text.removeprefix("# text = "), rows))
    return sentences


CORPUS = {split: read(split) for split in SPLITS}


def words_of(split: str) -> Iterator[tuple[str, str]]:
    """Lower-cased form and UPOS of every word of a split."""
    return ((form.lower(), upos) for sentence in CORPUS[split] for form, upos in sentence.words)


def count_tags(split: str) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for form, upos in words_of(split):
        counts[form][upos] += 1
    return counts


def spell(rows: list[list[str]]) -> str:
    """Join the surface tokens: a range stands for the words it covers."""
    text, covered = "", 0
    for index, form, *_, misc in rows:
        if "-" in index:
            covered = int(index.split("-")[1])
        elif int(index) <= covered:
            continue
        text += form if misc == "SpaceAfter=No" else form + " "
    return text.removesuffix(" ")


@pytest.mark.parametrize("split", SPLITS)
def test_sizes_are_those_of_the_readme(split: str) -> None:
    sentences, words = len(CORPUS[split]), sum(1 for _ in words_of(split))
    assert (sentences, words) == SIZES[split]
    assert f"| {split} | {sentences:,} | {words:,} |" in (DATA / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("split", SPLITS)
def test_lines_have_ten_columns_and_unannotated_ones_are_underscores(split: str) -> None:
    for sentence in CORPUS[split]:
        for row in sentence.rows:
            assert len(row) == 10
            assert all(row), sentence.sent_id
            assert row[2] == "_"
            assert set(row[4:9]) == {"_"}
            assert row[9] in {"_", "SpaceAfter=No"}
            assert (row[3] in UPOS) if row[0].isdecimal() else (row[3] == "_")


@pytest.mark.parametrize("split", SPLITS)
def test_sentence_ids_and_word_ids_count_from_one(split: str) -> None:
    for number, sentence in enumerate(CORPUS[split], start=1):
        assert sentence.sent_id == f"pos_sample-{split}-{number:04d}"
        ids = [int(row[0]) for row in sentence.rows if row[0].isdecimal()]
        assert ids == list(range(1, len(ids) + 1))


@pytest.mark.parametrize("split", SPLITS)
def test_ranges_precede_their_words_and_spell_them(split: str) -> None:
    num_ranges = 0
    for sentence in CORPUS[split]:
        forms = {row[0]: row[1] for row in sentence.rows}
        for position, row in enumerate(sentence.rows):
            if "-" in row[0]:
                first, last = map(int, row[0].split("-"))
                assert first < last
                assert sentence.rows[position + 1][0] == str(first)
                assert row[1] == "".join(forms[str(index)] for index in range(first, last + 1))
                num_ranges += 1
    assert num_ranges == NUM_RANGES[split]


@pytest.mark.parametrize("split", SPLITS)
def test_text_is_the_tokens_joined_by_their_spaces(split: str) -> None:
    for sentence in CORPUS[split]:
        assert spell(sentence.rows) == sentence.text
        assert not re.search(r"\s\s|^\s|\s$", sentence.text)


def test_no_sentence_occurs_twice() -> None:
    texts = Counter(sentence.text.lower() for split in SPLITS for sentence in CORPUS[split])
    assert [text for text, count in texts.items() if count > 1] == []


def test_each_split_has_all_seventeen_tags() -> None:
    for split in SPLITS:
        assert {upos for _, upos in words_of(split)} == UPOS
    rare = Counter(upos for sentence in CORPUS["train"] for upos in {upos for _, upos in sentence.words})
    assert min(rare.values()) >= 10, "even the rarest tag is in several training sentences"


def test_words_are_ambiguous_in_training_and_in_test() -> None:
    train, test = count_tags("train"), count_tags("test")
    words = AMBIGUOUS.split()
    for word in words:
        assert len(train[word]) >= 2, word
        assert len(test[word]) >= 2, word
        assert set(test[word]) <= set(train[word]), word
    assert len(words) == 37
    assert sum(len(tags) >= 2 for tags in train.values()) == 176


def test_most_frequent_tag_accuracy_is_that_of_the_readme() -> None:
    train = count_tags("train")
    guess = {word: tags.most_common(1)[0][0] for word, tags in train.items()}  # a tie goes to the first seen
    unseen = sum(word not in guess for word, _ in words_of("test"))
    correct = sum(guess.get(word, "NOUN") == upos for word, upos in words_of("test"))
    assert (correct, unseen) == (1060, 162)
    assert correct / SIZES["test"][1] == pytest.approx(0.840, abs=5e-4)
    readme = " ".join((DATA / "README.md").read_text(encoding="utf-8").split())
    assert "0.840 (1,060 of 1,262 words; 162 of them do not occur in train)" in readme
