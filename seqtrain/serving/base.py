"""What a predictor does, whatever runs its model: read inputs, batch them, show answers. Needs no torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import numpy as np
import numpy.typing as npt

from seqtrain.data.files.arrays import Sequences, as_sequences
from seqtrain.data.files.images import Images, as_pixels
from seqtrain.data.files.series import TimeSeries, as_series, last_window
from seqtrain.data.sentences import Sentences, as_sentences, find_excess, tokenize_span
from seqtrain.data.tokens import split_text
from seqtrain.errors import DataError
from seqtrain.predictions import Answer, Classification, Estimate, Forecast, Given, TaggedSentence
from seqtrain.serving.batches import Encoded, batches_of
from seqtrain.spec import (
    DataSpec,
    Horizon,
    ImageInputs,
    Inputs,
    Numbers,
    SequenceClasses,
    SeriesInputs,
    StepClasses,
    TokenInputs,
    VectorInputs,
    WordInputs,
)
from seqtrain.tasks.answers import show

if TYPE_CHECKING:
    from seqtrain.tasks.task import Task

Batch = TypeVar("Batch")


class BasePredictor(ABC, Generic[Batch]):
    """Answers what a user gives, in batches of sequences of similar length.

    A subclass encodes sentences, images and sequences of numbers, and runs its model on a batch of them.

    Args:
        spec: of the data that the model was trained on.
        task: that it was trained for, which says how answers are shown; by default they are classes.

    Attributes:
        max_steps: of a batch, padding included; a longer sequence is a batch of its own.
    """

    max_steps: int = 1 << 13

    def __init__(self, spec: DataSpec, task: Task | None = None) -> None:
        self.spec = spec
        self.task = task

    @abstractmethod
    def encode_sentences(self, sentences: Sequence[Sequence[str]]) -> Encoded[Batch]:
        """Sentences, each of which has words."""

    @abstractmethod
    def encode_texts(self, texts: Sequence[str]) -> Encoded[Batch]:
        """Whole texts for a model of characters or words by their ids, none of them empty."""

    @abstractmethod
    def encode_images(self, pixels: npt.NDArray[np.float32]) -> Encoded[Batch]:
        """Images, (images, height, width) from 0 to 1, of the size that the model was trained on."""

    @abstractmethod
    def encode_sequences(self, sequences: Sequences) -> Encoded[Batch]:
        """Sequences of numbers, in the units of the data that the model was trained on."""

    @abstractmethod
    def encode_windows(self, windows: npt.NDArray[np.float64]) -> Encoded[Batch]:
        """Windows of series, (windows, context, columns), in the units of the data."""

    @abstractmethod
    def answer_batch(self, batch: Batch) -> Iterable[Answer | Estimate]:
        """The model's answer to each sequence of a batch."""

    def tag(self, sentences: Sentences) -> list[TaggedSentence]:
        """Tag sentences, in their order.

        Args:
            sentences: text, which is split into sentences and tokens; a list of strings, each of which is
                one sentence and is split into tokens; or the tokens of each sentence.

        Raises:
            seqtrain.errors.DataError: the model does not tag words, `sentences` is anything else, or a
                sentence or a token is empty.
        """
        if not isinstance(self.spec.inputs, WordInputs) or not isinstance(self.spec.targets, StepClasses):
            raise DataError("this model does not tag words; use classify(inputs)")
        found = as_sentences(sentences)
        if not found:
            return []
        answers = self._answers(self.encode_sentences([each.tokens for each in found]))
        return [
            TaggedSentence(tuple(sentence.tokens), answer.names, answer.confidences, sentence.spans)
            for sentence, answer in zip(found, answers, strict=True)
        ]

    def classify(self, inputs: Images | str | Sequence[str], resize: bool = False) -> list[Classification]:
        """Classify images or texts, in their order.

        Args:
            inputs: of a model of texts, a text or several. Of a model of images, an array (images, height,
                width) or (height, width), uint8 or floats from 0 (background) to 1 (stroke); or the path of a
                PNG or npy file, or several.
            resize: whether to stretch images to the size that the model was trained on.

        Raises:
            seqtrain.errors.DataError: the model does not classify images or texts, a file cannot be read, an
                image is not of the size that the model was trained on, or a text has no words.
        """
        if isinstance(self.spec.inputs, ImageInputs):
            pixels = as_pixels(inputs, self.spec.inputs.size, resize)
            answers = self._answers(self.encode_images(pixels))
        elif isinstance(self.spec.targets, SequenceClasses) and not isinstance(
            self.spec.inputs, VectorInputs
        ):
            texts = as_texts(inputs, self.spec.inputs)
            self._check_size(texts)
            answers = cast(list[Answer], self.answer(texts))
        else:
            raise DataError("this model does not classify images or texts; use tag(sentences)")
        return [Classification(answer.names[0], answer.confidences[0]) for answer in answers]

    def _check_size(self, texts: Sequence[Given]) -> None:
        unit = self.spec.inputs.unit if isinstance(self.spec.inputs, TokenInputs) else "word"
        for number, text in enumerate(texts):
            if excess := find_excess(text.tokens or (), f"{unit}s"):
                raise DataError(f"texts[{number}]: has {excess}")

    def label(self, sequences: str | Path | Sequences) -> list[Answer]:
        """The class of each sequence of numbers, or of each of its time steps.

        Args:
            sequences: an .npz file, or what `seqtrain.data.read_sequences` returns; in the units of the data
                that the model was trained on.

        Raises:
            seqtrain.errors.DataError: the model was not trained on arrays, the file cannot be read, or the
                sequences have another number of features.
        """
        if isinstance(self.spec.targets, Horizon):
            raise DataError("this model forecasts series; use forecast(series)")
        if isinstance(self.spec.targets, Numbers):
            raise DataError("this model predicts numbers; use estimate(sequences)")
        return self._answers(self.encode_sequences(as_sequences(sequences)))

    def estimate(self, sequences: str | Path | Sequences) -> list[Estimate]:
        """The numbers of each sequence of numbers, or of each of its time steps.

        Args:
            sequences: see `label`.

        Raises:
            seqtrain.errors.DataError: the model does not predict numbers; otherwise see `label`.
        """
        if isinstance(self.spec.targets, Horizon):
            raise DataError("this model forecasts series; use forecast(series)")
        if not isinstance(self.spec.targets, Numbers):
            raise DataError("this model predicts classes; use label(sequences)")
        return cast(list[Estimate], self.predict(self.encode_sequences(as_sequences(sequences))))

    def forecast(self, series: str | Path | TimeSeries) -> Forecast:
        """The values that follow the last ones of series.

        Args:
            series: a CSV file with the columns that the model was trained on, or what
                `seqtrain.data.read_series` returns; in the units of the data.

        Raises:
            seqtrain.errors.DataError: the model does not forecast, the file cannot be read, or the series is
                too short, lacks a column, or has another distance between its rows.
        """
        inputs, horizon = self.spec.inputs, self.spec.targets
        if not isinstance(inputs, SeriesInputs) or not isinstance(horizon, Horizon):
            raise DataError("this model does not forecast series")
        found = as_series(series, inputs.time, inputs.columns)
        (estimate,) = self._forecast(last_window(found, inputs)[None])
        times = None if found.times is None else tuple(found.times.after(horizon.length))
        return Forecast(estimate.values, estimate.quantiles, horizon.names, times)

    def _forecast(self, windows: npt.NDArray[np.float64]) -> list[Estimate]:
        """The forecasts for windows (windows, context, columns): (rows ahead, series) each."""
        answers = cast(list[Estimate], self.predict(self.encode_windows(windows)))
        size = len(answers) // len(windows)  # each series may have been answered by itself
        return [_join(answers[start : start + size]) for start in range(0, len(answers), size)]

    def _answers(self, dataset: Encoded[Batch]) -> list[Answer]:
        return cast(list[Answer], self.predict(dataset))

    def answer(self, given: Sequence[Given]) -> list[Answer | Estimate]:
        """The model's answer to each sequence, in their order.

        Raises:
            seqtrain.errors.DataError: a sequence is not of the size that the model was trained on.
        """
        values: list[Any] = [each.values for each in given]
        match self.spec.inputs:
            case TokenInputs() if isinstance(self.spec.targets, SequenceClasses):
                return self.predict(self.encode_texts([each.name for each in given]))
            case WordInputs():
                return self.predict(self.encode_sentences([each.tokens or () for each in given]))
            case ImageInputs():
                return self.predict(self.encode_images(np.stack(values)))
            case SeriesInputs():
                return list(self._forecast(np.stack(values)))
            case VectorInputs():
                lengths = np.array([len(each) for each in values])
                return self.predict(self.encode_sequences(Sequences(np.concatenate(values), lengths)))
        raise DataError(f"{type(self.spec.inputs).__name__} cannot be read here")

    def show(self, given: Given, answer: Answer | Estimate, form: str) -> str:
        """An answer as a text: `form` is table, json, tsv or conllu."""
        shows = show if self.task is None else self.task.show
        return shows(given, answer, form, self.spec)

    def predict(self, dataset: Encoded[Batch]) -> list[Answer | Estimate]:
        """The model's answer to each sequence of a data set, in their order.

        Raises:
            seqtrain.errors.RunError: a score is nan or infinite; so do `tag`, `classify`, `label` and
                `estimate`.
        """
        answers: dict[int, Answer | Estimate] = {}
        for indices in batches_of(dataset, self.max_steps):
            answers |= zip(indices, self.answer_batch(dataset.batch(indices)), strict=True)
        return [answers[index] for index in range(len(answers))]


def _join(estimates: Sequence[Estimate]) -> Estimate:
    """Forecasts of single series as one of all."""
    quantiles = {
        share: np.concatenate([each.quantiles[share] for each in estimates], axis=-1)
        for share in estimates[0].quantiles
    }
    return Estimate(np.concatenate([each.values for each in estimates], axis=-1), quantiles)


def as_texts(texts: object, inputs: Inputs) -> list[Given]:
    """Texts, each with the characters or words that a model of `inputs` reads.

    Raises:
        DataError: they are not texts, or one is empty.
    """
    found = [texts] if isinstance(texts, str) else texts
    if not isinstance(found, Sequence):
        raise DataError(f"texts: got {type(texts).__name__}; expected a text, or several")
    for number, text in enumerate(found):
        if not isinstance(text, str) or not text.strip():
            raise DataError(f"texts[{number}]: got {text!r}; expected a text that is not empty")
    return [
        Given(text, tuple(split_text(text, inputs.unit)))
        if isinstance(inputs, TokenInputs)
        else Given(text, tuple(tokenize_span(text, 0, len(text)).tokens))
        for text in found
    ]
