from __future__ import annotations

import pytest

from seqtrain.data.files.columns import TagColumn

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


@pytest.mark.parametrize("name", ["ID", "FORM", "upos", "MISC", "MISC:", "MISC:a=b", "", "XPOS:Key"])
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
