from __future__ import annotations

from pathlib import Path

import pytest

from seqtrain.data.files.labelled import LabelledTexts, read_labelled_texts
from seqtrain.errors import DataError

PAIRS = (("a fine day", "good"), ("oh no", "bad"))


def read(path: Path, text_column: str | int = "text", class_column: str | int = "label") -> LabelledTexts:
    return read_labelled_texts(path, text_column, class_column)


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("lines.txt", "good a fine day\n\nbad\toh no\n"),
        ("fasttext.txt", "__label__good a fine day\r\n__label__bad oh no"),
        ("table.csv", '\ufefflabel,text\ngood,a fine day\nbad,"oh no"\n'),
        ("table.tsv", "text\tn\tlabel\na fine day\t1\tgood\noh no\t2\tbad\n"),
    ],
)
def test_a_file(tmp_path: Path, name: str, content: str) -> None:
    found = read(write(tmp_path, name, content))
    assert tuple(zip(found.texts, found.classes, strict=True)) == PAIRS


@pytest.mark.parametrize(
    "files",
    [
        {"good.txt": "a fine day\n", "bad.txt": "oh no\n\n"},
        {"good/1.txt": "a fine day\n", "bad/1.txt": "oh no"},
    ],
)
def test_a_folder(tmp_path: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        write(tmp_path, f"all/{name}", content)
    found = read(tmp_path / "all")
    assert sorted(zip(found.texts, found.classes, strict=True)) == sorted(PAIRS)


def test_a_column_may_be_a_number(tmp_path: Path) -> None:
    path = write(tmp_path, "table.csv", "what,how\na fine day,good\noh no,bad\n")
    assert read(path, 1, "how").texts == ("a fine day", "oh no")


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.csv", "label,words\nx,y\n", "no column 'text' in its first line, which has label, words"),
        ("a.csv", "label,text\nx\n", "1 columns, but the first line has 2"),
        ("a.csv", 'label,text\nx,"y\n', "cannot be read as a table"),
        ("a.csv", "label,text\nx,\n", "there is no text beside the class 'x'"),
        ("a.csv", "label,text\n,x\n", "the class is empty"),
        ("a.csv", "label,text\n", "no text in it; expected a .csv or .tsv file"),
        ("a.txt", "good\n", "there is no text beside the class 'good'"),
        ("a.txt", "good a\0b\n", "has null bytes, so it is not text"),
        ("a.txt", b"good \xff\n", "the byte 0xff is not valid UTF-8"),
        ("a.txt", "\n", "no text in it"),
        ("all/one/text.md", "x", "no text in it"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, name: str, content: str | bytes, problem: str) -> None:
    path = write(tmp_path, name, content)
    with pytest.raises(DataError) as refused:
        read(tmp_path / "all" if name.startswith("all") else path)
    assert problem in str(refused.value)
