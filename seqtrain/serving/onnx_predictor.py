"""Predict with an exported ONNX model; needs onnxruntime and NumPy, but not torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from seqtrain.data.files.arrays import Sequences, check_features
from seqtrain.data.sentences import check_words
from seqtrain.data.tokens import split_text
from seqtrain.errors import DataError, InputError
from seqtrain.foreign import read_regular
from seqtrain.predictions import Answer, Estimate
from seqtrain.serving.base import BasePredictor
from seqtrain.serving.export.accepted import MAX_MEMORY, MAX_MODEL, find_foreign_parts
from seqtrain.serving.export.description import read_description
from seqtrain.spec import Horizon, Numbers, TokenInputs

Array: TypeAlias = npt.NDArray[Any]
Inputs: TypeAlias = dict[str, Array]


@dataclass(frozen=True)
class Arrays:
    """Sequences that `batch` makes into a batch of the inputs of a graph, by name."""

    lengths: Array
    batch: Callable[[Sequence[int]], Inputs]


class OnnxPredictor(BasePredictor[Inputs]):
    """Predicts with an ONNX file that `seqtrain export` wrote, and the JSON file beside it.

    Args:
        path: of the ONNX file.

    Raises:
        seqtrain.errors.InputError: onnxruntime is not installed, or a file is missing or damaged.
    """

    max_steps: ClassVar[int] = 2048  # few, because every word is padded to the letters of the longest one

    def __init__(self, path: str | Path) -> None:
        path = Path(path)
        content = read_regular(path, MAX_MODEL)
        self._path = path
        self.description = read_description(path, content)
        self._session = _open_session(content, path)
        self._inputs = {each.name for each in self._session.get_inputs()}
        self._outputs = {each.name: each for each in self._session.get_outputs()}
        if "scores" not in self._outputs:
            raise DataError("has no output scores; expected a model that `seqtrain export` wrote", path)
        rank = len(self._outputs["scores"].shape) - (1 if self.description.quantiles else 0)
        super().__init__(self.description.to_spec(per_step=rank == 3))
        self._crf = self._read_crf()

    def encode_sentences(self, sentences: Sequence[Sequence[str]]) -> Arrays:
        check_words(sentences)
        lengths = np.array([len(tokens) for tokens in sentences])
        return Arrays(lengths, lambda indices: self._pad_words([sentences[each] for each in indices]))

    def encode_texts(self, texts: Sequence[str]) -> Arrays:
        assert isinstance(self.spec.inputs, TokenInputs)
        index, unit = self.spec.inputs.tokens.index(), self.spec.inputs.unit
        rows = [
            np.array([index.get(each, self.description.unknown) for each in split_text(text, unit)])
            for text in texts
        ]
        return Arrays(np.array(list(map(len, rows))), lambda indices: _pad_tokens([rows[e] for e in indices]))

    def encode_images(self, pixels: npt.NDArray[np.float32]) -> Arrays:
        # The graph makes sequences of them, all of one length.
        return Arrays(np.ones(len(pixels), dtype=np.int64), lambda indices: {"images": pixels[indices]})

    def encode_sequences(self, sequences: Sequences) -> Arrays:
        check_features(sequences, self.spec.inputs)
        parts = np.split(sequences.x, sequences.lengths.cumsum()[:-1])
        return Arrays(sequences.lengths, lambda indices: _pad_vectors([parts[each] for each in indices]))

    def encode_windows(self, windows: npt.NDArray[np.float64]) -> Arrays:
        values = windows.astype(np.float32)
        return Arrays(np.ones(len(values), dtype=np.int64), lambda indices: {"series": values[indices]})

    def answer_batch(self, batch: Inputs) -> Iterator[Answer | Estimate]:
        if isinstance(self.spec.targets, Numbers):
            yield from self._estimate(batch, self.spec.targets)
            return
        for scores in self._score(batch):
            if self._crf is None:
                yield self._name(scores.argmax(axis=-1), _softmax(scores))
            else:
                yield self._name(self._crf.decode(scores), self._crf.probabilities(scores))

    def _estimate(self, batch: Inputs, targets: Numbers) -> Iterator[Estimate]:
        """The numbers of each sequence.

        Raises:
            DataError: the model, which may come from an untrusted source, gives anything else.
        """
        (scores,) = self._compute(["scores"], {name: batch[name] for name in batch if name in self._inputs})
        size, time, *_ = next(iter(batch.values())).shape
        quantiles, names = self.description.quantiles, len(targets.names)
        steps = [time] if targets.per_step else []
        sizes = [targets.length, names] if isinstance(targets, Horizon) else [names]
        if scores.shape != (size, *steps, *([len(quantiles)] if quantiles else []), *sizes):
            raise DataError(f"gives scores of shape {scores.shape}, which do not fit its labels", self._path)
        ends = batch["lengths"] if steps else [None] * size
        for row, end in zip(scores, ends, strict=True):
            by_quantile = np.moveaxis(row, -1 - len(sizes), 0) if quantiles else [row]
            numbers = [each[:end] for each in by_quantile]
            found = dict(zip(quantiles, numbers, strict=False))
            yield Estimate(found.get(0.5, numbers[0]), found)

    def _pad_words(self, sentences: Sequence[Sequence[str]]) -> Inputs:
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
            for step, token in enumerate(tokens):
                letter[row, step, : len(token)] = [characters.get(each, unknown) for each in token]
        return {"words": word, "letters": letter, "lengths": lengths}

    def _score(self, batch: Inputs) -> Iterator[Array]:
        """The scores of each sequence, (time, labels), with one time step if it has one label.

        Raises:
            DataError: the model, which may come from an untrusted source, gives anything else.
        """
        (scores,) = self._compute(["scores"], {name: batch[name] for name in batch if name in self._inputs})
        size, time, *_ = next(iter(batch.values())).shape
        steps = [time] if self.spec.targets.per_step else []
        if scores.shape != (size, *steps, len(self.description.labels)):
            raise DataError(f"gives scores of shape {scores.shape}, which do not fit its labels", self._path)
        if not steps:
            return iter(scores[:, None])
        lengths = batch.get("lengths", np.full(size, time))
        return (row[:length] for row, length in zip(scores, lengths, strict=True))

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
        names = [name for name in self._outputs if name != "scores"]
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
    """A session on a model that may come from an untrusted source: see `find_foreign_parts`."""
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise InputError(f"model: reading {path} needs {error.name}: pip install 'seqtrain[onnx]'") from None
    _bound_memory()
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.use_env_allocators", "1")  # those of `_bound_memory`
    options.log_severity_level = 4  # what goes wrong is raised, too; the log has the file's names as they are
    try:
        foreign = next(find_foreign_parts(onnx.load_model_from_string(content)), None)
        if foreign is not None:
            raise DataError(f"holds {foreign}; expected a model that `seqtrain export` wrote", path)
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except DataError:
        raise
    except Exception as error:  # of onnxruntime's own, which it does not export
        raise DataError(f"cannot be read as an ONNX model: {str(error).splitlines()[0]}", path) from None


@cache
def _bound_memory() -> None:
    """An allocator of this process, for sessions that ask for it; it refuses what a hostile model takes."""
    import onnxruntime

    memory = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    limits = onnxruntime.OrtArenaCfg({"max_mem": MAX_MEMORY})
    onnxruntime.create_and_register_allocator(memory, limits)


def _one(declared: Any) -> Array:
    """A smallest input, of ones."""
    shape = [size if isinstance(size, int) else 1 for size in declared.shape]
    return np.ones(shape, dtype=np.float32 if declared.type == "tensor(float)" else np.int64)


def _pad_vectors(sequences: Sequence[Array]) -> Inputs:
    lengths = np.array([len(each) for each in sequences])
    features = np.zeros((len(sequences), lengths.max(), sequences[0].shape[1]), dtype=np.float32)
    for row, values in enumerate(sequences):
        features[row, : len(values)] = values
    return {"features": features, "lengths": lengths}


def _pad_tokens(texts: Sequence[Array]) -> Inputs:
    lengths = np.array(list(map(len, texts)))
    tokens = np.zeros((len(texts), lengths.max()), dtype=np.int64)
    for row, ids in enumerate(texts):
        tokens[row, : len(ids)] = ids
    return {"tokens": tokens, "lengths": lengths}


@np.errstate(invalid="ignore")  # `Answer.of` refuses what comes of scores that are not finite
def _softmax(scores: Array) -> Array:
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class CRF:
    """The parameters of `seqtrain.model.CRFHead`: (tags, tags) from the tag of a row to that of a column."""

    transition: Floats
    start: Floats  # (tags,)
    end: Floats  # (tags,)
    allowed_transition: Floats  # (tags, tags), minus infinity for what is not allowed, else 0
    allowed_start: Floats  # (tags,), the same

    @np.errstate(invalid="ignore")  # nan and infinity are refused when they have become probabilities
    def decode(self, emissions: Floats) -> Ints:
        """(time,) the most likely sequence of tags for emission scores (time, tags); Viterbi's algorithm."""
        transition = self.transition + self.allowed_transition
        best, origins = self.start + self.allowed_start + emissions[0], []
        for emitted in emissions[1:]:
            scores = best[:, None] + transition
            origins.append(scores.argmax(axis=0))
            best = scores.max(axis=0) + emitted
        path = [int((best + self.end).argmax())]
        for origin in reversed(origins):
            path.append(int(origin[path[-1]]))
        return np.array(path[::-1])

    @np.errstate(invalid="ignore", divide="ignore")
    def probabilities(self, emissions: Floats) -> Floats:
        """(time, tags) the probability of each tag at each step, by the forward-backward algorithm."""
        emissions = emissions.astype(np.float64)
        forward, backward = np.empty_like(emissions), np.empty_like(emissions)
        forward[0], backward[-1] = self.start + emissions[0], self.end
        for step in range(1, len(emissions)):
            forward[step] = _logsumexp(forward[step - 1][:, None] + self.transition, axis=0) + emissions[step]
        for step in range(len(emissions) - 2, -1, -1):
            following = backward[step + 1] + emissions[step + 1]
            backward[step] = _logsumexp(self.transition + following, axis=1)
        total = forward + backward
        return np.asarray(np.exp(total - _logsumexp(total, axis=1)[:, None]))


CRF_TENSORS = tuple(each.name for each in fields(CRF))


def _logsumexp(values: Floats, axis: int) -> Floats:
    highest = values.max(axis=axis, keepdims=True)
    summed = np.log(np.exp(values - highest).sum(axis=axis, keepdims=True)) + highest
    return np.asarray(summed.squeeze(axis))
