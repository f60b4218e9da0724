from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from seqtrain.spec import DataSpec, SequenceClasses, VectorInputs
from seqtrain.training.checkpoint_io import WEIGHTS_ONLY, LocalCheckpointIO

WHOLE = {
    "state_dict": {"weight": torch.zeros(2)},
    "spec": DataSpec(VectorInputs(feature_size=3), SequenceClasses(("A", "B"))).to_dict(),
    "epoch": 1,
    "optimizer_states": [{"state": {}}],
    "callbacks": {"BestCheckpoint": {"score": 0.5, "epoch": 1}},
}


def through(tmp_path: Path, **changes: Any) -> dict[str, Any]:
    """What a training resumes from, of a checkpoint with these changes."""
    checkpoint_io = LocalCheckpointIO()
    path = tmp_path / "run" / "checkpoints" / "last.ckpt"
    checkpoint_io.save_checkpoint(WHOLE | changes, path)
    return checkpoint_io.load_checkpoint(path)


def test_the_state_of_a_training_comes_back(tmp_path: Path) -> None:
    resumed = through(tmp_path)
    assert resumed.keys() == WHOLE.keys()
    assert resumed["callbacks"] == WHOLE["callbacks"]


def test_weights_only_leaves_the_optimizer_out(tmp_path: Path) -> None:
    path = tmp_path / "best.ckpt"
    LocalCheckpointIO().save_checkpoint(WHOLE, path, storage_options=WEIGHTS_ONLY)
    assert torch.load(path, weights_only=True).keys() == {"state_dict", "spec", "epoch"}


def test_what_no_training_needs_is_not_taken(tmp_path: Path) -> None:
    foreign = {"hyper_parameters": {"network": 1}, "datamodule_hyper_parameters": {}, "SomeDataModule": {}}
    assert through(tmp_path, **foreign).keys() == WHOLE.keys()


@pytest.mark.parametrize("key", ["kth_best_model_path", "best_model_path", "last_model_path", "dirpath"])
def test_no_path_out_of_the_folder_is_taken(tmp_path: Path, key: str) -> None:
    folder = tmp_path / "run" / "checkpoints"
    inside = {"dirpath": str(folder), "best_model_path": str(folder / "best.ckpt"), "best_k_models": {}}
    states = {"ModelCheckpoint{'monitor': None}": inside}
    assert through(tmp_path, callbacks=states)["callbacks"] == states
    for path in (tmp_path / "precious", folder / ".." / ".." / "precious"):
        outside = {"ModelCheckpoint{'monitor': None}": inside | {key: str(path)}}
        assert through(tmp_path, callbacks=outside)["callbacks"] == {}
        many = {"ModelCheckpoint": inside | {"best_k_models": {str(path): torch.tensor(0.0)}}}
        assert through(tmp_path, callbacks=many)["callbacks"] == {}


def test_the_clock_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    last = {"seconds": 12.5, "num_trained": 700, "should_stop": False}
    callbacks = through(tmp_path, callbacks={"LastCheckpoint": last})["callbacks"]
    assert callbacks == {"LastCheckpoint": last, "Throughput": {"seconds": 12.5, "num_trained": 700}}
    del last["num_trained"]
    callbacks = through(tmp_path, callbacks={"LastCheckpoint": last})["callbacks"]
    assert callbacks["Throughput"] == {"seconds": 12.5, "num_trained": None}


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    path.write_bytes(b"x")
    LocalCheckpointIO().remove_checkpoint(path)
    LocalCheckpointIO().remove_checkpoint(path)
    assert not path.exists()
