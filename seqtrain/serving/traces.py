"""The one sequence whose states `Predictor.trace` gives, from what `tag`, `classify` and the others read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqtrain.analysis.traced import SequenceTrace, trace_sequence
from seqtrain.data.files.arrays import Sequences, as_sequences
from seqtrain.data.files.images import as_pixels
from seqtrain.data.files.series import as_series, last_window
from seqtrain.data.sentences import as_sentences
from seqtrain.errors import DataError, show
from seqtrain.model.ensemble import first_member
from seqtrain.serving.base import as_texts
from seqtrain.spec import ImageInputs, SeriesInputs, TokenInputs, WordInputs

if TYPE_CHECKING:
    from seqtrain.data import Dataset
    from seqtrain.serving.predictor import Predictor


def trace_given(predictor: Predictor, given: Any, number: int) -> SequenceTrace:
    """See `Predictor.trace`."""
    network = first_member(predictor.network)
    return trace_sequence(network, predictor.spec, _encode(predictor, given), number)


def _encode(predictor: Predictor, given: Any) -> Dataset:
    match predictor.spec.inputs:
        case WordInputs():
            (sentence,) = as_sentences([given])
            return predictor.encode_sentences([sentence.tokens])
        case TokenInputs() as inputs:
            return predictor.encode_texts([text.name for text in as_texts([given], inputs)])
        case ImageInputs() as inputs:
            return predictor.encode_images(as_pixels(given, inputs.size))
        case SeriesInputs() as inputs:
            series = as_series(given, inputs.time, inputs.columns)
            return predictor.encode_windows(last_window(series, inputs)[None])
    return predictor.encode_sequences(_as_sequences(given))


def _as_sequences(given: Any) -> Sequences:
    if isinstance(given, (str, Path, Sequences)):
        return as_sequences(given)
    try:
        values = np.asarray(given, dtype=np.float32)
    except (TypeError, ValueError, RuntimeError):  # ragged lists, words; tensors with gradients
        raise DataError(f"trace: got {show(given)}; expected numbers, (time, features)") from None
    if values.ndim not in (1, 2) or not len(values):
        raise DataError(f"trace: got an array of shape {values.shape}; expected numbers, (time, features)")
    if not np.isfinite(values).all():
        raise DataError("trace: got numbers that are not finite; expected finite ones, (time, features)")
    return Sequences(values.reshape(len(values), -1), np.array([len(values)], dtype=np.int64))
