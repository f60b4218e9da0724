"""A trained model, ready to tag sentences or to classify images."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from seqtrain.data import Dataset, encode_images, encode_sentences, sorted_batches
from seqtrain.data.files.arrays import Sequences, as_sequences
from seqtrain.data.files.images import Images, as_pixels
from seqtrain.data.sentences import Sentences, as_sentences
from seqtrain.data.sources.arrays import encode_sequences
from seqtrain.errors import DataError
from seqtrain.model import Ensemble, Network
from seqtrain.predictions import Answer, Classification, Given, TaggedSentence, check_probabilities
from seqtrain.runs.find import choose_checkpoint, find_run_folder, read_config
from seqtrain.spec import Classes, DataSpec, ImageInputs, VectorInputs, WordInputs
from seqtrain.tasks.answers import name_value, show
from seqtrain.tasks.task import Task
from seqtrain.training.construct import construct
from seqtrain.training.network import load_network

BATCH_SIZE = 256  # sequences


def load(
    run_dir: str | Path = "latest",
    checkpoint: str | Path | None = None,
    device: str | torch.device = "cpu",
    plugins: Collection[str] = (),
) -> Predictor:
    """Load the trained model of a run folder; no code from the folder is run.

    Args:
        run_dir: a run folder; `latest`, the run under runs/ that finished last; or `latest:pos/bilstm`, the
            one of this task and model that finished last.
        checkpoint: a file; by default the best checkpoint of the run.
        device: to predict on.
        plugins: your own packages whose classes the run was configured with.

    Raises:
        seqtrain.errors.InputError: there is no such run or checkpoint, or it is refused.
        seqtrain.errors.RunError: a weight of the checkpoint is nan or infinite.
    """
    folder = find_run_folder(str(run_dir))
    path = choose_checkpoint(folder, checkpoint)
    config = read_config(folder, plugins)
    network, spec = load_network(config, path)
    return Predictor(network, spec, device, construct(config.task))


class Predictor:
    """Predicts with a trained network.

    Args:
        network: as trained.
        spec: of the data that it was trained on.
        device: to predict on.
        task: that it was trained for, which says how answers are shown; by default they are classes.
    """

    def __init__(
        self,
        network: Network | Ensemble,
        spec: DataSpec,
        device: str | torch.device = "cpu",
        task: Task | None = None,
    ) -> None:
        self.network = network.to(device).eval()
        self.spec = spec
        self.device = torch.device(device)
        self.task = task

    def tag(self, sentences: Sentences) -> list[TaggedSentence]:
        """Tag sentences, in their order.

        Args:
            sentences: text, which is split into sentences and tokens; a list of strings, each of which is
                one sentence and is split into tokens; or the tokens of each sentence.

        Raises:
            seqtrain.errors.DataError: the model does not tag words, `sentences` is anything else, or a
                sentence or a token is empty.
        """
        if not isinstance(self.spec.inputs, WordInputs):
            raise DataError("this model does not tag words; use classify(images)")
        found = as_sentences(sentences)
        if not found:
            return []
        answers = self.predict(encode_sentences(self.spec, [each.tokens for each in found]))
        return [
            TaggedSentence(tuple(sentence.tokens), answer.names, answer.confidences, sentence.spans)
            for sentence, answer in zip(found, answers, strict=True)
        ]

    def classify(self, images: Images, resize: bool = False) -> list[Classification]:
        """Classify images, in their order.

        Args:
            images: an array (images, height, width) or (height, width), uint8 or floats from 0 (background)
                to 1 (stroke); or the path of a PNG or npy file, or several.
            resize: whether to stretch images to the size that the model was trained on.

        Raises:
            seqtrain.errors.DataError: the model does not classify images, a file cannot be read, or an image
                is not of the size that the model was trained on.
        """
        if not isinstance(self.spec.inputs, ImageInputs):
            raise DataError("this model does not classify images; use tag(sentences)")
        return self.classify_pixels(as_pixels(images, self.spec.inputs.size, resize))

    def classify_pixels(self, pixels: npt.NDArray[np.float32]) -> list[Classification]:
        """Classify images, (images, height, width) from 0 to 1, of the size that the model was trained on."""
        answers = self.predict(encode_images(self.spec, pixels))
        return [Classification(answer.names[0], answer.confidences[0]) for answer in answers]

    def label(self, sequences: str | Path | Sequences) -> list[Answer]:
        """The class of each sequence of numbers, or of each of its time steps.

        Args:
            sequences: an .npz file, or what `seqtrain.data.read_sequences` gives; in the units of the data
                that the model was trained on.

        Raises:
            seqtrain.errors.DataError: the model was not trained on arrays, the file cannot be read, or the
                sequences have another number of features.
        """
        return self.predict(encode_sequences(self.spec, as_sequences(sequences)))

    def answer(self, given: Sequence[Given]) -> list[Answer]:
        """What the network says of each sequence, in their order.

        Raises:
            seqtrain.errors.DataError: a sequence is not of the size that the model was trained on.
        """
        match self.spec.inputs:
            case WordInputs():
                return self.predict(encode_sentences(self.spec, [each.tokens or () for each in given]))
            case ImageInputs():
                return self.predict(encode_images(self.spec, np.stack([_values(each) for each in given])))
            case VectorInputs():
                lengths = np.array([len(_values(each)) for each in given])
                sequences = Sequences(np.concatenate([_values(each) for each in given]), lengths)
                return self.predict(encode_sequences(self.spec, sequences))
        raise DataError(f"{type(self.spec.inputs).__name__} cannot be read here")

    def show(self, given: Given, answer: Answer, form: str) -> str:
        """An answer as a text: `form` is table, json, tsv or conllu."""
        shows = show if self.task is None else self.task.show
        return shows(given, answer, form, self.spec)

    def predict(self, dataset: Dataset) -> list[Answer]:
        """The network's answer to each sequence of a data set, in their order.

        Raises:
            seqtrain.errors.RunError: a score is nan or infinite; so do `tag`, `classify` and `label`.
        """
        answers: dict[int, Answer] = {}
        for indices in sorted_batches(dataset.lengths, BATCH_SIZE):
            answers |= zip(indices.tolist(), self._predict_batch(dataset, indices), strict=True)
        return [answers[index] for index in range(len(answers))]

    def _predict_batch(self, dataset: Dataset, indices: Tensor) -> list[Answer]:
        batch = dataset.batch(indices).to(self.device)
        head: Any = self.network.head
        with torch.inference_mode():
            scores, _ = self.network(batch)
            predicted = head.decode(scores, batch.lengths)
            if isinstance(self.spec.targets, Classes):
                confidences = head.confidences(scores, predicted, batch.lengths)
            else:
                confidences = predicted.new_empty(len(batch), 0)
                check_probabilities(predicted.flatten().tolist())
        # One answer for a sequence, or one for each of its steps.
        counts = [1] * len(batch) if predicted.ndim == 1 else batch.lengths.tolist()
        rows = (each.reshape(len(batch), -1).tolist() for each in (predicted, confidences))
        return [self._name(numbers[:n], shares[:n]) for numbers, shares, n in zip(*rows, counts, strict=True)]

    def _name(self, values: list[float], shares: list[float]) -> Answer:
        name = name_value if self.task is None else self.task.name_value
        return Answer.of([name(value, self.spec.targets) for value in values], shares)


def _values(given: Given) -> npt.NDArray[np.float32]:
    assert given.values is not None
    return given.values
