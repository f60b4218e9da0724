"""A trained model of a run folder, or any network, ready to tag sentences or to classify images."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from seqtrain.config.saved import read_saved_config
from seqtrain.data import Dataset, encode_images, encode_sentences, encode_sequences, encode_windows
from seqtrain.data.batching.text_dataset import TextDataset
from seqtrain.data.files.arrays import Sequences
from seqtrain.model import Ensemble, Network
from seqtrain.predictions import Answer, Estimate, check_probabilities
from seqtrain.records import SequenceBatch
from seqtrain.runs.find import choose_checkpoint, find_run_folder
from seqtrain.serving.base import BasePredictor
from seqtrain.serving.texts import TextScore, continue_text, score_text, take, unknown_tokens
from seqtrain.spec import Classes, DataSpec, Horizon, Numbers, TokenInputs
from seqtrain.tasks.answers import name_value
from seqtrain.tasks.task import Task
from seqtrain.training.network import Trained, load_trained

if TYPE_CHECKING:
    from seqtrain.analysis.traced import SequenceTrace


def load(
    run_dir: str | PathLike[str] = "latest",
    checkpoint: str | Path | None = None,
    device: str | torch.device = "cpu",
    plugins: Collection[str] = (),
) -> Predictor:
    """Load the trained model of a run folder; no code from the folder is run.

    Args:
        run_dir: a run folder or a run; `latest`, the run under runs/ that finished last; or
            `latest:pos/bilstm`, the one of this task and model that finished last.
        checkpoint: a file; by default the best checkpoint of the run.
        device: to predict on.
        plugins: your own packages whose classes the run was configured with.

    Raises:
        seqtrain.errors.InputError: there is no such run or checkpoint, or it is refused.
        seqtrain.errors.RunError: a weight of the checkpoint is nan or infinite.
    """
    folder = find_run_folder(fspath(run_dir))
    path = choose_checkpoint(folder, checkpoint)
    return Predictor.of(load_trained(read_saved_config(folder.config_file, plugins), path), device)


class Predictor(BasePredictor[SequenceBatch]):
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
        super().__init__(spec, task)
        self.network = network.to(device).eval()
        self.device = torch.device(device)
        if self.device.type != "cpu":
            self.max_steps = 1 << 18  # such a device is idle on less

    @classmethod
    def of(cls, trained: Trained, device: str | torch.device = "cpu") -> Predictor:
        """A predictor of what a run has trained."""
        return cls(trained.network, trained.spec, device, trained.task)

    def trace(self, given: Any, number: int = 0) -> SequenceTrace:
        """What the recurrence does with one sequence: h, c and gates at every time step.

        Args:
            given: a sentence or its tokens; a text; an image, as for `classify`; a series, as for `forecast`;
                numbers (time, features), or sequences as for `label`.
            number: which one, where there are several: in a file of images or of sequences, or of the series
                of a model that forecasts each by itself.

        Returns:
            The trace; of an ensemble's first member.

        Raises:
            seqtrain.errors.InputError: the model cannot read it, or the backbone has equations of its own.
        """
        from seqtrain.serving.traces import trace_given  # which imports matplotlib

        return trace_given(self, given, number)

    def generate(
        self,
        prompt: str = "",
        length: int = 500,
        temperature: float = 1.0,
        top_k: int | None = None,
        seed: int | None = None,
    ) -> str:
        """What a language model writes after a prompt.

        Args:
            prompt: the text to continue; it is not part of the answer. Without one a line begins.
            length: characters or words.
            temperature: divides the scores: below 1 what is likely becomes likelier; 0 takes the likeliest.
            top_k: how many of the likeliest to choose among; None for all.
            seed: of the choices, so that they can be repeated; None for others each time.

        Raises:
            seqtrain.errors.DataError: this is not a language model, or an argument is out of range.
        """
        return take(self.stream(prompt, temperature, top_k, seed), length)

    def stream(
        self,
        prompt: str = "",
        temperature: float = 1.0,
        top_k: int | None = None,
        seed: int | None = None,
    ) -> Iterator[str]:
        """The characters or words of `generate` as they come, without an end."""
        return continue_text(self.network, self.spec, prompt, temperature, top_k, seed)

    def unknown_in(self, text: str) -> list[str]:
        """The characters or words of a text that a language model does not know."""
        return unknown_tokens(self.spec, text)

    def score(self, text: str) -> TextScore:
        """How surprising a text is to a language model: nats of each character or word but the first.

        Raises:
            seqtrain.errors.DataError: this is not a language model, or the text has fewer than two of them.
            seqtrain.errors.RunError: a score is nan or infinite.
        """
        return score_text(self.network, self.spec, text)

    def encode_sentences(self, sentences: Sequence[Sequence[str]]) -> Dataset:
        return encode_sentences(self.spec, sentences)

    def encode_texts(self, texts: Sequence[str]) -> Dataset:
        assert isinstance(self.spec.inputs, TokenInputs)
        return TextDataset.encode(self.spec.inputs, texts)

    def encode_images(self, pixels: npt.NDArray[np.float32]) -> Dataset:
        return encode_images(self.spec, pixels)

    def encode_sequences(self, sequences: Sequences) -> Dataset:
        return encode_sequences(self.spec, sequences)

    def encode_windows(self, windows: npt.NDArray[np.float64]) -> Dataset:
        return encode_windows(self.spec, windows)

    def answer_batch(self, batch: SequenceBatch) -> list[Answer] | list[Estimate]:
        batch = batch.to(self.device)
        head: Any = self.network.head
        with torch.inference_mode():
            scores, outputs = self.network(batch)
            if isinstance(self.spec.targets, Numbers):
                return self._estimate(head, scores, batch)
            predicted = head.decode(scores, batch.lengths)
            if isinstance(self.spec.targets, Classes):
                confidences = head.confidences(scores, predicted, batch.lengths)
            else:
                confidences = predicted.new_empty(len(batch), 0)
                check_probabilities(predicted.flatten().tolist())
            attention = getattr(head, "attention", None) if len(outputs) == 1 else None  # one network's
            weights = attention.weights(outputs[0].states, batch.lengths).tolist() if attention else None
        # One answer for a sequence, or one for each of its steps.
        counts = [1] * len(batch) if predicted.ndim == 1 else batch.lengths.tolist()
        rows = (each.reshape(len(batch), -1).tolist() for each in (predicted, confidences))
        answers = [
            self._name(numbers[:n], shares[:n]) for numbers, shares, n in zip(*rows, counts, strict=True)
        ]
        if weights is None:
            return answers
        return [
            answer._replace(weights=tuple(round(each, 4) for each in row[:length]))
            for answer, row, length in zip(answers, weights, batch.lengths.tolist(), strict=True)
        ]

    def _estimate(self, head: Any, scores: Tensor, batch: SequenceBatch) -> list[Estimate]:
        """One for each sequence."""
        targets = self.spec.targets
        assert isinstance(targets, Numbers)

        def in_units(predicted: Tensor) -> npt.NDArray[np.float32]:
            values = predicted.float().cpu().numpy()
            if not isinstance(targets, Horizon):
                return targets.in_units(values)
            origins = batch.origins
            assert origins is not None
            return targets.restore(values, origins.series.cpu().numpy(), origins.last.cpu().numpy())

        values = in_units(head.decode(scores, batch.lengths))
        by_quantile = head.by_quantile(scores) if hasattr(head, "by_quantile") else {}
        quantiles = {share: in_units(each) for share, each in by_quantile.items()}
        ends = batch.lengths.tolist() if targets.per_step else [None] * len(values)
        return [
            Estimate(values[row, :end], {share: each[row, :end] for share, each in quantiles.items()})
            for row, end in enumerate(ends)
        ]

    def _name(self, values: list[float], shares: list[float]) -> Answer:
        name = name_value if self.task is None else self.task.name_value
        return Answer.of([name(value, self.spec.targets) for value in values], shares)
