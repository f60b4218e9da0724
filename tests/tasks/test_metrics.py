from __future__ import annotations

import math
from collections import Counter

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torchmetrics import Metric
from torchmetrics.classification import (
    BinaryAUROC,
    BinaryCalibrationError,
    MulticlassAUROC,
    MulticlassCalibrationError,
    MulticlassCohenKappa,
    MulticlassConfusionMatrix,
    MulticlassRecall,
)
from torchmetrics.regression import MeanAbsoluteError

from seqtrain.config import ConfigError
from seqtrain.model import TagHead
from seqtrain.records import IGNORED
from seqtrain.spec import SequenceClasses, SequenceNumbers
from seqtrain.tasks.metrics import ClassMetrics, Metrics

CLASSES = SequenceClasses(("A", "B", "C"))


Batch = tuple[list[int], list[int], float]  # predictions, targets, loss


def computed(*batches: Batch) -> dict[str, float]:
    metrics = ClassMetrics(CLASSES)
    for predictions, targets, loss_sum in batches:
        metrics.update(torch.tensor(predictions), torch.tensor(targets), torch.tensor(loss_sum))
    return metrics.compute()


def test_metrics_by_eye() -> None:
    # A: two correct, one missed. B: one correct, one predicted wrongly. C: neither target nor prediction.
    assert computed(([0, 0, 1, 1], [0, 0, 0, 1], 6.0)) == pytest.approx(
        {
            "loss": 1.5,
            "accuracy": 0.75,
            "f1/A": 0.8,  # 2 * 2 / (2 * 2 + 0 + 1)
            "f1/B": 2 / 3,  # 2 * 1 / (2 * 1 + 1 + 0)
            "f1/C": 0.0,
            "macro_f1": (0.8 + 2 / 3) / 2,  # over the classes that occur
        }
    )


def test_a_short_last_batch_shifts_nothing() -> None:
    whole = computed(([0, 1, 1, 0, 0], [0, 1, 2, 0, 1], 10.0))
    parts = computed(([0, 1, 1, 0], [0, 1, 2, 0], 3.0), ([0], [1], 7.0))
    assert parts == pytest.approx(whole)
    assert parts["loss"] == pytest.approx(2.0)  # the mean of the batches' means would be (3/4 + 7) / 2


def test_accuracy_on_unseen_words() -> None:
    metrics = ClassMetrics(CLASSES)
    unseen = torch.tensor([True, False, True, False, True])
    metrics.update(torch.tensor([0, 0, 1, 0, 1]), torch.tensor([0, 1, 2, 2, 1]), torch.tensor(0.0), unseen)
    assert metrics.compute()["accuracy_unseen"] == pytest.approx(2 / 3)
    assert metrics.compute()["accuracy"] == pytest.approx(2 / 5)


def test_without_unseen_words_there_is_no_accuracy_on_them() -> None:
    metrics = ClassMetrics(CLASSES)
    metrics.update(torch.tensor([0]), torch.tensor([0]), torch.tensor(0.0), torch.tensor([False]))
    assert "accuracy_unseen" not in metrics.compute()


def test_confusions_by_eye() -> None:
    metrics = ClassMetrics(CLASSES)
    metrics.update(torch.tensor([0, 0, 2, 1, 2]), torch.tensor([0, 1, 2, 2, IGNORED]), torch.tensor(0.0))
    assert metrics.confusions() == [[1, 0, 0], [1, 0, 0], [0, 1, 1]]


class Largest(TorchDispatchMode):
    """The number of elements of the largest tensor that an operation returns."""

    numel = 0

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        result = function(*arguments, **(options or {}))
        for tensor in result if isinstance(result, (list, tuple)) else [result]:
            if isinstance(tensor, torch.Tensor):
                self.numel = max(self.numel, tensor.numel())
        return result


