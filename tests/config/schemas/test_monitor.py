import pytest

from seqtrain.config.schemas.schema import Tree
from seqtrain.config.schemas.seqtrain import find_bad_monitor


def problems(task: str, **node: str) -> list[str]:
    checkpoint: Tree = {"_target_": "seqtrain.training.BestCheckpoint", **node}
    tree = {
        "task": {"_target_": f"seqtrain.tasks.{task}", "monitor": "val/accuracy", "mode": "max"},
        "callbacks": {"mine": checkpoint},
    }
    return list(find_bad_monitor("callbacks.mine", checkpoint, tree))


@pytest.mark.parametrize("task", ["SequenceTagging", "SequenceClassification"])
def test_a_metric_of_every_task(task: str) -> None:
    assert problems(task, monitor="val/loss", mode="min") == []
    assert problems(task, monitor="val/loss") == []  # min is Lightning's default
    assert problems(task) == []


def test_a_metric_of_tags_alone() -> None:
    assert problems("SequenceTagging", monitor="val/span_f1", mode="max") == []
    (problem,) = problems("SequenceClassification", monitor="val/span_f1", mode="max")
    assert problem.startswith("callbacks.mine.monitor: got 'val/span_f1', expected one of val/loss, ")


def test_a_mode_that_prefers_the_worse() -> None:
    assert problems("SequenceTagging", monitor="val/macro_f1", mode="min") == [
        "callbacks.mine.mode: got min, but a higher val/macro_f1 is better; give callbacks.mine.mode=max"
    ]


def test_metrics_of_the_configuration() -> None:
    task = {"_target_": "seqtrain.tasks.SequenceTagging", "monitor": "val/kappa", "mode": "max"}
    tree = {"task": task, "metrics": {"kappa": {}}}
    assert list(find_bad_monitor("task", task, tree)) == []
    (problem,) = find_bad_monitor("task", task, {"task": task, "metrics": {"mcc": {}}})
    assert problem.startswith("task.monitor: got 'val/kappa', expected one of ")
    assert "val/mcc" in problem


def test_the_metrics_of_a_users_own_task_are_not_judged() -> None:
    assert problems("Mine", monitor="val/mine") == []
