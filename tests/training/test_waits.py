"""No step waits for the device, and every tensor is made where it is used.

Parameters and batch lie on the `meta` device, which has shapes and no numbers: whatever would copy a number
to the CPU (`.item()`, `.tolist()`, a mask as an index) fails there. Unlike a simulated GPU it takes real
modules and backward passes where there is no CUDA. It lets some operations mix
devices, which `OneDevice` does not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from small_tasks import MAKERS, task_overrides
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from seqtrain.config import compose_config
from seqtrain.recurrence import CELLS
from seqtrain.training.build import build_data, build_learner
from seqtrain.training.learner import SequenceLearner

BACKBONES = [["model=rnn"], ["model=lstm"], ["model=gru"], ["model=bilstm"]]
CHOICES = [(task, backbone) for task in sorted(MAKERS) for backbone in BACKBONES]
CHOICES += [(task, [*backbone, "head=crf"]) for task in ("pos", "tagging") for backbone in BACKBONES]
CHOICES += [("arrays", ["model=bilstm", f"head.pooling={pooling}"]) for pooling in ("mean", "max")]
CHOICES += [("steps", ["model=bilstm", f"model.cell={cell}"]) for cell in sorted(CELLS)]
CHOICES += [("digits", ["model=gru", "members=2"])]


# What may take tensors of both: copies, and what reads the sizes of packed sequences, which stay on the CPU.
MIXED = ("_to_copy", "copy_", "_pack_padded_sequence", "_pack_padded_sequence_backward")
MIXED += ("_pad_packed_sequence", "rnn_tanh", "lstm", "gru")


class OneDevice(TorchDispatchMode):
    """Refuses operations on tensors of two devices, numbers (of no dimension) excepted, as CUDA does."""

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        tensors = [each for each in tree_leaves((arguments, options)) if isinstance(each, torch.Tensor)]
        devices = {tensor.device.type for tensor in tensors if tensor.dim() > 0}
        name = function.overloadpacket.__name__
        assert len(devices) < 2 or name in MIXED, f"{name} got tensors of {devices}"
        return function(*arguments, **(options or {}))


def on_meta(task: str, overrides: list[str], folder: Path, treebank: Path) -> tuple[SequenceLearner, Any]:
    small = ["model.hidden_size=4", "model.num_layers=2", "model.dropout=0.1", f"run_dir={folder}/run"]
    cfg = compose_config([*task_overrides(task, folder, treebank), *small, *overrides])
    data = build_data(cfg)
    data.setup()
    batch = data.corpus.splits["train"].batch(range(5))
    return build_learner(cfg, data.spec).to("meta"), batch.to("meta")


@pytest.mark.parametrize(("task", "overrides"), CHOICES, ids=lambda value: "".join(value))
def test_a_step_waits_for_nothing(task: str, overrides: list[str], tmp_path: Path, treebank: Path) -> None:
    learner, batch = on_meta(task, overrides, tmp_path, treebank)
    assert batch.lengths.device.type == "cpu"
    with OneDevice():
        loss = learner.training_step(batch, 0)["loss"]
        loss.backward()
    assert loss.is_meta
    assert all(p.grad is not None and p.grad.is_meta for p in learner.parameters() if p.requires_grad)
    metrics: Any = learner.eval().metrics("val")
    metrics.spans = None  # see below
    with torch.inference_mode(), OneDevice():
        output = learner.validation_step(batch, 0)
    assert output.loss_sum.is_meta
    assert output.predictions.is_meta


def test_spans_are_found_on_the_cpu(tmp_path: Path, treebank: Path) -> None:
    """The one that has to wait, once a batch of a validation: seqeval reads tags as text."""
    learner, batch = on_meta("tagging", [], tmp_path, treebank)
    assert learner.metrics("val").spans is not None
    learner.training_step(batch, 0)
    with torch.inference_mode(), pytest.raises(NotImplementedError, match="meta tensor"):
        learner.validation_step(batch, 0)