def test_many_classes_are_counted_in_little_memory_by_deterministic_algorithms() -> None:
    num_classes, positions = 150, 8_000
    draw = torch.Generator().manual_seed(0)
    targets, predictions = torch.randint(num_classes, (2, positions), generator=draw)
    metrics = ClassMetrics(SequenceClasses(tuple(map(str, range(num_classes)))))
    torch.use_deterministic_algorithms(True)
    try:
        with Largest() as largest:
            metrics.update(predictions, targets, torch.tensor(0.0))
            metrics.update(predictions, targets, torch.tensor(0.0))
    finally:
        torch.use_deterministic_algorithms(False)
    assert largest.numel <= num_classes**2 + 1
    counts = Counter(zip(targets.tolist(), predictions.tolist(), strict=True))
    classes = range(num_classes)
    assert metrics.confusions() == [[2 * counts[row, column] for column in classes] for row in classes]
    assert metrics.compute()["accuracy"] == float((targets == predictions).double().mean())


def test_so_are_those_of_the_metrics_of_the_configuration() -> None:
    num_classes = 150
    draw = torch.Generator().manual_seed(0)
    targets, predictions = torch.randint(num_classes, (2, 2_000), generator=draw)
    kappa = MulticlassCohenKappa(num_classes)
    metrics = ClassMetrics(SequenceClasses(tuple(map(str, range(num_classes)))), {"kappa": kappa})
    torch.use_deterministic_algorithms(True)
    try:
        with Largest() as largest:
            metrics.update(predictions, targets, torch.tensor(0.0))
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(False)
    assert largest.numel <= num_classes**2 + 1
    kappa.update(predictions, targets)
    assert metrics.compute()["kappa"] == float(kappa.compute())


def test_reset_forgets_everything() -> None:
    metrics = ClassMetrics(CLASSES)
    assert metrics.is_empty
    metrics.update(torch.tensor([1]), torch.tensor([0]), torch.tensor(1.0), torch.tensor([True]))
    assert not metrics.is_empty
    metrics.reset()
    assert metrics.is_empty
    metrics.update(torch.tensor([2]), torch.tensor([2]), torch.tensor(3.0))
    assert metrics.compute() == pytest.approx(
        {"loss": 3.0, "accuracy": 1.0, "macro_f1": 1.0, "f1/A": 0.0, "f1/B": 0.0, "f1/C": 1.0}
    )


def test_a_loss_that_is_not_a_number_shows() -> None:
    assert math.isnan(computed(([0], [0], float("nan")))["loss"])


