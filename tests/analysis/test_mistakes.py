from __future__ import annotations

import html
import re

import markdown
import pytest
import torch

from seqtrain.analysis.mistakes import Mistake, escape, find_mistakes, list_sentences
from seqtrain.records import IGNORED

NAMES = ("NOUN", "VERB", "DET")


def test_the_most_confident_come_first() -> None:
    targets, predictions = torch.tensor([0, 1, 2, 0]), torch.tensor([1, 1, 0, 2])
    found = find_mistakes(targets, predictions, torch.tensor([0.6, 0.9, 0.8, 0.5]), NAMES, most=2)
    assert found == [
        Mistake(2, 0, "DET", "NOUN", pytest.approx(0.8)),
        Mistake(0, 0, "NOUN", "VERB", pytest.approx(0.6)),
    ]


def test_padding_is_no_mistake() -> None:
    targets = torch.tensor([[0, 1, 2], [1, IGNORED, IGNORED]])
    predictions = torch.zeros_like(targets)
    confidences = torch.tensor([[0.9, 0.3, 0.7], [0.5, 1.0, 1.0]])
    found = find_mistakes(targets, predictions, confidences, NAMES, most=10)
    assert [(m.sequence, m.step) for m in found] == [(0, 2), (1, 0), (0, 1)]


def test_sentences_show_the_word_and_those_around_it() -> None:
    sentence = ["one", "two", "three", "four", "five", "six", "seven", "eight_nine", "|", "ten"]
    text = list_sentences([Mistake(0, 7, "Case=Nom|Number=Sing", "``", 0.987)], [sentence])
    assert text.splitlines()[-1] == (
        r"| ... two three four five six seven **eight\_nine** \| ten"
        r" | Case=Nom\|Number=Sing | \`\` | 98.7% |"
    )


@pytest.mark.parametrize(
    "text",
    [
        *("``", "*_*", "[1]", "<b>", "a<b", "\\n", "snake_case_name", "Case=Nom|Number=Sing"),
        *("|", "&amp;", "<", ">", "-", "#", "1.", "$_$", "__init__", "x|", "\\|"),
    ],
)
def test_a_cell_of_a_table_shows_the_text_as_it_is(text: str) -> None:
    """As rendered by the library that TensorBoard's text plugin uses, with its extension for tables."""
    page = markdown.markdown(f"| a | b |\n| --- | --- |\n| {escape(text)} | end |", extensions=["tables"])
    cells = re.findall(r"<td>(.*?)</td>", page)
    assert [html.unescape(cell) for cell in cells] == [text, "end"]
