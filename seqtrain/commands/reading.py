"""The sequences that a user gives to predict on: text, images or numbers, in chunks.

So memory stays bounded, and a stream is answered as its lines arrive.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from glob import glob
from pathlib import Path

import numpy as np

from seqtrain.commands.interface import Arguments
from seqtrain.commands.reading_text import Reading, read_texts, read_words
from seqtrain.data.files.arrays import read_sequences
from seqtrain.data.files.images import iterate_images
from seqtrain.data.files.series import last_window, read_series
from seqtrain.errors import ConfigError, DataError
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

SUFFIXES = (".png", ".npy")
TRUTH = {"true": True, "false": False}


def read(spec: DataSpec, given: Arguments, stack: ExitStack, word_column: int = 1) -> Reading:
    """The sequences that the arguments name; files are closed with the stack.

    Raises:
        ConfigError: an argument is not for such inputs.
    """
    inputs, is_text = spec.inputs, isinstance(spec.targets, SequenceClasses)
    match inputs:
        case WordInputs():
            return read_words(given, stack, splits_text=not is_text, word_column=word_column)
        case TokenInputs() if is_text:
            return read_texts(given, stack, inputs)
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