class TestFurtherMetrics:
    """Metrics of the configuration."""

    def test_they_are_given_the_valid_positions(self) -> None:
        metrics = ClassMetrics(
            CLASSES, {"kappa": MulticlassCohenKappa(3), "recall": MulticlassRecall(3, average=None)}
        )
        metrics.update(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]), torch.tensor(0.0))
        metrics.update(torch.tensor([2]), torch.tensor([2]), torch.tensor(0.0))
        found = metrics.compute()
        assert found["kappa"] == pytest.approx((3 / 4 - 5 / 16) / (1 - 5 / 16))
        assert {name: found[f"recall/{name}"] for name in "ABC"} == {"A": 1.0, "B": 0.5, "C": 1.0}
        metrics.reset()
        metrics.update(torch.tensor([2]), torch.tensor([2]), torch.tensor(0.0))
        assert metrics.compute()["recall/A"] == 0.0

    @pytest.mark.parametrize("name", ["loss", "accuracy", "macro_f1", "f1"])
    def test_the_name_of_a_metric_of_the_task_is_refused(self, name: str) -> None:
        message = rf"metrics\.{name}: the task has a metric of this name; choose another than accuracy, "
        with pytest.raises(ConfigError, match=message):
            ClassMetrics(CLASSES, {name: MulticlassCohenKappa(3)})

    def test_every_name_that_is_computed_is_taken(self) -> None:
        metrics = ClassMetrics(CLASSES)
        ids = torch.tensor([0, 1])
        metrics.update(ids, ids, torch.tensor(0.0), unseen=torch.tensor([True, False]))
        assert {name.split("/")[0] for name in metrics.compute()} == metrics.own_names

    def test_the_metrics_of_two_splits_are_apart(self) -> None:
        metric = MulticlassCohenKappa(3)
        first, second = ClassMetrics(CLASSES, {"kappa": metric}), ClassMetrics(CLASSES, {"kappa": metric})
        first.update(torch.tensor([0]), torch.tensor([0]), torch.tensor(0.0))
        assert second.is_empty
        assert second.further.metrics["kappa"].update_count == 0

    @pytest.mark.parametrize(
        ("metric", "problem"),
        [
            (MulticlassConfusionMatrix(3), "gives (3, 3), expected a number, or one for each class; it is"),
            (
                MulticlassAUROC(5),
                "Expected `preds` to have one more dimension than `target` but got 1 and 1; it",
            ),
            (BinaryAUROC(), "it is for two classes, and the data has 3"),
        ],
    )
    def test_what_cannot_be_computed_is_refused_before_a_training(self, metric: Metric, problem: str) -> None:
        with pytest.raises(ConfigError) as caught:
            ClassMetrics(CLASSES, {"mine": metric})
        (said,) = caught.value.problems
        assert said.startswith(f"metrics.mine: {type(metric).__name__}: {problem}")

    def test_the_refusal_says_what_a_metric_is_given(self) -> None:
        with pytest.raises(ConfigError) as caught:
            ClassMetrics(CLASSES, {"mine": MulticlassConfusionMatrix(3)})
        (said,) = caught.value.problems
        assert said.endswith(
            "; it is given predictions and targets, (positions,) torch.int64, or else the probabilities of "
            "all classes, (positions, 3) torch.float32, and targets"
        )

    def test_those_of_numbers_are_given_numbers(self) -> None:
        metrics = Metrics(SequenceNumbers(("a",)), {"mae": MeanAbsoluteError()})
        metrics.update(torch.tensor([1.0, 2.0]), torch.tensor([1.5, 4.0]), torch.tensor(0.0))
        assert metrics.compute() == {"loss": 0.0, "mae": 1.25}
        with pytest.raises(ConfigError) as caught:
            Metrics(SequenceNumbers(("a",)), {"mine": MulticlassAUROC(3)})
        assert caught.value.problems[0].endswith(
            "; it is given predictions and targets, (positions,) torch.float32"
        )

    def test_what_refuses_predictions_is_given_probabilities(self) -> None:
        area, error = MulticlassAUROC(3), MulticlassCalibrationError(3)
        metrics = ClassMetrics(CLASSES, {"area": area, "error": error, "kappa": MulticlassCohenKappa(3)})
        assert metrics.further.of_probabilities.keys() == {"area", "error"}
        probabilities = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.6, 0.2, 0.2]])
        targets = torch.tensor([0, 1, 2, 2])
        ignored = torch.tensor([[0.0, 0.0, 1.0]])
        metrics.update(
            torch.tensor([0, 1, 2, 0, 1]),
            torch.tensor([*targets, IGNORED]),
            torch.tensor(0.0),
            probabilities=torch.cat([probabilities, ignored]),
        )
        found = metrics.compute()
        assert found["area"] == pytest.approx(float(MulticlassAUROC(3)(probabilities, targets)))
        assert found["error"] == pytest.approx((0.5 + 0.2 + 0.6 + 0.6) / 4)

    @pytest.mark.parametrize("metric", [BinaryAUROC(), BinaryCalibrationError()])
    def test_those_of_two_classes_are_given_the_probability_of_the_second(self, metric: Metric) -> None:
        metrics = ClassMetrics(SequenceClasses(("A", "B")), {"mine": metric})
        second, targets = torch.tensor([0.4, 0.45, 0.3, 0.2]), torch.tensor([0, 1, 1, 0])
        probabilities = torch.stack([1 - second, second], dim=1)
        metrics.update(torch.zeros(4).long(), targets, torch.tensor(0.0), probabilities=probabilities)
        assert metrics.compute()["mine"] == pytest.approx(float(metric.clone()(second, targets)))

    def test_a_head_without_probabilities_is_told_what_it_lacks(self) -> None:
        metrics = ClassMetrics(CLASSES, {"area": MulticlassAUROC(3)})
        metrics.further.check_head(TagHead(3, 3, 0.0, 0.0))
        with pytest.raises(ConfigError) as caught:
            metrics.further.check_head(nn.Linear(3, 3))
        (said,) = caught.value.problems
        assert said == (
            "metrics.area: wants the probabilities of all classes, and Linear gives none; choose a metric of "
            "predictions, or give Linear a method probabilities(scores, lengths)"
        )
        ClassMetrics(CLASSES, {"kappa": MulticlassCohenKappa(3)}).further.check_head(nn.Linear(3, 3))
