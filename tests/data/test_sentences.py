from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

from seqtrain.data.sentences import as_sentences, split_sentences, tokenize_span
from seqtrain.errors import DataError


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("They saw. We ran!", ["They saw.", "We ran!"]),
        ("They saw ... and ran. 3 came?", ["They saw ... and ran.", "3 came?"]),
        ('"Go!" She went.', ['"Go!"', "She went."]),
        ('Go. "She" went (fast). [Well]', ["Go.", '"She" went (fast).', "[Well]"]),
        ("one line\nanother\n\n the third \n", ["one line", "another", "the third"]),
        ("Mr. J. Smith of the U.S. Army, i.e. him.", ["Mr. J. Smith of the U.S. Army, i.e. him."]),
        ("What?! no. Yes", ["What?! no.", "Yes"]),
        ("It cost 3.50 at example.com.", ["It cost 3.50 at example.com."]),
        ("the dog ran . The cat saw .", ["the dog ran .", "The cat saw ."]),
        ("\u4f60\u597d\u3002\u518d\u89c1\uff01", ["\u4f60\u597d\u3002", "\u518d\u89c1\uff01"]),
        ("  \n ", []),
    ],
)
def test_where_a_sentence_ends(text: str, sentences: list[str]) -> None:
    found = split_sentences(text)
    assert [text[each.spans[0][0] : each.spans[-1][1]] for each in found] == sentences


def test_spans_are_places_in_the_whole_text() -> None:
    text = "I can't. You'll go."
    first, second = split_sentences(text)
    assert first.tokens == ["I", "ca", "n't", "."]
    assert first.spans == ((0, 1), (2, 4), (4, 7), (7, 8))
    assert second.tokens == ["You", "'ll", "go", "."]
    assert [text[start:end] for start, end in second.spans] == second.tokens


def test_tokens_are_taken_as_they_are() -> None:
    (sentence,) = as_sentences([["They", "saw."]])
    assert (sentence.tokens, sentence.spans) == (["They", "saw."], None)


def test_each_string_of_a_list_is_one_sentence() -> None:
    texts = ["They saw it. We ran!", "Go."]
    first, second = as_sentences(texts)
    assert first.tokens == ["They", "saw", "it", ".", "We", "ran", "!"]
    assert [texts[1][start:end] for start, end in second.spans] == second.tokens == ["Go", "."]
    assert [each.tokens for each in as_sentences(iter(("a b", "c")))] == [["a", "b"], ["c"]]


EXPECTED = "expected a text, a list of sentences (strings), or a list of lists of words (strings)"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([[1]], f"sentences[0][0]: got 1 of type int; {EXPECTED}"),
        ([["a"], ["b", None]], f"sentences[1][1]: got None; {EXPECTED}"),
        ([[["a"]]], f"sentences[0][0]: got ['a'] of type list; {EXPECTED}"),
        ([[b"a"]], f"sentences[0][0]: got b'a' of type bytes; {EXPECTED}"),
        ([1], f"sentences[0]: got 1 of type int; {EXPECTED}"),
        ([None], f"sentences[0]: got None; {EXPECTED}"),
        ([b"a"], f"sentences[0]: got b'a' of type bytes; {EXPECTED}"),
        ([{"a": 1}], f"sentences[0]: got {{'a': 1}} of type dict; {EXPECTED}"),
        (["They saw.", ["They"]], f"sentences: got both strings and lists; {EXPECTED}"),
        (["They saw.", None], f"sentences: got both strings and lists; {EXPECTED}"),
        (None, f"sentences: got None; {EXPECTED}"),
        (b"They saw.", f"sentences: got b'They saw.' of type bytes; {EXPECTED}"),
        ({"They": 1}, f"sentences: got {{'They': 1}} of type dict; {EXPECTED}"),
        (["They saw.", " "], "sentence 2 has no words"),
        ([["They"], []], "sentence 2 has no words"),
        ([["They", ""]], "sentence 1 has an empty word"),
    ],
)
def test_what_is_refused(given: Any, message: str) -> None:
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        as_sentences(given)


def test_a_long_text_takes_linear_time() -> None:
    assert len(split_sentences("They saw the light. " * 20_000)) == 20_000


def tokenize(text: str) -> list[str]:
    return list(tokenize_span(text, 0, len(text)).tokens)


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


@pytest.mark.parametrize("piece", ["a-", "ab.", "e-", "U.S. ", "..", "Mr. ", "a+", "a.b@c.", "'s ", "1,"])
def test_long_texts_take_no_time(piece: str) -> None:
    """Seconds for what took a minute: a pattern that begins anew at every letter reads all to the end."""
    began_at = time.process_time()
    split_sentences(piece * (100_000 // len(piece)))
    assert time.process_time() - began_at < 3
