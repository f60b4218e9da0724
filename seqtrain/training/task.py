"""Tasks: which positions of a batch are valid, the loss over them, and what the metrics are computed from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import ClassVar, cast

from torch import Tensor

from seqtrain.config import ConfigError
from seqtrain.config.fit import files_of
from seqtrain.model.ensemble import Ensemble
from seqtrain.model.network import Head, Network
from seqtrain.records import IGNORED, BackboneOutput, SequenceBatch, StepOutput
from seqtrain.spec import Classes, DataSpec, SequenceClasses, StepClasses, Targets
from seqtrain.training.metrics import Metrics


class Task(ABC):
    """The only place that decides which positions count, in the loss and in the metrics.

    A task of your own defines `targets` and `name_unit`; by default the positions count whose target is not
    IGNORED.

    Args:
        monitor: the metric that checkpoints, early stopping and sweeps compare.
        mode: `max` if higher is better, else `min`.
    """

    targets: ClassVar[type[Targets]] = Targets  # what it learns

    def __init__(self, monitor: str, mode: str) -> None:
        self.monitor = monitor
        self.mode = mode

    def check_spec(self, spec: DataSpec) -> None:
        """Refuse data with targets that this task does not learn.

        Raises:
            ConfigError: it has others.
        """
        if not isinstance(spec.targets, self.targets):
            kind = "step" if spec.targets.per_step else "sequence"
            raise ConfigError(
                [f"task: the data has {spec.targets.each}; choose task={files_of('task', 'targets', kind)}"]
            )

    def build_metrics(self, spec: DataSpec) -> Metrics:
        """The metrics of a pass over a split."""
        assert isinstance(spec.targets, Classes)
        scheme = spec.targets.tag_scheme if isinstance(spec.targets, StepClasses) else None
        return Metrics(spec.targets.names, scheme)

    @abstractmethod
    def name_unit(self, spec: DataSpec) -> str:
        """Plural noun for the positions that count, as in the metric `words_per_second`."""

    def valid(self, batch: SequenceBatch) -> Tensor:
        """Bool, shaped like the batch's targets: the positions that count."""
        return cast(Tensor, batch.targets) != IGNORED

    def num_valid(self, batch: SequenceBatch) -> int:
        """The number of valid positions, computed on the CPU so that the device need not be synchronized."""
        return batch.num_valid

    def training_step(self, network: Network | Ensemble, batch: SequenceBatch) -> tuple[Tensor, StepOutput]:
        """The loss to minimize, a mean over the valid positions of the batch, and the record of the step.

        Raises:
            ValueError: the batch has no targets.
        """
        loss_sum, outputs = network.training_loss(batch)
        output = self._output(network, batch, loss_sum, outputs)
        return loss_sum / max(output.num_valid, 1), output

    def evaluation_step(
        self, network: Network | Ensemble, batch: SequenceBatch, metrics: Metrics
    ) -> StepOutput:
        """Add the predictions for a batch to `metrics`.

        Raises:
            ValueError: the batch has no targets.
        """
        scores, outputs = network(batch)
        loss_sum = network.loss_sum(scores, batch)
        predictions = cast(Head, network.head).decode(scores, batch.lengths)
        valid = self.valid(batch)
        unseen = None if batch.unseen is None else batch.unseen[valid]
        metrics.update(predictions[valid], cast(Tensor, batch.targets)[valid], loss_sum, unseen)
        if metrics.spans is not None:
            metrics.spans.update(predictions, cast(Tensor, batch.targets), batch.lengths)
        return replace(self._output(network, batch, loss_sum, outputs), predictions=predictions)

    def _output(
        self,
        network: Network | Ensemble,
        batch: SequenceBatch,
        loss_sum: Tensor,
        outputs: tuple[BackboneOutput, ...],
    ) -> StepOutput:
        final_states = tuple(output.final_state for output in outputs)
        num_directions = getattr(network.backbone, "num_directions", 1)
        return StepOutput(loss_sum.detach(), self.num_valid(batch), final_states, num_directions)


class SequenceClassification(Task):
    """One class per sequence."""

    targets = SequenceClasses

    def name_unit(self, spec: DataSpec) -> str:
        return "sequences"


class SequenceTagging(Task):
    """One tag per time step."""

    targets = StepClasses

    def name_unit(self, spec: DataSpec) -> str:
        return spec.inputs.steps.replace(" ", "_")
