"""The way from image files to classes, in chunks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from glob import glob
from pathlib import Path

from seqtrain.data.files.images import iterate_images
from seqtrain.errors import DataError, printable_line
from seqtrain.predictions import Predicts

SUFFIXES = (".png", ".npy")


def classify_files(predictor: Predicts, sources: Sequence[str], form: str, resize: bool) -> Iterator[str]:
    """The answers to the images of files, folders and patterns such as `scans/*.png`.

    Raises:
        DataError: there are no images, or a file cannot be read.
    """
    for source in sources:
        for path in _find_files(source):
            yield from _classify_file(predictor, path, form, resize)


def _find_files(source: str) -> list[Path]:
    path = Path(source)
    if path.is_dir():
        found = sorted(each for each in path.iterdir() if each.suffix.lower() in SUFFIXES)
        if not found:
            raise DataError("no PNG or npy file in this folder", path)
        return found
    matching = [] if path.exists() else sorted(map(Path, glob(source)))  # noqa: PTH207
    return matching or [path]


def _classify_file(predictor: Predicts, path: Path, form: str, resize: bool) -> Iterator[str]:
    assert predictor.image_size is not None
    number = 0
    for pixels in iterate_images(path, predictor.image_size, resize):
        is_only_one = number == 0 and len(pixels) == 1
        for answer in predictor.classify_pixels(pixels):
            name = str(path) if is_only_one else f"{path}[{number}]"
            number += 1
            if form == "json":
                plain = {"input": name, "label": answer.label, "confidence": answer.confidence}
                yield json.dumps(plain, ensure_ascii=False) + "\n"
            else:
                yield printable_line(f"{name}  {answer.label}  {answer.confidence:.4f}") + "\n"
