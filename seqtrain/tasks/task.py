"""What every task has: the positions that count, the loss over them, metrics, and answers to show."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, cast

import torch
from torch import Tensor

from seqtrain.config import ConfigError
from seqtrain.config.fit import tasks_of
from seqtrain.model.ensemble import Ensemble
from seqtrain.model.network import Head, Network
from seqtrain.predictions import Answer, Estimate, Given
from seqtrain.records import BackboneOutput, SequenceBatch, StepOutput, hide, is_known
from seqtrain.spec import Classes, DataSpec, Targets
from seqtrain.tasks import answers
from seqtrain.tasks.carried_state import CarriedState

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torchmetrics import Metric

    from seqtrain.analysis.sample import AnsweredSample
    from seqtrain.tasks.metrics import Metrics


class Task(ABC):
    """What is learnt: it alone decides which positions count, in the loss and in the metrics.

    A task of your own defines `targets` and `name_unit`; by default the positions with a known target count,
    and the metrics are the loss and those of `metrics:` in the configuration.

    Args:
        monitor: the metric that checkpoints, early stopping and sweeps compare.
        mode: `max` if higher is better, else `min`.

    Attributes:
        targets: the kind of targets that it learns, or the kinds.
        carry_state: whether a batch starts from the final state of the batch before it, where the data is
            read in streams; gradients end there.
    """

    targets: ClassVar[type[Targets] | tuple[type[Targets], ...]] = Targets
    carry_state: bool = False

    def __init__(self, monitor: str, mode: str) -> None:
        self.monitor = monitor
        self.mode = mode
        self._carried = defaultdict[str, CarriedState](CarriedState)  # by phase: train, evaluation

    def check_spec(self, spec: DataSpec) -> None:
        """Refuse data with targets that this task does not learn.

        Raises:
            ConfigError: it has others.
        """
        if not isinstance(spec.targets, self.targets):
            inputs = "|".join(each.__name__ for each in type(spec.inputs).__mro__)
            fitting = tasks_of(inputs, type(spec.targets).__name__)
            remedy = f"choose task={fitting}" if fitting else f"{type(self).__name__} does not learn that"
            raise ConfigError([f"task: the data has {spec.targets.each}; {remedy}"])

    @abstractmethod
    def name_unit(self, spec: DataSpec) -> str:
        """Plural noun for the positions that count, as in the metric `words_per_second`."""

    def build_metrics(self, spec: DataSpec, further: Mapping[str, Metric]) -> Metrics:
        """The metrics of a pass over a split; `further` are those of the configuration, by name."""
        from seqtrain.tasks.metrics import Metrics  # here: predicting imports no torchmetrics

        return Metrics(spec.targets, further)

    def valid(self, batch: SequenceBatch) -> Tensor:
        """Bool, shaped like the batch's targets: the positions that count."""
        return is_known(cast(Tensor, batch.targets))

    def num_valid(self, batch: SequenceBatch) -> int:
        """The number of valid positions, computed on the CPU so that the device need not be synchronized."""
        return batch.num_valid

    def training_step(self, network: Network | Ensemble, batch: SequenceBatch) -> tuple[Tensor, StepOutput]:
        """The loss to minimize, a mean over the valid positions of the batch, and the record of the step.

        Raises:
            ValueError: the batch has no targets.
        """
        loss_sum, outputs = network.training_loss(batch, self._initial("train", batch))
        self._carry("train", batch, outputs)
        output = self._output(network, batch, loss_sum, outputs)
        return loss_sum / max(output.num_valid, 1), output

    def evaluation_step(
        self, network: Network | Ensemble, batch: SequenceBatch, metrics: Metrics
    ) -> StepOutput:
        """Add the predictions for a batch to `metrics`.

        Raises:
            ValueError: the batch has no targets.
        """
        scores, outputs = network(batch, self._initial("evaluation", batch))
        self._carry("evaluation", batch, outputs)
        loss_sum = network.loss_sum(scores, batch)
        head = cast(Head, network.head)
        predictions = head.decode(scores, batch.lengths)
        probabilities = (
            head.probabilities(scores, batch.lengths) if metrics.further.of_probabilities else None
        )
        self.update_metrics(metrics, predictions, batch, loss_sum, probabilities)
        return replace(self._output(network, batch, loss_sum, outputs), predictions=predictions)

    def update_metrics(
        self,
        metrics: Metrics,
        predictions: Tensor,
        batch: SequenceBatch,
        loss_sum: Tensor,
        probabilities: Tensor | None = None,
    ) -> None:
        """Add a batch with targets: the predictions, shaped like the targets, and the loss.

        `probabilities` of all classes are given if a metric of the configuration wants them.
        """
        targets = hide(cast(Tensor, batch.targets), ~self.valid(batch))
        metrics.update(predictions, targets, loss_sum, batch.unseen, probabilities)

    def state_dict(self) -> dict[str, Any]:
        """What the checkpoint of an unfinished training keeps of the task in this process: the carried state.

        Tensors and plain values; {} if there is nothing.
        """
        return self._carried["train"].state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned; {} from a checkpoint that has nothing."""
        self._carried["train"].load_state_dict(state)

    def _initial(self, phase: str, batch: SequenceBatch) -> tuple[Any, ...] | None:
        return self._carried[phase].before(batch) if self.carry_state else None

    def _carry(self, phase: str, batch: SequenceBatch, outputs: tuple[BackboneOutput, ...]) -> None:
        if self.carry_state:
            self._carried[phase].after(batch, outputs)

    def name_value(self, value: Any, targets: Targets) -> str:
        """A prediction or target of one position as a text: the name of a class, a number, or several."""
        return answers.name_value(value, targets)

    def show(self, given: Given, answer: Answer | Estimate, form: str, spec: DataSpec) -> str:
        """The answer to one sequence, with its line end: `form` is table, json, tsv or conllu."""
        return answers.show(given, answer, form, spec)

    def worth_showing(self, batch: SequenceBatch, predictions: Tensor) -> Tensor:
        """(batch,) bool: the validation sequences that `draw` chooses among, by default those with a mistake.

        Where targets are numbers, all of them. Nothing is read back from the device.
        """
        targets = cast(Tensor, batch.targets)
        if targets.is_floating_point():
            return torch.ones(len(targets), dtype=torch.bool, device=targets.device)
        return (self.valid(batch) & (predictions != targets)).view(len(targets), -1).any(dim=1)

    def draw(self, answered: AnsweredSample, metrics: Metrics) -> dict[str, Figure | str]:
        """Figures and Markdown texts by name that show the last validation in TensorBoard.

        By default the confusions and the most confident mistakes of classes, and nothing for other targets.

        Args:
            answered: the sequences to show, with their predictions: as many as the callback asks for, chosen
                among those worth showing, or among all if none is.
            metrics: of the whole validation.
        """
        targets = answered.spec.targets
        if not isinstance(targets, Classes):
            return {}
        from seqtrain.analysis.figures.run import draw_confusions
        from seqtrain.analysis.mistakes import show_mistakes

        shown: dict[str, Figure | str] = {}
        if not metrics.is_empty and (counts := metrics.confusions()) is not None:
            shown["confusions"] = draw_confusions(torch.tensor(counts), targets.names)
        if mistakes := show_mistakes(answered):
            shown["mistakes"] = mistakes
        return shown

    def draw_metrics(self, metrics: Metrics) -> dict[str, Figure]:
        """Figures by name of a pass over test, for TensorBoard."""
        return {}

    def judge(self, metrics: Mapping[str, float]) -> Iterable[str]:
        """What the metrics of metrics.json should warn of, a sentence each."""
        return ()

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
