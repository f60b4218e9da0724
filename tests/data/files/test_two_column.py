from __future__ import annotations

import io

import pytest

from seqtrain.data.files.two_column import TwoColumnReader
from seqtrain.errors import DataError

CONLL_2003 = """\
-DOCSTART- -X- -X- O

EU NNP B-NP B-ORG
rejects VBZ B-VP O
# NN B-NP O

Peter NNP B-NP B-PER
"""


def read(text: str, **columns: int) -> list[tuple[list[str], list[str]]]:
    lines = io.StringIO(text, newline="\n")
    return [(each.words, each.tags) for each in TwoColumnReader(lines, "a.txt", **columns)]


@pytest.mark.parametrize(
    "text", ["the D\ndog N\n\n\nruns V\n", "the\tD\ndog\tN\n \nruns\tV", "the  D\r\ndog N\r\n\r\nruns V"]
)
def test_a_tab_or_spaces_and_a_blank_line_between_sentences(text: str) -> None:
    for given in (text, "\ufeff" + text, "\n" + text):
        assert read(given) == [(["the", "dog"], ["D", "N"]), (["runs"], ["V"])]


def test_a_word_may_hold_spaces_before_a_tab() -> None:
    assert read("1 000\tNUM\nNew\u00a0York\tX\n") == [(["1 000", "New\u00a0York"], ["NUM", "X"])]


@pytest.mark.parametrize(
    ("columns", "tags"),
    [
        ({}, [["B-ORG", "O", "O"], ["B-PER"]]),
        ({"tag_column": 3}, [["B-NP", "B-VP", "B-NP"], ["B-NP"]]),
        ({"word_column": -4, "tag_column": 2}, [["NNP", "VBZ", "NN"], ["NNP"]]),
    ],
)
def test_columns_by_number_and_documents_of_conll_2003(
    columns: dict[str, int], tags: list[list[str]]
) -> None:
    assert read(CONLL_2003, **columns) == list(zip([["EU", "rejects", "#"], ["Peter"]], tags, strict=True))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("dog\n", "1: expected at least 2 columns, found 1: word, tab or spaces, tag"),
        ("the D\ndog\n", "2: 1 columns, but the lines before have 2"),
        ("the D\nNew York N\n", "2: 3 columns, but the lines before have 2"),
        ("the D\n\tN\n", "2: the word is empty"),
        ("the\tD\ndog\t\n", "2: the tag is empty"),
        ("x" * 1001 + " N\n", "1: the word has 1,001 characters; expected at most 1,000"),
        ("\n\n", " no sentence in it; expected a word and its tag on each line"),
        ("", " no sentence in it; expected a word and its tag on each line"),
    ],
)
def test_a_bad_line_is_named(text: str, problem: str) -> None:
    with pytest.raises(DataError) as caught:
        read(text)
    assert str(caught.value) == f"a.txt:{problem}"


def test_too_few_columns_for_the_one_that_is_asked_for() -> None:
    with pytest.raises(DataError, match=r"^a.txt:1: expected at least 4 columns, found 2"):
        read("the D\n", tag_column=4)
