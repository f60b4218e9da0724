"""Sequences of numbers in .npz files: sensors, audio features, anything."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from seqtrain.errors import DataError
from seqtrain.foreign import open_regular
from seqtrain.spec import ImageInputs, Inputs, VectorInputs

Array: TypeAlias = npt.NDArray[Any]

MAX_BYTES = 1 << 32  # of the arrays of a file, unpacked
KEYS = ("x", "y", "lengths", "names")
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
EXPECTED = "expected x, lengths if it is ragged, y, and optionally names"


@dataclass(frozen=True)
class Sequences:
    """Sequences of vectors, one after another; `y` is None where the file has no targets."""

    x: npt.NDArray[np.float32]  # (time steps of all sequences, features)
    lengths: npt.NDArray[np.int64]  # (sequences,)
    # (sequences,), or (time steps of all sequences,) integers or strings; (..., numbers) float32
    y: Array | None = None
    has_target_per_step: bool = False
    names: tuple[str, ...] | None = None  # of the classes, for integers, or of the numbers


def save_sequences(path: str | Path, x: Sequence[npt.ArrayLike], y: Sequence[Any], **more: Any) -> None:
    """Write a list of sequences to a file for `data=arrays`.

    Args:
        path: of the .npz file.
        x: one array for each sequence, (time,) or (time, features), of any length.
        y: a class, a number as a float, or several of these, for each sequence; or for each sequence those of
            its time steps.
        more: names=, one for each class, or for each number.
    """
    arrays = [_as_vectors(np.asarray(each)) for each in x]
    targets = [np.asarray(each) for each in y]
    is_per_step = all(
        each.shape[:1] == values.shape[:1] for each, values in zip(targets, arrays, strict=True)
    )
    together = np.concatenate(targets) if is_per_step else np.stack(targets)
    lengths = np.array([len(each) for each in arrays], dtype=np.int64)
    np.savez_compressed(path, x=np.concatenate(arrays), lengths=lengths, y=together, **more)


def as_sequences(sequences: str | Path | Sequences) -> Sequences:
    """Sequences as they are, or those of an .npz file; see `read_sequences`."""
    if isinstance(sequences, Sequences):
        return sequences
    if not isinstance(sequences, (str, Path)):
        raise DataError(
            f"sequences: got {type(sequences).__name__}; expected the path of an .npz file, or what "
            "seqtrain.data.read_sequences returns: save_sequences writes such a file from arrays"
        )
    return read_sequences(Path(sequences))


def read_sequences(path: Path) -> Sequences:
    """Read and check an .npz file.

    It holds `x`, either padded, (sequences, time) or (sequences, time, features), or with all sequences one
    after another, (time steps, features); `lengths`, one for each sequence (not needed if all are as long as
    the padded array); `y`, a class for each sequence or for each time step, laid out like `x`, or with floats
    a number, or in a further dimension several, NaN where unknown; and optionally `names`, one for each class
    or number.

    Raises:
        DataError: the file is damaged, or an array has an unexpected shape, type or value.
    """
    arrays = _load(path)
    x, y, names = arrays["x"], arrays.get("y"), arrays.get("names")
    lengths, is_flat = _check_lengths(x, arrays.get("lengths"), path)
    is_per_step = False
    if not is_flat:
        inside = np.arange(x.shape[1]) < lengths[:, None]
        if y is not None and y.shape[:2] == x.shape[:2]:
            y, is_per_step = y[inside], True
        x = x[inside]
    values = _as_vectors(x).astype(np.float32)
    _check_finite(values, lengths, path)
    return Sequences(
        values,
        lengths,
        None if y is None else _check_targets(y, values, lengths, path),
        is_per_step or (y is not None and len(y) == len(values) != len(lengths)),
        None if names is None else tuple(map(str, names.ravel().tolist())),
    )


def _load(path: Path) -> dict[str, Array]:
    """The arrays of the file by name, with numbers as `x`."""
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            wanted = {key: info for key, info in members.items() if key in KEYS}
            if sum(info.file_size for info in wanted.values()) > MAX_BYTES:
                raise DataError(f"the arrays take more than {MAX_BYTES >> 30} GiB", path)
            arrays = {key: _read_member(archive, info) for key, info in wanted.items()}
    except DataError:
        raise
    except Exception as error:  # damage raises any of a dozen types
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise DataError(f"not an .npz file, or a damaged one: {reason}", path) from None
    if "x" not in arrays:
        raise DataError(f"no array x in it, but {', '.join(sorted(arrays)) or 'nothing'}; {EXPECTED}", path)
    if not np.issubdtype(arrays["x"].dtype, np.number) or np.iscomplexobj(arrays["x"]):
        raise DataError(f"x has values of type {arrays['x'].dtype}; expected numbers", path)
    return arrays


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Array:
    """An array, if its size matches its header: memory is allocated only for data that exists."""
    with archive.open(info) as member:
        read_header = HEADERS[np.lib.format.read_magic(member)]
        shape, _, dtype = read_header(member)
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if dtype.hasobject or size != info.file_size - member.tell():
            raise ValueError(f"{info.filename} does not match its header")
    with archive.open(info) as member:
        array: Array = np.lib.format.read_array(member, allow_pickle=False)
        return array


def _check_lengths(x: Array, given: Array | None, path: Path) -> tuple[npt.NDArray[np.int64], bool]:
    """The lengths, and whether `x` has the sequences one after another."""
    if x.ndim not in (1, 2, 3) or x.size == 0 or (x.ndim == 1 and given is None):
        expected = "(sequences, time, features), or (time steps, features) with lengths"
        raise DataError(f"x has the shape {x.shape}; expected {expected}", path)
    if given is None:
        return np.full(len(x), x.shape[1], dtype=np.int64), False
    if given.ndim != 1 or not np.issubdtype(given.dtype, np.integer) or len(given) == 0:
        found = f"lengths are {given.dtype} of shape {given.shape}"
        raise DataError(f"{found}; expected (sequences,) integers", path)
    lengths = given.astype(np.int64)
    is_flat = x.ndim < 3 and int(lengths.sum()) == len(x)
    if not is_flat and len(lengths) != len(x):
        raise DataError(f"{len(lengths)} lengths with the sum {lengths.sum()} for x of shape {x.shape}", path)
    longest = len(x) if is_flat else x.shape[1]
    wrong = np.flatnonzero((lengths < 1) | (lengths > longest))
    if len(wrong):
        found = f"the length of sequence {wrong[0]} (counted from 0) is {lengths[wrong[0]]}"
        raise DataError(f"{found}; expected 1 to {longest}", path)
    return lengths, is_flat


def _check_finite(values: npt.NDArray[np.float32], lengths: npt.NDArray[np.int64], path: Path) -> None:
    if np.isfinite(values).all():
        return
    step, feature = np.argwhere(~np.isfinite(values))[0].tolist()
    sequence = int(np.searchsorted(lengths.cumsum(), step, side="right"))
    inside = step - int(lengths[:sequence].sum())
    position = f"time step {inside} of sequence {sequence}, feature {feature} (counted from 0)"
    raise DataError(f"x is {values[step, feature]} at {position}; expected finite numbers", path)


def _check_targets(y: Array, values: Array, lengths: Array, path: Path) -> Array:
    is_float = y.dtype.kind == "f"
    if y.ndim not in ((1, 2) if is_float else (1,)) or len(y) not in (len(lengths), len(values)):
        what = "numbers" if is_float else "a class"
        expected = f"each of the {len(lengths)} sequences, or for each of the {len(values)} time steps"
        raise DataError(f"y has the shape {y.shape}; expected {what} for {expected}", path)
    if is_float:
        return _check_numbers(y, path)
    if y.dtype.kind not in "iuUb":
        expected = "classes, integers or strings, or numbers, floats"
        raise DataError(f"y has values of type {y.dtype}; expected {expected}", path)
    if y.dtype.kind == "i" and y.min() < 0:
        index = int(np.flatnonzero(y < 0)[0])
        raise DataError(f"y is {y[index]} at {index} (counted from 0); expected classes from 0", path)
    return y


def _check_numbers(y: Array, path: Path) -> Array:
    """(sequences or time steps, numbers) float32."""
    numbers = _as_vectors(y).astype(np.float32)
    if np.isinf(numbers).any():
        row, column = np.argwhere(np.isinf(numbers))[0].tolist()
        found = f"y is {numbers[row, column]} at {row}, number {column} (counted from 0)"
        raise DataError(f"{found}; expected finite numbers, or nan where one is unknown", path)
    return numbers


def _as_vectors(x: Array) -> Array:
    """(time steps,) or (time steps, features) to (time steps, features)."""
    return x[:, None] if x.ndim == 1 else x


def check_features(sequences: Sequences, inputs: Inputs) -> None:
    """Refuse sequences that a model of these inputs does not read.

    Raises:
        DataError: it was not trained on arrays, or on another number of features.
    """
    if not isinstance(inputs, VectorInputs) or isinstance(inputs, ImageInputs):
        raise DataError("this model was not trained on arrays")
    num_features = sequences.x.shape[1]
    if num_features != inputs.feature_size:
        raise DataError(f"{num_features} features; the model was trained on {inputs.feature_size}")
