from importlib import import_module

import pytest
from omegaconf import OmegaConf

from seqtrain.config.aliases import MOVED, with_new_names
from seqtrain.config.resolve import resolve_tree


@pytest.mark.parametrize("path", MOVED.values())
def test_the_new_place_has_the_class(path: str) -> None:
    module, _, name = path.rpartition(".")
    assert isinstance(getattr(import_module(module), name), type)


def test_a_moved_class_is_named_by_its_new_place() -> None:
    for old in ("seqtrain.task", "seqtrain.training", "seqtrain.training.task"):
        cfg = OmegaConf.create({"task": {"_target_": f"{old}.SequenceTagging", "monitor": "val/loss"}})
        assert resolve_tree(cfg).tree["task"] == {
            "_target_": "seqtrain.tasks.SequenceTagging",
            "monitor": "val/loss",
        }


def test_only_targets_are_renamed() -> None:
    cfg = OmegaConf.create({"name": "seqtrain.task.SequenceTagging"})
    assert resolve_tree(cfg).tree == {"name": "seqtrain.task.SequenceTagging"}


def test_a_plain_tree_is_renamed_at_any_depth() -> None:
    old = {"callbacks": {"warnings": {"_target_": "seqtrain.telemetry.HealthWarnings", "patience": 3}}}
    new = {"callbacks": {"warnings": {"_target_": "seqtrain.training.HealthWarnings", "patience": 3}}}
    assert with_new_names(old) == with_new_names(new) == new


def test_old_names_of_the_telemetry_build_the_same_callbacks(compose) -> None:
    old = compose(
        "callbacks.warnings._target_=seqtrain.telemetry.HealthWarnings",
        "logger.tensorboard._target_=seqtrain.telemetry.TensorBoard",
    )
    assert old == compose()
