"""Answers as text."""

from __future__ import annotations

import json

import pytest

from seqtrain.config import ConfigError
from seqtrain.errors import printable
from seqtrain.predictions import Answer, Given
from seqtrain.spec import DataSpec, SequenceClasses, StepClasses, VectorInputs, Vocabulary, WordInputs
from seqtrain.tasks.answers import choose_form, name_value, show

NOTHING = Vocabulary((), ())
WORDS = WordInputs(words=NOTHING, characters=NOTHING)
TAGS, CLASSES = StepClasses(("DET", "NOUN")), SequenceClasses(("cat", "dog"))
SENTENCE = Given("the dog", ("the", "dog"), ((0, 3), (4, 7)))
TAGGED = Answer(("DET", "NOUN"), (0.9, 0.75))
FILE = Given("a.npz[0]")


def test_tags_of_words() -> None:
    spec = DataSpec(WORDS, TAGS)
    assert show(SENTENCE, TAGGED, "table", spec) == "the  DET    0.9000\ndog  NOUN   0.7500\n\n"
    assert show(SENTENCE, TAGGED, "tsv", spec) == "the\tDET\t0.9000\ndog\tNOUN\t0.7500\n\n"
    assert json.loads(show(SENTENCE, TAGGED, "json", spec)) == {
        "tokens": ["the", "dog"],
        "tags": ["DET", "NOUN"],
        "confidences": [0.9, 0.75],
        "start": [0, 4],
        "end": [3, 7],
    }
    assert show(SENTENCE, TAGGED, "conllu", spec).splitlines()[1] == "1\tthe\t_\t_\t_\t_\t_\t_\t_\tTag=DET"


def test_a_class_of_a_sequence() -> None:
    answer = Answer(("cat",), (0.5,))
    for spec in (DataSpec(VectorInputs(feature_size=1), CLASSES), DataSpec(WORDS, CLASSES)):
        assert show(FILE, answer, "table", spec) == "a.npz[0]  cat  0.5000\n"
        assert show(FILE, answer, "tsv", spec) == "a.npz[0]\tcat\t0.5000\n"
        plain = {"input": "a.npz[0]", "label": "cat", "confidence": 0.5}
        assert json.loads(show(FILE, answer, "json", spec)) == plain


def test_a_class_of_a_text_is_that_of_the_text() -> None:
    spec = DataSpec(WORDS, CLASSES)
    assert show(SENTENCE, Answer(("dog",), (0.5,)), "table", spec) == "the dog  dog  0.5000\n"


def test_classes_of_steps() -> None:
    spec = DataSpec(VectorInputs(feature_size=1), TAGS)
    assert show(FILE, TAGGED, "table", spec) == "a.npz[0]  DET  0.9000\na.npz[0]  NOUN  0.7500\n"
    plain = {"input": "a.npz[0]", "labels": ["DET", "NOUN"], "confidences": [0.9, 0.75]}
    assert json.loads(show(FILE, TAGGED, "json", spec)) == plain


HOSTILE = "\x1b]0;x\x07\n\t\x9b\u202e\ud800|"


@pytest.mark.parametrize(
    ("form", "shown", "num_tabs"),
    [
        ("table", r"\x1b]0;x\x07\n\t\x9b\u202e\ud800|", 0),
        ("tsv", r"\x1b]0;x\x07\n\t\x9b\u202e\ud800|", 2),
        ("conllu", r"\x1b]0;x\x07\n\t\x9b\u202e\ud800|", 9),
        ("json", r"\u001b]0;x\u0007\n\t\u009b\u202e\ud800|", 0),
    ],
)
def test_names_are_escaped(form: str, shown: str, num_tabs: int) -> None:
    """They may come from someone else's checkpoint, and must break no line and reach no terminal raw."""
    lines = show(Given("x", ("x",), ((0, 1),)), Answer((HOSTILE,), (1.0,)), form, DataSpec(WORDS, TAGS))
    (line,) = (line for line in lines.splitlines() if shown in line)
    assert line.count("\t") == num_tabs
    assert printable(line) == line
    if form == "json":
        assert json.loads(line)["tags"] == [HOSTILE]


def test_what_breaks_a_line_is_escaped() -> None:
    spec = DataSpec(WORDS, TAGS)
    given = Given("x", ("a\tb\n",), ((0, 3),))
    assert show(given, Answer(("DET",), (1.0,)), "tsv", spec).count("\t") == 2


def test_numbers_have_no_probability() -> None:
    spec = DataSpec(VectorInputs(feature_size=1), SequenceClasses(("a",)))
    assert name_value(1.0, TAGS) == "NOUN"
    assert show(FILE, Answer(("3.25",), ()), "tsv", spec) == "a.npz[0]\t3.25\n"


def test_only_tags_of_words_are_conllu() -> None:
    assert choose_form("conllu", DataSpec(WORDS, TAGS)) == "conllu"
    assert choose_form(None, DataSpec(WORDS, TAGS)) == "table"
    for spec in (DataSpec(WORDS, CLASSES), DataSpec(VectorInputs(feature_size=1), TAGS)):
        with pytest.raises(ConfigError, match="format: got 'conllu', which is for tags of words"):
            choose_form("conllu", spec)
        with pytest.raises(
            ConfigError, match="format: got 'csv', which is for forecasts; give table, json or tsv"
        ):
            choose_form("csv", spec)
