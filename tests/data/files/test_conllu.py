from __future__ import annotations

import io
from pathlib import Path

import pytest

from seqtrain.data import ConlluReader, read_utf8
from seqtrain.data.files.conllu import ConlluSentence, TagColumn
from seqtrain.data.files.text import open_lines
from seqtrain.errors import DataError

UPOS = TagColumn.parse("UPOS")


def read(text: str, column: TagColumn | None = UPOS) -> list[ConlluSentence]:
    return list(ConlluReader(io.StringIO(text, newline="\n"), "a.conllu", column))


def pairs(sentences: list[ConlluSentence]) -> list[list[tuple[str, str]]]:
    return [list(zip(sentence.words, sentence.tags, strict=True)) for sentence in sentences]


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


WORDS = [
    [("Do", "AUX"), ("n't", "PART"), ("back", "ADV")],
    [("Runs", "NOUN"), ("1 000", "NUM")],
]


def test_words_are_the_lines_with_a_plain_number() -> None:
    assert pairs(read(TEXT)) == WORDS


def test_without_a_column_there_are_no_tags() -> None:
    assert [(each.words, each.tags) for each in read(TEXT.replace("AUX", "_"), None)] == [
        (["Do", "n't", "back"], []),
        (["Runs", "1 000"], []),
    ]


@pytest.mark.parametrize(
    "text",
    [TEXT.replace("\n", "\r\n"), "\ufeff" + TEXT, "\ufeff" + TEXT.replace("\n", "\r\n"), TEXT.rstrip()],
)
def test_windows_line_ends_a_byte_order_mark_and_a_short_end_just_work(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.conllu"
    path.write_bytes(text.encode())
    with open_lines(path) as lines:
        assert pairs(list(ConlluReader(lines, path, UPOS))) == WORDS


@pytest.mark.parametrize("first", ["1", "# comment\n1", "\n1"])
def test_a_byte_order_mark_before_anything(first: str) -> None:
    text = "\ufeff" + line(1, "Do", "AUX").replace("1", first, 1) + "\n"
    assert pairs(read(text)) == [[("Do", "AUX")]]
    reader = ConlluReader(io.StringIO(text, newline="\n"), "a.conllu")
    written = "".join(sentence.with_tags(["AUX"], UPOS) for sentence in reader) + reader.tail
    assert written == text


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
        (4, line("one", "Do", "AUX"), "the id 'one' is not a number, a range (1-2) or an empty node (8.1)"),
        (
            7,
            line(1, "back", "ADV"),
            "word 1 where word 3 was expected; an empty line ends a sentence",
        ),
        (4, line(1, " ", "AUX"), "the word is empty"),
        (4, line(1, "x" * 1001, "AUX"), "the word has 1,001 characters; expected at most 1,000"),
        (
            1,
            "# global.columns = ID FORM",
            "CoNLL-U Plus with the columns ID FORM; expected the ten columns of CoNLL-U",
        ),
    ],
)
def test_a_bad_line_is_named(number: int, content: str, problem: str) -> None:
    lines = TEXT.split("\n")
    lines[number - 1] = content
    for text in ("\n".join(lines), "\r\n".join(lines)):
        with pytest.raises(DataError) as caught:
            read(text)
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
        read(text)
    assert str(caught.value) == (
        f"a.conllu: {state}; expected CoNLL-U: ten tab-separated columns for each word"
    )


def test_the_standard_columns_may_be_named() -> None:
    columns = "# global.columns = ID FORM LEMMA UPOS XPOS FEATS HEAD DEPREL DEPS MISC\n"
    assert pairs(read(columns + TEXT)) == WORDS


def test_an_empty_column_of_tags() -> None:
    text = line(1, "Do", "AUX").replace("root", "")
    problem = "^a.conllu:1: the column DEPREL is empty; expected a tag, or _ for none$"
    with pytest.raises(DataError, match=problem):
        read(text, TagColumn.parse("DEPREL"))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_tags_are_filled_in_and_all_else_stays(end: str) -> None:
    text = TEXT.replace("\n", end) + f"{end}# a last comment"
    untagged = text.replace("AUX", "_").replace("NUM", "_")
    reader = ConlluReader(io.StringIO(untagged, newline="\n"), "a.conllu")
    tags = [["AUX", "PART", "ADV"], ["NOUN", "NUM"]]
    written = [sentence.with_tags(each, UPOS) for sentence, each in zip(reader, tags, strict=True)]
    assert "".join(written) + reader.tail == text


def test_tags_must_be_as_many_as_words() -> None:
    with pytest.raises(ValueError, match="zip"):
        read(TEXT)[0].with_tags(["AUX"], UPOS)


@pytest.mark.real_data
def test_a_real_file_comes_back_as_it_was(data_dir: Path) -> None:
    path = data_dir / "ud_english_ewt" / "en_ewt-ud-dev.conllu"
    with open_lines(path) as lines:
        reader = ConlluReader(lines, path, UPOS)
        written = [sentence.with_tags(sentence.tags, UPOS) for sentence in reader]
    assert "".join(written) + reader.tail == read_utf8(path)
    assert len(written) == 2001


LINE = "1\tdogs\tdog\tNOUN\tNNS\tNumber=Plur\t0\troot\t_\t"


@pytest.mark.parametrize(
    ("name", "tag"),
    [("UPOS", "NOUN"), ("XPOS", "NNS"), ("FEATS", "Number=Plur"), ("DEPREL", "root"), ("MISC:Entity", "B-X")],
)
def test_the_tag_of_each_column(name: str, tag: str) -> None:
    columns = (LINE + "SpaceAfter=No|Entity=B-X\r\n").split("\t")
    assert TagColumn.parse(name).read(columns) == tag


@pytest.mark.parametrize(
    ("misc", "tag"), [("_", "_"), ("Other=B", "_"), ("Entity", "_"), ("Entity=", "_"), ("Entity=a=b", "a=b")]
)
def test_a_key_that_a_word_may_lack(misc: str, tag: str) -> None:
    assert TagColumn.parse("MISC:Entity").read((LINE + misc).split("\t")) == tag


@pytest.mark.parametrize(
    "name", ["ID", "FORM", "upos", "MISC", "MISC:", "MISC:a=b", "MISC:\x1b[2J", "", "XPOS:Key"]
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError) as caught:
        TagColumn.parse(name)
    assert str(caught.value) == f"column must be one of UPOS, XPOS, FEATS, DEPREL or MISC:Key, got {name!r}"


@pytest.mark.parametrize(
    ("before", "tag", "after"),
    [
        ("_\n", "B-X", "Entity=B-X\n"),
        ("SpaceAfter=No\r\n", "B-X", "SpaceAfter=No|Entity=B-X\r\n"),
        ("Entity=O|SpaceAfter=No", "B-X", "SpaceAfter=No|Entity=B-X"),
        ("Entity=O\n", "_", "_\n"),
    ],
)
def test_a_key_is_written_among_the_others(before: str, tag: str, after: str) -> None:
    columns = (LINE + before).split("\t")
    TagColumn.parse("MISC:Entity").write(columns, tag)
    assert columns == (LINE + after).split("\t")


def test_a_column_is_replaced() -> None:
    columns = LINE.split("\t")
    TagColumn.parse("XPOS").write(columns, "NN")
    assert columns == LINE.replace("NNS", "NN").split("\t")
