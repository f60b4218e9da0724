"""The JSON file beside an exported model: what its inputs and outputs mean. Needs no torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from seqtrain.data.files.conllu import TagColumn
from seqtrain.errors import DataError
from seqtrain.foreign import read_json
from seqtrain.runs.files import write_text
from seqtrain.spec import (
    Classes,
    DataSpec,
    Horizon,
    ImageInputs,
    Inputs,
    NextToken,
    Numbers,
    SequenceClasses,
    SequenceNumbers,
    SeriesInputs,
    StepClasses,
    StepNumbers,
    Targets,
    TokenInputs,
    Unit,
    VectorInputs,
    Vocabulary,
    WordInputs,
)

VERSION = 1
NEWER: dict[str, Any] = {
    "numbers": False,
    "quantiles": [],
    "series": None,
    "tokens": None,
    "unit": None,
    "num_steps": None,
}
"""Keys that the first files lack, with the values that they mean."""
MAX_BYTES = 1 << 28  # of a description, which may have millions of words


@dataclass(frozen=True)
class SeriesDescription:
    """The window of series that a model reads, and how far it forecasts."""

    columns: tuple[str, ...]  # those that are forecast, the labels, come first
    time: str | None  # the column of times
    distance: str | None  # from one row to the next
    context: int  # rows
    horizon: int  # rows


@dataclass(frozen=True)
class Description:
    """What a user of an exported model has to know.

    `labels` are the names of the targets: of classes, or of `numbers`, which are predicted in the units of
    the data, with `quantiles` of these probabilities where there are any. `words` and `characters` give the
    ids of the model's vocabularies (0 is padding, `unknown` the id of a string that is not in them); words
    are looked up in lower case, characters as they are. `image_size` is (height, width). `series` says of
    which window of series the next values are forecast. `tokens` gives the ids of the characters or words,
    `unit`, of a text; a language model has no labels.
    """

    labels: tuple[str, ...]
    sha256: str  # of the file that it describes
    words: Mapping[str, int] | None = None
    characters: Mapping[str, int] | None = None
    image_size: tuple[int, int] | None = None
    num_features: int | None = None  # of a time step, for sequences of numbers
    column: str | None = None  # of CoNLL-U, from which the tags come
    numbers: bool = False
    quantiles: tuple[float, ...] = ()
    series: SeriesDescription | None = None
    tokens: Mapping[str, int] | None = None
    unit: Unit | None = None
    num_steps: int | None = None  # of what has no lengths: images and windows of series
    unknown: int = 1
    lowercase: bool = True
    version: int = VERSION

    def to_spec(self, per_step: bool) -> DataSpec:
        """What is known of the data; for words, their spellings but no counts."""
        targets: Targets
        if self.numbers:
            targets = (StepNumbers if per_step else SequenceNumbers)(self.labels)
        else:
            targets = StepClasses(self.labels, self.column) if per_step else SequenceClasses(self.labels)
        inputs: Inputs
        if self.series is not None:
            inputs, targets = _of_series(self.series, self.labels)
        elif self.words is not None and self.characters is not None:
            words, characters = (Vocabulary(tuple(e), (1,) * len(e)) for e in (self.words, self.characters))
            inputs = WordInputs(words=words, characters=characters)
        elif self.tokens is not None:
            tokens = Vocabulary(tuple(self.tokens), (1,) * len(self.tokens))
            inputs = TokenInputs(tokens=tokens, unit=self.unit or "character")
            targets = targets if self.labels else NextToken(tokens)
        elif self.image_size is not None:
            # The view is in the model.
            inputs = ImageInputs(feature_size=1, view="pixels", size=self.image_size)
        else:
            inputs = VectorInputs(feature_size=self.num_features or 1)
        return DataSpec(inputs, targets)

    def write(self, path: Path) -> None:
        """Write the file, atomically."""
        write_text(path, json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n")


def _of_series(series: SeriesDescription, names: tuple[str, ...]) -> tuple[SeriesInputs, Horizon]:
    """What the model reads and gives; scaling and folding are in the model."""
    inputs = SeriesInputs(
        feature_size=len(series.columns),
        series=names,
        covariates=series.columns[len(names) :],
        time=series.time,
        distance=series.distance,
        context=series.context,
        fold=1,
        subtract_last=False,
        independent=False,
    )
    return inputs, Horizon(names, None, series.horizon, independent=False, season=1, naive_errors=())


def describe(spec: DataSpec, sha256: str, quantiles: tuple[float, ...] = ()) -> Description:
    """The description of an exported model of this data, whose file has this checksum."""
    inputs, targets = spec.inputs, spec.targets
    described = Description(
        labels=targets.names if isinstance(targets, (Classes, Numbers)) else (),
        sha256=sha256,
        column=targets.column if isinstance(targets, StepClasses) else None,
        numbers=isinstance(targets, Numbers),
        quantiles=quantiles,
    )
    match inputs:
        case SeriesInputs():
            assert isinstance(targets, Horizon)
            window = SeriesDescription(
                inputs.columns, inputs.time, inputs.distance, inputs.context, targets.length
            )
            num_windows = len(inputs.series) if inputs.independent else 1
            num_steps = num_windows * inputs.context // inputs.fold
            return replace(described, series=window, num_steps=num_steps)
        case WordInputs():
            words, characters = dict(inputs.words.index()), dict(inputs.characters.index())
            return replace(described, words=words, characters=characters)
        case TokenInputs():
            return replace(described, tokens=dict(inputs.tokens.index()), unit=inputs.unit)
        case ImageInputs():
            num_steps = inputs.size[0] * inputs.size[1] // inputs.feature_size
            return replace(described, image_size=inputs.size, num_steps=num_steps)
        case VectorInputs():
            return replace(described, num_features=inputs.feature_size)
    return described


def beside(model: Path) -> Path:
    """The file that describes an exported model."""
    return model.with_suffix(".json")


def read_description(model: Path, content: bytes) -> Description:
    """The description of an ONNX file, whose content is `content`.

    Raises:
        seqtrain.errors.DataError: it is missing, was not written by seqtrain, or describes another file.
    """
    path = beside(model)
    if not path.exists():
        raise DataError(f"is missing; `seqtrain export` writes it beside {model.name}", path)
    description = open_description(path)
    if description.sha256 != hashlib.sha256(content).hexdigest():
        raise DataError(f"describes another model than {model.name}; export both again", path)
    return description


def open_description(path: Path) -> Description:
    """A description, whatever it describes.

    Raises:
        seqtrain.errors.DataError: it cannot be read, or was not written by seqtrain.
    """
    plain = read_json(path, MAX_BYTES)
    if isinstance(plain, dict):
        plain = NEWER | plain
    if not isinstance(plain, dict) or set(plain) != set(Description.__dataclass_fields__):
        raise DataError("was not written by `seqtrain export`", path)
    if plain["version"] != VERSION:
        raise DataError(f"has version {plain['version']}, expected {VERSION}; export the model again", path)
    wrong = [key for key, fits in _FITTING.items() if not fits(plain[key])]
    if (plain["words"] is None) != (plain["characters"] is None):
        wrong.append("characters")
    if wrong:
        raise DataError(f"was not written by `seqtrain export`: {', '.join(wrong)}", path)
    size = plain["image_size"] and tuple(plain["image_size"])
    window = plain["series"]
    if window is not None:
        window = SeriesDescription(**window | {"columns": tuple(window["columns"])})
    changed = {"labels": tuple(plain["labels"]), "image_size": size, "series": window}
    return Description(**plain | changed | {"quantiles": tuple(plain["quantiles"])})


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _are_probabilities(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, float) and 0 < each < 1 for each in value)


def _is_window(value: Any) -> bool:
    if value is None:
        return True
    if not isinstance(value, dict) or set(value) != set(SeriesDescription.__dataclass_fields__):
        return False
    texts = (value["time"], value["distance"])
    sizes = (value["context"], value["horizon"])
    are_right = all(each is None or isinstance(each, str) for each in texts) and all(map(_is_count, sizes))
    return are_right and _are_names(value["columns"])


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 < value < 1 << 31


def _are_ids(value: Any) -> bool:
    return value is None or (
        isinstance(value, dict) and all(type(each) is int and 0 <= each < 1 << 31 for each in value.values())
    )


def _is_column(value: Any) -> bool:
    try:
        return value is None or TagColumn.parse(value) is not None
    except (AttributeError, TypeError, ValueError):
        return False


# The file may come from an untrusted source: what each key holds.
_FITTING: Mapping[str, Callable[[Any], bool]] = {
    "labels": _are_names,
    "numbers": lambda value: isinstance(value, bool),
    "quantiles": _are_probabilities,
    "series": _is_window,
    "words": _are_ids,
    "characters": _are_ids,
    "tokens": _are_ids,
    "unit": lambda value: value in (None, "character", "word"),
    "image_size": lambda value: (
        value is None or (isinstance(value, list) and len(value) == 2 and all(map(_is_count, value)))
    ),
    "num_features": lambda value: value is None or _is_count(value),
    "num_steps": lambda value: value is None or _is_count(value),
    "column": _is_column,
    "unknown": _is_count,
}
