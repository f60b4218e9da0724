"""Predict with an exported ONNX model; needs onnxruntime and NumPy, but not torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seqtrain.data.files.arrays import Sequences, as_sequences
from seqtrain.data.files.images import Images, as_pixels
from seqtrain.data.sentences import Sentences, as_sentences
from seqtrain.errors import DataError, InputError
from seqtrain.predictions import Answer, Classification, Given, TaggedSentence
from seqtrain.serving.export.crf import CRF
from seqtrain.serving.export.description import read_description
from seqtrain.spec import DataSpec
from seqtrain.tasks.answers import show

Array = npt.NDArray[Any]

BATCH_SIZE = 256  # images
MAX_TOKENS = 2048  # of a batch of sentences, padding included; a longer sentence is a batch of its own


class OnnxPredictor:
    """Predicts with an ONNX file that `seqtrain export` wrote, and the JSON file beside it.

    Args:
        path: of the ONNX file.

    Raises:
        seqtrain.errors.InputError: onnxruntime is not installed, or a file is missing or damaged.
    """

    def __init__(self, path: str | Path) -> None:
        path = Path(path)
        if not path.is_file():
            raise DataError("no such file", path)
        content = path.read_bytes()
        self._path = path
        self.description = read_description(path, content)
        self._session = _open_session(content, path)
        self._inputs = {each.name for each in self._session.get_inputs()}
        self._crf = self._read_crf()

    @property
    def spec(self) -> DataSpec:
        """Of the data that the model was trained on, as far as the files tell."""
        (scores,) = (each for each in self._session.get_outputs() if each.name == "scores")
        return self.description.to_spec(per_step=len(scores.shape) == 3)

    def answer(self, given: Sequence[Given]) -> list[Answer]:
        """See `seqtrain.serving.predictor.Predictor.answer`."""
        if self.description.words is not None:
            tagged = self.tag([each.tokens or () for each in given])
            return [Answer(each.tags, each.confidences) for each in tagged]
        values = [each.values for each in given if each.values is not None]
        if self.description.image_size is None:
            lengths = np.array([len(each) for each in values])
            return self.label(Sequences(np.concatenate(values), lengths))
        return [Answer((each.label,), (each.confidence,)) for each in self.classify_pixels(np.stack(values))]

    def show(self, given: Given, answer: Answer, form: str) -> str:
        """See `seqtrain.serving.predictor.Predictor.show`."""
        return show(given, answer, form, self.spec)

    def tag(self, sentences: Sentences) -> list[TaggedSentence]:
        """See `seqtrain.serving.predictor.Predictor.tag`."""
        if self.description.words is None:
            raise DataError("this model does not tag words; use classify(images)")
        found = as_sentences(sentences)
        answers: dict[int, Answer] = {}
        for places in _sorted_batches([len(each.tokens) for each in found]):
            answers |= zip(places, self._tag_batch([found[each].tokens for each in places]), strict=True)
        return [
            TaggedSentence(tuple(sentence.tokens), *answers[place], sentence.spans)
            for place, sentence in enumerate(found)
        ]

    def classify(self, images: Images, resize: bool = False) -> list[Classification]:
        """See `seqtrain.serving.predictor.Predictor.classify`."""
        if self.description.image_size is None:
            raise DataError("this model does not classify images; use tag(sentences)")
        return self.classify_pixels(as_pixels(images, self.description.image_size, resize))

    def classify_pixels(self, pixels: npt.NDArray[np.float32]) -> list[Classification]:
        """See `seqtrain.serving.predictor.Predictor.classify_pixels`."""
        found: list[Classification] = []
        for start in range(0, len(pixels), BATCH_SIZE):
            scores = self._run({"images": pixels[start : start + BATCH_SIZE]}, per_step=False)
            answer = self._name(scores.argmax(axis=-1), _softmax(scores))
            found += map(Classification, *answer)
        return found

    def label(self, sequences: str | Path | Sequences) -> list[Answer]:
        """See `seqtrain.serving.predictor.Predictor.label`."""
        if self.description.num_features is None:
            raise DataError("this model was not trained on arrays")
        sequences = as_sequences(sequences)
        if sequences.x.shape[1] != self.description.num_features:
            raise DataError(
                f"{sequences.x.shape[1]} features; the model was trained on {self.description.num_features}"
            )
        parts = np.split(sequences.x, sequences.lengths.cumsum()[:-1])
        answers: dict[int, Answer] = {}
        for places in _sorted_batches(sequences.lengths.tolist()):
            answers |= zip(places, self._label_batch([parts[each] for each in places]), strict=True)
        return [answers[place] for place in range(len(parts))]

    def _label_batch(self, sequences: Sequence[Array]) -> Iterator[Answer]:
        lengths = np.array([len(each) for each in sequences])
        features = np.zeros((len(sequences), lengths.max(), sequences[0].shape[1]), dtype=np.float32)
        for row, values in enumerate(sequences):
            features[row, : len(values)] = values
        scores = self._run({"features": features, "lengths": lengths}, per_step=None)
        if scores.ndim == 2:
            scores, lengths = scores[:, None], np.ones_like(lengths)
        for row, length in zip(scores, lengths, strict=True):
            yield self._decode(row[:length])

    def _tag_batch(self, sentences: Sequence[Sequence[str]]) -> Iterator[Answer]:
        scores = self._run(self._encode(sentences), per_step=True)
        for row, tokens in zip(scores, sentences, strict=True):
            yield self._decode(row[: len(tokens)])

    def _decode(self, scores: Array) -> Answer:
        """The answer for the scores of one sequence, (time, labels)."""
        if self._crf is None:
            return self._name(scores.argmax(axis=-1), _softmax(scores))
        return self._name(self._crf.decode(scores), self._crf.marginals(scores))

    def _encode(self, sentences: Sequence[Sequence[str]]) -> dict[str, Array]:
        """The ids of words and letters, padded with 0."""
        words, characters = self.description.words, self.description.characters
        assert words is not None
        assert characters is not None
        unknown = self.description.unknown
        lengths = np.array([len(tokens) for tokens in sentences])
        word = np.zeros((len(sentences), lengths.max()), dtype=np.int64)
        longest = max((len(token) for tokens in sentences for token in tokens), default=0)
        letter = np.zeros((*word.shape, longest), dtype=np.int64)
        for row, tokens in enumerate(sentences):
            word[row, : len(tokens)] = [words.get(token.lower(), unknown) for token in tokens]
            for place, token in enumerate(tokens):
                letter[row, place, : len(token)] = [characters.get(each, unknown) for each in token]
        return {"words": word, "letters": letter, "lengths": lengths}

    def _run(self, inputs: dict[str, Array], per_step: bool | None) -> Array:
        """The scores of a batch: (batch, time, labels), or (batch, labels) if they are not `per_step`.

        Raises:
            DataError: the model, which may come from an untrusted source, gives anything else.
        """
        given = {name: value for name, value in inputs.items() if name in self._inputs}
        (scores,) = self._compute(["scores"], given)
        batch, time, *_ = next(iter(inputs.values())).shape
        num_labels = len(self.description.labels)
        shapes = {False: (batch, num_labels), True: (batch, time, num_labels)}
        if scores.shape not in (shapes.values() if per_step is None else [shapes[per_step]]):
            raise DataError(f"gives scores of shape {scores.shape}, which do not fit its labels", self._path)
        return scores

    def _compute(self, outputs: Sequence[str], inputs: dict[str, Array]) -> list[Array]:
        try:
            return [np.asarray(each) for each in self._session.run(outputs, inputs)]
        except Exception as error:  # of onnxruntime's own, which it does not export
            raise DataError(f"cannot be run: {str(error).splitlines()[0]}", self._path) from None

    def _name(self, numbers: Array, probabilities: Array) -> Answer:
        shares = np.take_along_axis(probabilities, numbers[:, None], axis=1)[:, 0]
        return Answer.of([self.description.labels[number] for number in numbers], shares.tolist())

    def _read_crf(self) -> CRF | None:
        """The parameters of the conditional random field, which are outputs of the graph, if there is one."""
        names = [each.name for each in self._session.get_outputs() if each.name != "scores"]
        if not names:
            return None
        ones = {each.name: _one(each) for each in self._session.get_inputs()}
        values = dict(zip(names, self._compute(names, ones), strict=True))
        size = len(self.description.labels)
        expected = {each.name: (size,) * (1 + ("transition" in each.name)) for each in fields(CRF)}
        if {name: value.shape for name, value in values.items()} != expected:
            raise DataError(f"has outputs {', '.join(names)}, which do not fit its labels", self._path)
        return CRF(**values)


def _open_session(content: bytes, path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise InputError(f"model: reading {path} needs onnxruntime: pip install 'seqtrain[onnx]'") from None
    try:
        return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    except Exception as error:  # of onnxruntime's own, which it does not export
        raise DataError(f"cannot be read as an ONNX model: {str(error).splitlines()[0]}", path) from None


def _one(declared: Any) -> Array:
    """A smallest input, of ones."""
    shape = [size if isinstance(size, int) else 1 for size in declared.shape]
    return np.ones(shape, dtype=np.float32 if declared.type == "tensor(float)" else np.int64)


def _sorted_batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Places of sentences, the longest first, in batches of at most MAX_TOKENS padded tokens."""
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda each: -lengths[each]):
        if batch and (len(batch) + 1) * lengths[batch[0]] > MAX_TOKENS:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


@np.errstate(invalid="ignore")  # `Answer.of` refuses what comes of scores that are not finite
def _softmax(scores: Array) -> Array:
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
