from __future__ import annotations

from pathlib import Path

import pytest

from seqtrain.data import ConlluFile, DataError, read_utf8


def line(number: object, form: str, tag: str) -> str:
    return f"{number}\t{form}\t{form}\t{tag}\t_\t_\t0\troot\t_\tSpaceAfter=No"


TEXT = "\n".join(
    [
        "# sent_id = 1",
        "#text without a value",
        line("1-2", "Don't", "_"),
        line(1, "Do", "AUX"),
        line(2, "n't", "PART"),
        line("2.1", "go", "VERB"),
        line(3, "back", "ADV"),
        "",
        "",
        line(1, "Runs", "NOUN"),
        line(2, "1 000", "NUM"),
        "",
        "",
    ]
)


def test_words_are_the_lines_with_a_plain_number() -> None:
    file = ConlluFile(TEXT, "a.conllu", tagged=True)
    assert file.sentences == [["Do", "n't", "back"], ["Runs", "1 000"]]
    assert file.parse() == [
        [("Do", "AUX"), ("n't", "PART"), ("back", "ADV")],
        [("Runs", "NOUN"), ("1 000", "NUM")],
    ]


@pytest.mark.parametrize(
    "text",
    [TEXT.replace("\n", "\r\n"), "\ufeff" + TEXT, "\ufeff" + TEXT.replace("\n", "\r\n"), TEXT.rstrip()],
)
def test_windows_line_ends_a_byte_order_mark_and_a_short_end_just_work(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.conllu"
    path.write_bytes(text.encode())
    file = ConlluFile(read_utf8(path), path, tagged=True)
    assert file.parse() == ConlluFile(TEXT, "", tagged=True).parse()
    assert file.sentences == ConlluFile(TEXT, "", tagged=True).sentences


@pytest.mark.parametrize(
    ("number", "content", "problem"),
    [
        (4, line(1, "Do", "AUX").rsplit("\t", 1)[0], "9 columns instead of 10"),
        (4, line(1, "Do", "AUX") + "\t_", "11 columns instead of 10"),
        (
            4,
            line(1, "Do", "AUX").replace("\t", " "),
            "1 columns instead of 10; columns are separated by tabs, not spaces",
        ),
        (
            10,
            line(1, "Runs", "NN"),
            "unknown UPOS tag 'NN'; expected one of ADJ, ADP, ADV, AUX, CCONJ, DET, INTJ, NOUN, NUM, PART,"
            " PRON, PROPN, PUNCT, SCONJ, SYM, VERB, X",
        ),
        (4, line("one", "Do", "AUX"), "the id 'one' is no number, range (1-2) or empty node (8.1)"),
        (
            7,
            line(1, "back", "ADV"),
            "word 1 where word 3 was expected; an empty line ends a sentence",
        ),
        (4, line(1, " ", "AUX"), "the word is empty"),
        (4, line(1, "Do  it", "AUX"), "two spaces in a row in one of the first columns"),
    ],
)
def test_a_bad_line_is_named(number: int, content: str, problem: str) -> None:
    lines = TEXT.split("\n")
    lines[number - 1] = content
    for text in ("\n".join(lines), "\r\n".join(lines)):
        with pytest.raises(DataError) as caught:
            ConlluFile(text, "a.conllu", tagged=True)
        assert str(caught.value) == f"a.conllu:{number}: {problem}"


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("", "the file is empty"),
        ("\n \n", "the file is empty"),
        ("# a comment\n\n", "no sentence in it"),
    ],
)
def test_a_file_without_sentences(text: str, state: str) -> None:
    with pytest.raises(DataError) as caught:
        ConlluFile(text, "a.conllu", tagged=True)
    assert str(caught.value) == (
        f"a.conllu: {state}; expected CoNLL-U: ten tab-separated columns for each word"
    )


def test_invalid_utf8_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.conllu"
    path.write_bytes(b"# one\n# two\n1\tcaf\xe9\n")
    with pytest.raises(DataError) as caught:
        read_utf8(path)
    assert str(caught.value) == f"{path}:3: the byte 0xe9 is not valid UTF-8; save the file as UTF-8"


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.conllu: the file is missing$"):
        read_utf8(tmp_path / "a.conllu")


def test_the_line_of_a_tag() -> None:
    file = ConlluFile(TEXT, "a.conllu", tagged=True)
    assert (file.line_of("AUX"), file.line_of("NUM"), file.line_of("VERB")) == (4, 11, None)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_tags_are_filled_in_and_all_else_stays(end: str) -> None:
    text = TEXT.replace("\n", end)
    untagged = text.replace("AUX", "_").replace("NUM", "_")
    file = ConlluFile(untagged, "a.conllu", tagged=False)
    assert file.with_tags([["AUX", "PART", "ADV"], ["NOUN", "NUM"]]) == text


def test_tags_must_be_as_many_as_words() -> None:
    with pytest.raises(ValueError, match="zip"):
        ConlluFile(TEXT, "a.conllu", tagged=False).with_tags([["AUX"], ["NOUN", "NUM"]])


@pytest.mark.real_data
def test_a_real_file_comes_back_as_it_was(data_dir: Path) -> None:
    path = data_dir / "ud_english_ewt" / "en_ewt-ud-dev.conllu"
    text = read_utf8(path)
    file = ConlluFile(text, path, tagged=True)
    parsed = file.parse()
    assert file.sentences == [[form for form, _ in sentence] for sentence in parsed]
    assert file.with_tags([[tag for _, tag in sentence] for sentence in parsed]) == text
