"""The sequences that a user gives to predict on: text, images or numbers, in chunks.

So memory stays bounded, and a stream is answered as its lines arrive.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import TypeVar

import numpy as np

from seqtrain.commands.interface import Arguments
from seqtrain.config import ConfigError
from seqtrain.data.files.arrays import read_sequences
from seqtrain.data.files.conllu import ConlluReader
from seqtrain.data.files.images import iterate_images
from seqtrain.data.files.series import last_window, read_series
from seqtrain.data.files.text import BYTE_ORDER_MARK, LineStream
from seqtrain.data.sentences import Sentence, split_sentences, tokenize_span
from seqtrain.data.tokens import split_text
from seqtrain.errors import DataError
from seqtrain.foreign import open_regular
from seqtrain.predictions import Given
from seqtrain.spec import (
    DataSpec,
    ImageInputs,
    SequenceClasses,
    SeriesInputs,
    TokenInputs,
    VectorInputs,
    WordInputs,
)

CHUNK = 1024  # sentences answered at a time
SUFFIXES = (".png", ".npy")
TRUTH = {"true": True, "false": False}

Item = TypeVar("Item")


@dataclass(frozen=True)
class Reading:
    """What a user gave, in chunks; and what follows the last sentence of a file in CoNLL-U."""

    chunks: Iterator[list[Given]]
    tail: Callable[[], str] = str


def read(spec: DataSpec, given: Arguments, stack: ExitStack) -> Reading:
    """The sequences that the arguments name; files are closed with the stack.

    Raises:
        ConfigError: an argument is not for such inputs.
    """
    inputs, is_text = spec.inputs, isinstance(spec.targets, SequenceClasses)
    match inputs:
        case WordInputs():
            return _read_words(given, stack, splits_text=not is_text)
        case TokenInputs() if is_text:
            return _read_texts(given, stack, inputs)
        case ImageInputs():
            sources = _files(given, "images", "FILE, a PNG or npy file")
            return Reading(read_images(inputs, sources, TRUTH[given.get("resize", "false")]))
        case SeriesInputs():
            sources = _files(given, "series", "FILE.csv")
            if len(sources) > 1 and given.get("format", "csv") == "csv":
                raise ConfigError(["input: given twice; with format=csv there is one table, of one input"])
            return Reading(read_windows(inputs, sources))
        case VectorInputs():
            return Reading(read_numbers(_files(given, "sequences of numbers", "FILE.npz")))
        case TokenInputs():
            raise ConfigError(
                ["predict: a language model has no answers; seqtrain generate RUN continues a text"]
            )
    raise ConfigError(
        [f"predict: no file format is known for {type(inputs).__name__}, which this model reads"]
    )


def _files(given: Arguments, what: str, expected: str) -> Sequence[str]:
    sources = given.all_of("input")
    if "text" in given or sources in ([], ["-"]):
        raise ConfigError([f"input: this model reads {what}; give input={expected}"])
    if "split" in given:
        raise ConfigError([f"split: is for text; this model reads {what}"])
    if "resize" in given and what != "images":
        raise ConfigError([f"resize: is for images; this model reads {what}"])
    return sources


def _read_words(given: Arguments, stack: ExitStack, splits_text: bool) -> Reading:
    if "resize" in given:
        raise ConfigError(["resize: is for images; this model reads words"])
    if "text" in given:
        return read_text(given["text"], TRUTH[given.get("split", str(splits_text).lower())])
    sources = given.all_of("input") or ["-"]
    if len(sources) > 1:
        raise ConfigError(["input: given twice; this model reads words, from one input"])
    return read_stream(_open(sources[0], stack), TRUTH[given.get("split", "false")])


def _read_texts(given: Arguments, stack: ExitStack, inputs: TokenInputs) -> Reading:
    """Whole texts, one per line."""
    for key in ("resize", "split"):
        if key in given:
            raise ConfigError([f"{key}: is not for a model that reads {inputs.unit}s of whole texts"])
    sources = given.all_of("input") or ["-"]
    if len(sources) > 1:
        raise ConfigError(["input: given twice; this model reads texts, from one input"])
    stream = None if "text" in given else _open(sources[0], stack)
    lines = (line.removeprefix(BYTE_ORDER_MARK).strip() for line in stream or [given["text"]])
    texts = (Given(text, tuple(split_text(text, inputs.unit))) for text in lines if text)
    return Reading(_chunks(texts, stream))


def _open(source: str, stack: ExitStack) -> LineStream:
    if source == "-":
        return LineStream(sys.stdin.buffer, "standard input")  # type: ignore[arg-type]
    return LineStream(stack.enter_context(open_regular(Path(source))), source)


def read_text(text: str, split: bool = True) -> Reading:
    """The sentences of a text, which is one sentence unless it is `split`."""
    sentences = split_sentences(text) if split else _line_sentences(text, split=False)
    return Reading(_chunks((_as_given(text, each) for each in sentences), stream=None))


def read_stream(stream: LineStream, split: bool = False) -> Reading:
    """The sentences of lines: CoNLL-U if they are in its columns or its name ends so, else plain text with
    one sentence per line, or with several if lines are to be `split`."""
    if str(stream.path).endswith(".conllu") or _is_conllu(stream.peek_content()):
        reader = ConlluReader(stream, stream.path)
        sentences = (Given(str(stream.path), tuple(each.words), source=each) for each in reader)
        return Reading(_chunks(sentences, stream), lambda: reader.tail)
    return Reading(_chunks(_plain_sentences(stream, split), stream))


def _is_conllu(line: str) -> bool:
    return line[:1].isdecimal() and "\t" in line


def _plain_sentences(stream: LineStream, split: bool) -> Iterator[Given]:
    for number, line in enumerate(stream):
        text = line.rstrip("\r\n") if number else line.removeprefix("\ufeff").rstrip("\r\n")
        for sentence in _line_sentences(text, split):
            yield _as_given(text, sentence)


def _line_sentences(text: str, split: bool) -> list[Sentence]:
    sentences = split_sentences(text) if split else [tokenize_span(text, 0, len(text))]
    return [each for each in sentences if each.tokens]


def _as_given(text: str, sentence: Sentence) -> Given:
    return Given(text, tuple(sentence.tokens), sentence.spans)


def _chunks(items: Iterable[Item], stream: LineStream | None) -> Iterator[list[Item]]:
    """The items in lists: full ones, and what there is whenever the next line has to be waited for.

    Raises:
        DataError: there are no items.
    """
    chunk: list[Item] = []
    is_empty = True
    for item in items:
        chunk.append(item)
        is_empty = False
        if len(chunk) == CHUNK or (stream is not None and stream.is_drained):
            yield chunk
            chunk = []
    if is_empty:
        raise DataError("no sentence to tag; expected at least one word")
    if chunk:
        yield chunk


def read_images(inputs: ImageInputs, sources: Sequence[str], resize: bool) -> Iterator[list[Given]]:
    """The images of files, folders and patterns such as `scans/*.png`.

    Raises:
        DataError: there are no images, or a file cannot be read.
    """
    for source in sources:
        for path in _find_files(source):
            number = 0
            for pixels in iterate_images(path, inputs.size, resize):
                is_only_one = number == 0 and len(pixels) == 1
                names = [f"{path}[{index}]" for index in range(number, number + len(pixels))]
                yield [
                    Given(str(path) if is_only_one else name, values=values)
                    for name, values in zip(names, pixels, strict=True)
                ]
                number += len(pixels)


def _find_files(source: str) -> list[Path]:
    path = Path(source)
    if path.is_dir():
        found = sorted(each for each in path.iterdir() if each.suffix.lower() in SUFFIXES)
        if not found:
            raise DataError("no PNG or npy file in this folder", path)
        return found
    matching = [] if path.exists() else sorted(map(Path, glob(source)))  # noqa: PTH207
    return matching or [path]


def read_numbers(sources: Sequence[str]) -> Iterator[list[Given]]:
    """The sequences of .npz files; see `seqtrain.data.read_sequences`.

    Raises:
        DataError: a file cannot be read.
    """
    for source in sources:
        sequences = read_sequences(Path(source))
        each = np.split(sequences.x, sequences.lengths.cumsum()[:-1])
        yield [Given(f"{source}[{number}]", values=values) for number, values in enumerate(each)]


def read_windows(inputs: SeriesInputs, sources: Sequence[str]) -> Iterator[list[Given]]:
    """The last rows of CSV files; see `seqtrain.data.read_series`.

    Raises:
        DataError: a file cannot be read, or a model with these inputs does not forecast from it.
    """
    for source in sources:
        series = read_series(Path(source), inputs.time, inputs.columns)
        yield [Given(source, values=last_window(series, inputs), source=series.times)]
