"""The JSON file beside an ONNX model: what its inputs and outputs mean. Needs no torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seqtrain.errors import DataError
from seqtrain.runs.files import write_text

VERSION = 1


@dataclass(frozen=True)
class Description:
    """What a user of an exported model has to know.

    `labels` are the names of the targets. `words` and `characters` give the ids of the model's vocabularies
    (0 is padding, `unknown` the id of a string that is not in them); words are looked up in lower case,
    characters as they are. `image_size` is (height, width).
    """

    labels: tuple[str, ...]
    sha256: str  # of the ONNX file that it describes
    words: Mapping[str, int] | None = None
    characters: Mapping[str, int] | None = None
    image_size: tuple[int, int] | None = None
    num_features: int | None = None  # of a time step, for sequences of numbers
    column: str | None = None  # of CoNLL-U, where the tags are from
    unknown: int = 1
    lowercase: bool = True
    version: int = VERSION

    def write(self, path: Path) -> None:
        """Write the file, atomically."""
        write_text(path, json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n")


def beside(model: Path) -> Path:
    """The file that describes an ONNX file."""
    return model.with_suffix(".json")


def read_description(model: Path, content: bytes) -> Description:
    """The description of an ONNX file, whose content is `content`.

    Raises:
        seqtrain.errors.DataError: it is missing, was not written by seqtrain, or describes another file.
    """
    path = beside(model)
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"is missing; `seqtrain export` writes it beside {model.name}", path) from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"cannot be read: {error}", path) from None
    description = _parse(plain, path)
    if description.sha256 != hashlib.sha256(content).hexdigest():
        raise DataError(f"describes another model than {model.name}; export both again", path)
    return description


def _parse(plain: Any, path: Path) -> Description:
    keys = set(Description.__dataclass_fields__)
    if not isinstance(plain, dict) or set(plain) != keys:
        raise DataError("was not written by `seqtrain export`", path)
    if plain["version"] != VERSION:
        raise DataError(f"has version {plain['version']}, expected {VERSION}; export the model again", path)
    size = plain["image_size"]
    return Description(
        **plain | {"labels": tuple(plain["labels"]), "image_size": size and (size[0], size[1])}
    )
