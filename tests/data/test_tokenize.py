from __future__ import annotations

from pathlib import Path

import pytest

from seqtrain.data.sentences import tokenize

CURLY = "\N{RIGHT SINGLE QUOTATION MARK}"


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("I can't run.", "I ca n't run ."),
        ("I cannot do it, she won't.", "I can not do it , she wo n't ."),
        ("We'll see; they've said I'm late.", "We 'll see ; they 've said I 'm late ."),
        ("DON'T!", "DO N'T !"),
        (f"She{CURLY}s sure it isn{CURLY}t.", f"She {CURLY}s sure it is n{CURLY}t ."),
        ("dont wanna, gonna, gotta", "do nt wan na , gon na , got ta"),
        ("The dog's bone, the dogs' bones.", "The dog 's bone , the dogs ' bones ."),
        ("Rock 'n' roll", "Rock ' n ' roll"),
        ("O'Brien said no", "O'Brien said no"),
        ("a well-known ten-year-old", "a well - known ten - year - old"),
        ("non-profit e-mail, mid-July", "non-profit e-mail , mid-July"),
        ('"Hello," he said.', '" Hello , " he said .'),
        ("(Yes!)", "( Yes ! )"),
        ("Well... no -- never!!", "Well ... no -- never !!"),
        ("What?!", "What ?!"),
        ("Mr. Smith of the U.S. left.", "Mr. Smith of the U.S. left ."),
        ("$1,000.50 at 10:30 on 3/11/01", "$ 1,000.50 at 10:30 on 3/11/01"),
        ("the 4th, in the 1990s, 5 pm", "the 4th , in the 1990s , 5 pm"),
        ("Call 713-853-3989.", "Call 713-853-3989 ."),
        ("Pages 10-20", "Pages 10 - 20"),
        ("Write to jo.doe+x@mail.example.org.", "Write to jo.doe+x@mail.example.org ."),
        (
            "See https://a.example/b?c=d#e, or www.example.com.",
            "See https://a.example/b?c=d#e , or www.example.com .",
        ),
        ("50% of x & y", "50 % of x & y"),
        ("=====", "====="),
        ("Nice :)", "Nice :)"),
        ("caf\u00e9 na\u00efve \u4f60\u597d", "caf\u00e9 na\u00efve \u4f60\u597d"),
        ("", ""),
        (" \t ", ""),
    ],
)
def test_words_as_in_english_ewt(sentence: str, words: str) -> None:
    assert tokenize(sentence) == words.split()


@pytest.mark.parametrize(
    "sentence",
    [
        "I ca n't run .",
        "The well-known dog 's bone , etc. , fell .",
        "( Yes ! )",
        "www.example.com/a,b is down !",
        "J.R.R. Tolkien 's e.g. ?",
    ],
)
def test_words_that_are_separated_stay_as_they_are(sentence: str) -> None:
    assert tokenize(sentence) == sentence.split()


@pytest.mark.parametrize("sentence", ["Hello , world.", "Hello , I don't.", "Yes, well ."])
def test_a_mark_that_stands_alone_by_chance_is_no_separated_sentence(sentence: str) -> None:
    assert not set(sentence.split()) <= set(tokenize(sentence))


@pytest.mark.real_data
def test_the_words_of_english_ewt(data_dir: Path) -> None:
    """98.5% of the words of unseen text come out as they were annotated by hand."""
    found = annotated = both = 0
    for sentence in (data_dir / "ud_english_ewt" / "en_ewt-ud-test.conllu").read_text("utf-8").split("\n\n"):
        lines = sentence.splitlines()
        texts = [line.removeprefix("# text = ") for line in lines if line.startswith("# text = ")]
        forms = [line.split("\t")[1] for line in lines if line.split("\t")[0].isdigit()]
        if texts:
            ours, theirs = spans(tokenize(texts[0])), spans(forms)
            found, annotated, both = found + len(ours), annotated + len(theirs), both + len(ours & theirs)
    assert annotated == 25094
    assert 2 * both / (found + annotated) > 0.985


def spans(words: list[str]) -> set[tuple[int, int]]:
    """The places of words, spaces not counted."""
    places, start = set(), 0
    for word in words:
        end = start + len(word.replace(" ", ""))
        places.add((start, end))
        start = end
    return places
