"""Predict with an exported ONNX model; needs onnxruntime and NumPy, but not torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seqtrain.data.files.arrays import Sequences, check_features
from seqtrain.data.sentences import check_words
from seqtrain.data.tokens import split_text
from seqtrain.errors import DataError, InputError
from seqtrain.foreign import read_regular
from seqtrain.predictions import Answer, Estimate
from seqtrain.serving.arrays import Array, Arrays, Flat, Inputs, Sentences
from seqtrain.serving.base import BasePredictor
from seqtrain.serving.crf import CRF
from seqtrain.serving.export.accepted import MAX_MEMORY, MAX_MODEL, find_foreign_parts
from seqtrain.serving.export.description import read_description
from seqtrain.spec import Horizon, Numbers, TokenInputs


class OnnxPredictor(BasePredictor[Inputs]):
    """Predicts with an ONNX file that `seqtrain export` wrote, and the JSON file beside it.

    Args:
        path: of the ONNX file.
        threads: that one call may use; by default one for each core.

    Raises:
        seqtrain.errors.InputError: onnxruntime is not installed, a file is missing or damaged, or `threads`
            is not a positive int.
    """

    max_steps = 1 << 11  # few: onnxruntime computes the padding, too

    def __init__(self, path: str | Path, threads: int | None = None) -> None:
        path = Path(path)
        if threads is not None and (type(threads) is not int or threads < 1):
            raise DataError(f"threads: got {threads!r}, expected a whole number of at least 1")
        content = read_regular(path, MAX_MODEL)
        self._path = path
        self.description = read_description(path, content)
        self._session = _open_session(content, path, threads)
        self._inputs = {each.name: len(each.shape) for each in self._session.get_inputs()}
        self._outputs = {each.name: each for each in self._session.get_outputs()}
        if "scores" not in self._outputs:
            raise DataError("has no output scores; expected a model that `seqtrain export` wrote", path)
        rank = len(self._outputs["scores"].shape) - (1 if self.description.quantiles else 0)
        super().__init__(self.description.to_spec(per_step=rank == 3))
        self._crf = self._read_crf()

    def encode_sentences(self, sentences: Sequence[Sequence[str]]) -> Sentences:
        check_words(sentences)
        return Sentences(sentences, self.description, repeats_letters=self._inputs.get("letters") == 3)

    def encode_texts(self, texts: Sequence[str]) -> Arrays:
        assert isinstance(self.spec.inputs, TokenInputs)
        index, unit = self.spec.inputs.tokens.index(), self.spec.inputs.unit
        rows = [
            np.array([index.get(each, self.description.unknown) for each in split_text(text, unit)])
            for text in texts
        ]
        return Arrays.named("tokens", Flat.of(rows))

    def encode_images(self, pixels: npt.NDArray[np.float32]) -> Arrays:
        steps = np.full(len(pixels), self.description.num_steps or 1)
        return Arrays(steps, lambda indices: {"images": pixels[indices]})

    def encode_sequences(self, sequences: Sequences) -> Arrays:
        check_features(sequences, self.spec.inputs)
        return Arrays.named("features", Flat(sequences.x.astype(np.float32), sequences.lengths))

    def encode_windows(self, windows: npt.NDArray[np.float64]) -> Arrays:
        values = windows.astype(np.float32)
        steps = np.full(len(values), self.description.num_steps or 1)
        return Arrays(steps, lambda indices: {"series": values[indices]})

    def answer_batch(self, batch: Inputs) -> Iterator[Answer | Estimate]:
        if isinstance(self.spec.targets, Numbers):
            yield from self._estimate(batch, self.spec.targets)
            return
        scores = self._score(batch)
        lengths = batch.get("lengths", np.ones(len(scores), dtype=np.int64))
        if not self.spec.targets.per_step:
            scores, lengths = scores[:, None], np.ones_like(lengths)
        if self._crf is not None:
            for row, length in zip(scores, lengths, strict=True):
                yield self._name(*self._crf.answer(row[:length]))
            return
        for numbers, shares, length in zip(scores.argmax(axis=-1), _highest(scores), lengths, strict=True):
            yield self._name(numbers[:length], shares[:length])

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

    def _score(self, batch: Inputs) -> Array:
        """(batch, time, labels), or (batch, labels).

        Raises:
            DataError: the model, which may come from an untrusted source, gives anything else.
        """
        (scores,) = self._compute(["scores"], {name: batch[name] for name in batch if name in self._inputs})
        size, time, *_ = next(iter(batch.values())).shape
        steps = [time] if self.spec.targets.per_step else []
        if scores.shape != (size, *steps, len(self.description.labels)):
            raise DataError(f"gives scores of shape {scores.shape}, which do not fit its labels", self._path)
        return scores

    def _compute(self, outputs: Sequence[str], inputs: dict[str, Array]) -> list[Array]:
        try:
            return [np.asarray(each) for each in self._session.run(outputs, inputs)]
        except Exception as error:  # of onnxruntime's own, which it does not export
            raise DataError(f"cannot be run: {str(error).splitlines()[0]}", self._path) from None

    def _name(self, numbers: Array, shares: Array) -> Answer:
        labels = self.description.labels
        return Answer.of([labels[number] for number in numbers.tolist()], shares.tolist())

    def _read_crf(self) -> CRF | None:
        """The parameters of the conditional random field, which are outputs of the graph, if there is one."""
        names = [name for name in self._outputs if name != "scores"]
        if not names:
            return None
        ones = {each.name: _smallest_input(each) for each in self._session.get_inputs()}
        values = dict(zip(names, self._compute(names, ones), strict=True))
        size = len(self.description.labels)
        expected = {each.name: (size,) * (1 + ("transition" in each.name)) for each in fields(CRF)}
        if {name: value.shape for name, value in values.items()} != expected:
            raise DataError(f"has outputs {', '.join(names)}, which do not fit its labels", self._path)
        return CRF(**values)


def _open_session(content: bytes, path: Path, threads: int | None) -> Any:
    """A session on a model that may come from an untrusted source: see `find_foreign_parts`."""
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise InputError(f"model: reading {path} needs {error.name}: pip install 'seqtrain[onnx]'") from None
    _bound_memory()
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.use_env_allocators", "1")  # those of `_bound_memory`
    options.intra_op_num_threads = threads or 0
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting takes no CPU time
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


def _smallest_input(declared: Any) -> Array:
    """An input of the smallest size, of ones."""
    shape = [size if isinstance(size, int) else 1 for size in declared.shape]
    return np.ones(shape, dtype=np.float32 if declared.type == "tensor(float)" else np.int64)


@np.errstate(invalid="ignore")  # `Answer.of` refuses what comes of scores that are not finite
def _highest(scores: Array) -> Array:
    """The probability of the label of the highest score."""
    return np.asarray(1 / np.exp(scores - scores.max(axis=-1, keepdims=True)).sum(axis=-1))
