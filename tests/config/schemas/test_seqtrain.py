from __future__ import annotations

import pytest

from seqtrain.config import CONFIG_DIR
from seqtrain.config.schemas.schema import Tree
from seqtrain.config.schemas.seqtrain import ROOT, SAVED, find_bad_monitor


def test_what_a_run_folder_must_have_is_part_of_a_whole_configuration() -> None:
    assert SAVED.kinds.items() <= ROOT.kinds.items()
    assert SAVED.required < ROOT.required
    assert "members" not in SAVED.required  # the first version had none


def test_every_mapping_of_the_root_is_a_group_of_files() -> None:
    groups = {folder.name for folder in CONFIG_DIR.iterdir() if folder.is_dir()}
    mappings = {key for key, kind in ROOT.kinds.items() if "dict" in str(kind)}
    assert groups - mappings == {"experiment", "hydra", "search"}
    assert mappings <= groups


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
