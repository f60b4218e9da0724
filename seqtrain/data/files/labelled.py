"""Texts with a class for each: tables, lines, a file for each class, a folder for each class."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from seqtrain.data.files.text import BYTE_ORDER_MARK, open_lines, read_utf8
from seqtrain.errors import DataError

Column: TypeAlias = str | int  # its name in the first line, or its number, counted from 1
Texts: TypeAlias = Iterator[tuple[str, str]]  # with the class of each

DELIMITERS = {".csv": ",", ".tsv": "\t"}
PREFIX = "__label__"  # of a class in fastText's files
EXPECTED = (
    "expected a .csv or .tsv file, lines of a class and a text, a .txt file for each class with a text on "
    "each line, or a folder of .txt files for each class"
)


@dataclass(frozen=True)
class LabelledTexts:
    """Texts and their classes, in the order of their files."""

    path: Path
    texts: tuple[str, ...]
    classes: tuple[str, ...]

    def select(self, chosen: list[bool]) -> LabelledTexts:
        """The texts where `chosen` is true."""
        kept = [each for each, is_kept in zip(self._pairs(), chosen, strict=True) if is_kept]
        return LabelledTexts(self.path, *_unzip(kept))

    def without_repetitions(self) -> LabelledTexts:
        """Each text once with each of its classes."""
        return LabelledTexts(self.path, *_unzip(list(dict.fromkeys(self._pairs()))))

    def _pairs(self) -> Iterator[tuple[str, str]]:
        return zip(self.texts, self.classes, strict=True)


def read_labelled_texts(path: Path, text_column: Column, class_column: Column) -> LabelledTexts:
    """The texts of a file or a folder.

    Args:
        path: a .csv or .tsv file with a header; another file, with a class, a space or tab and a text on each
            line; a folder of .txt files named after their classes, with a text on each line; or a folder of
            folders named after their classes, with a text in each .txt file.
        text_column: where a table has the text.
        class_column: where it has the class.

    Raises:
        DataError: it is none of these, or a text or a class is empty.
    """
    if path.is_dir():
        found = _read_folder(path)
    elif path.suffix.lower() in DELIMITERS:
        found = _read_table(path, text_column, class_column)
    else:
        found = _read_lines(path)
    pairs = list(found)
    if not pairs:
        raise DataError(f"no text in it; {EXPECTED}", path)
    return LabelledTexts(path, *_unzip(pairs))


def _unzip(pairs: list[tuple[str, str]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    texts, classes = zip(*pairs, strict=True) if pairs else ((), ())
    return texts, classes


def _read_folder(folder: Path) -> Texts:
    files = sorted(each for each in folder.glob("*.txt") if each.is_file())
    if files:
        for file in files:
            yield from ((text, file.stem) for _, text in _lines(file))
        return
    for file in sorted(folder.glob("*/*.txt")):
        text = read_utf8(file).removeprefix(BYTE_ORDER_MARK).strip()
        _check(text, file.parent.name, file, None)
        yield text, file.parent.name


def _read_lines(path: Path) -> Texts:
    for number, line in _lines(path):
        name, _, text = line.partition("\t" if "\t" in line else " ")
        _check(text.strip(), name, path, number)
        yield text.strip(), name.removeprefix(PREFIX)


def _read_table(path: Path, text_column: Column, class_column: Column) -> Texts:
    with open_lines(path) as lines:
        rows = csv.reader(_without_nulls(lines, path), delimiter=DELIMITERS[path.suffix.lower()], strict=True)
        try:
            head = next(rows, [])
            names = [name.removeprefix(BYTE_ORDER_MARK).strip() for name in head]
            text_index, class_index = (
                _find_column(names, *each, path)
                for each in (("text_column", text_column), ("class_column", class_column))
            )
            for row in rows:
                if not row:
                    continue
                if len(row) != len(names):
                    problem = f"{len(row)} columns, but the first line has {len(names)}"
                    raise DataError(problem, path, rows.line_num)
                text, name = row[text_index].strip(), row[class_index].strip()
                _check(text, name, path, rows.line_num)
                yield text, name
        except csv.Error as error:
            raise DataError(f"cannot be read as a table: {error}", path, rows.line_num) from None


def _find_column(names: list[str], argument: str, column: Column, path: Path) -> int:
    if isinstance(column, int) and 1 <= column <= len(names):
        return column - 1
    if column in names:
        return names.index(str(column))
    raise DataError(
        f"no column {column!r} in its first line, which has {', '.join(names) or 'nothing'}; give "
        f"data.{argument}, a name or a number from 1",
        path,
    )


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, with their numbers."""
    with open_lines(path) as lines:
        for number, line in enumerate(_without_nulls(lines, path), start=1):
            text = line.removeprefix(BYTE_ORDER_MARK).strip()
            if text:
                yield number, text


def _without_nulls(lines: Iterator[str], path: Path) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        if "\0" in line:
            raise DataError("has null bytes, so it is not text; expected UTF-8", path, number)
        yield line


def _check(text: str, name: str, path: Path, line: int | None) -> None:
    if not name:
        raise DataError("the class is empty", path, line)
    if not text:
        raise DataError(f"there is no text beside the class {name!r}; {EXPECTED}", path, line)
