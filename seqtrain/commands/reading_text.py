"""The texts that a user gives to predict on, in chunks: lines, files in columns, or one argument."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from seqtrain.commands.interface import Arguments
from seqtrain.data.files.columns import TwoColumnReader
from seqtrain.data.files.conllu import ConlluReader
from seqtrain.data.files.text import BYTE_ORDER_MARK, LineStream
from seqtrain.data.sentences import Sentence, find_excess, separate, split_sentences, tokenize_span
from seqtrain.data.tokens import split_text
from seqtrain.errors import ConfigError, DataError
from seqtrain.foreign import open_regular
from seqtrain.predictions import Given
from seqtrain.spec import TokenInputs

CHUNK = 1024  # sentences answered at a time
COLUMN_SUFFIXES = (".conll", ".bio", ".iob", ".iob2")


@dataclass(frozen=True)
class Reading:
    """What a user gave, in chunks; and what follows the last sentence of a file in CoNLL-U.

    `refused` has a message for each line that is too long to be answered, once the chunks have been read.
    """

    chunks: Iterator[list[Given]]
    tail: Callable[[], str] = str
    refused: list[str] = field(default_factory=list)


class _Lines(Iterator[str]):
    """The lines of a stream, counted."""

    def __init__(self, stream: LineStream) -> None:
        self.stream, self.number = stream, 0

    def __next__(self) -> str:
        line = next(self.stream)
        self.number += 1
        return line


def read_words(given: Arguments, stack: ExitStack, splits_text: bool, word_column: int) -> Reading:
    """Sentences of words: of the argument `text`, or of a file in any of the formats of training."""
    if "resize" in given:
        raise ConfigError(["resize: is for images; this model reads words"])
    if "text" in given:
        return read_text(given["text"], given.get("split", str(splits_text).lower()))
    split = given.get("split", None if splits_text else "false")
    return read_stream(_open_one(given, "words", stack), split, word_column)


def read_texts(given: Arguments, stack: ExitStack, inputs: TokenInputs) -> Reading:
    """Whole texts, one per line."""
    for key in ("resize", "split"):
        if key in given:
            raise ConfigError([f"{key}: is not for a model that reads {inputs.unit}s of whole texts"])
    if "text" in given:
        texts = (Given(text, tuple(split_text(text, inputs.unit))) for text in [given["text"].strip()])
        return Reading(_chunks(_not_empty(texts), stream=None))
    lines = _Lines(_open_one(given, "texts", stack))
    stripped = (line.removeprefix(BYTE_ORDER_MARK).strip() for line in lines)
    return _in_chunks(
        (Given(text, tuple(split_text(text, inputs.unit))) for text in stripped if text),
        lines,
        steps=f"{inputs.unit}s",
    )


def _open_one(given: Arguments, what: str, stack: ExitStack) -> LineStream:
    sources = given.all_of("input") or ["-"]
    if len(sources) > 1:
        raise ConfigError([f"input: given twice; this model reads {what}, from one input"])
    if sources[0] == "-":
        return LineStream(sys.stdin.buffer, "standard input")  # type: ignore[arg-type]
    return LineStream(stack.enter_context(open_regular(Path(sources[0]))), sources[0])


def read_text(text: str, split: str = "true") -> Reading:
    """The sentences of a text; see `read_stream` for `split`."""
    sentences = (_as_given(text, each) for each in _sentences_of(text, split))
    return Reading(_chunks(_not_empty(sentences), stream=None))


def read_stream(stream: LineStream, split: str | None = None, word_column: int = 1) -> Reading:
    """The sentences of lines.

    Args:
        stream: CoNLL-U if it is in its columns or its name ends so; or a word and its tag on each line, in
            columns between tabs or under such a name as a.conll; else plain text.
        split: of plain text, which a stream is if this is given: `false` for one sentence per line, `true`
            for several, `spaces` for one whose words have spaces between them.
        word_column: where the words are in columns, counted from 1, or from the last, which is -1.
    """
    lines, name = _Lines(stream), str(stream.path)
    first = "" if split else stream.peek_content()
    if name.endswith(".conllu") or _is_conllu(first, word_column):
        reader = ConlluReader(lines, stream.path)
        words = (Given(name, tuple(each.words), source=each) for each in reader)
        return _in_chunks(words if first.strip() else iter(()), lines, lambda: reader.tail)
    if first.strip() and (name.endswith(COLUMN_SUFFIXES) or _is_in_columns(first)):
        columns = TwoColumnReader(lines, stream.path, word_column, word_column)
        return _in_chunks((Given(name, tuple(each.words)) for each in columns), lines)
    texts = (line.removeprefix(BYTE_ORDER_MARK).rstrip("\r\n") for line in lines)
    sentences = (_as_given(text, each) for text in texts for each in _sentences_of(text, split or "false"))
    return _in_chunks(sentences, lines)


def _is_conllu(line: str, word_column: int) -> bool:
    """Whether a line has the columns of CoNLL-U, or is one with too few, which its reader refuses."""
    identity, num_tabs = line.partition("\t")[0], line.count("\t")
    is_first_word = identity in ("1", "0.1") or identity.startswith("1-")
    return num_tabs == 9 or (num_tabs > 0 and is_first_word and word_column == 1)


def _is_in_columns(line: str) -> bool:
    columns = line.removeprefix(BYTE_ORDER_MARK).rstrip("\r\n").split("\t")
    return len(columns) > 1 and all(len(each.split()) == 1 for each in columns)


def _sentences_of(text: str, split: str) -> list[Sentence]:
    if split == "true":
        return split_sentences(text)
    sentence = separate(text) if split == "spaces" else tokenize_span(text, 0, len(text))
    return [sentence] if sentence.tokens else []


def _as_given(text: str, sentence: Sentence) -> Given:
    return Given(text, tuple(sentence.tokens), sentence.spans)


def _in_chunks(
    items: Iterable[Given], lines: _Lines, tail: Callable[[], str] = str, steps: str = "words"
) -> Reading:
    """Split the items, which come from `lines`, into chunks; items that are too long are refused."""
    refused: list[str] = []

    def answerable() -> Iterator[Given]:
        for item in items:
            excess = find_excess(item.tokens or (), steps)
            if excess is None:
                yield item
            else:
                refused.append(str(DataError(f"the sentence has {excess}", lines.stream.path, lines.number)))

    return Reading(_chunks(answerable(), lines.stream), tail, refused)


def _not_empty(items: Iterable[Given]) -> Iterator[Given]:
    """The items of an argument.

    Raises:
        DataError: there are none, or one is too long.
    """
    is_empty = True
    for item in items:
        excess = find_excess(item.tokens or ())
        if excess is not None:
            raise DataError(f"text: the sentence has {excess}")
        if item.tokens:
            is_empty = False
            yield item
    if is_empty:
        raise DataError("no sentence to tag; expected at least one word")


def _chunks(items: Iterable[Given], stream: LineStream | None) -> Iterator[list[Given]]:
    """Lists of up to CHUNK items; a list ends early where the next line would have to be waited for."""
    chunk: list[Given] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == CHUNK or (stream is not None and stream.is_drained):
            yield chunk
            chunk = []
    if chunk:
        yield chunk
