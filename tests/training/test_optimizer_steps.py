"""Real optimizer steps of what the configuration allows, in the precision that a GPU would have."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from omegaconf import DictConfig
from pytorch_lightning.plugins.precision import MixedPrecision
from small_tasks import MAKERS, task_overrides
from torch import Tensor

from seqtrain.config import CONFIG_DIR, ConfigError, compose_config
from seqtrain.training.build import build_data, build_learner, build_trainer
from seqtrain.training.trainer import choose_precision

TASKS = sorted(path.stem for path in (CONFIG_DIR / "task").glob("*.yaml"))
OPTIMIZERS = sorted(path.stem for path in (CONFIG_DIR / "optimizer").glob("*.yaml"))
QUIET = ["callbacks=minimal", "logger=none", "trainer.max_epochs=1"]
STEPS = 3
SMALL = [*QUIET, "model=bilstm", "model.hidden_size=4", "data.batch_size=8"]
SMALL += [f"trainer.limit_{split}_batches={STEPS}" for split in ("train", "val")]


class Norms(pl.Callback):
    """The norm of all gradients before each optimizer step, and whether it has changed the weights."""

    def __init__(self) -> None:
        self.norms: list[float] = []

    def on_before_optimizer_step(self, trainer, learner, optimizer) -> None:
        gradients = [p.grad for p in learner.parameters() if p.grad is not None]
        self.norms.append(float(torch.nn.utils.get_total_norm(gradients)))


def on_a_gpu(cfg: DictConfig, monkeypatch: pytest.MonkeyPatch) -> DictConfig:
    """The configuration with the precision that it has on a GPU, to run on the CPU."""
    with monkeypatch.context() as patch:
        patch.setattr(torch.cuda, "is_available", lambda: True)
        patch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
        cfg.trainer.precision = choose_precision(cfg.trainer)
    cfg.trainer.accelerator = "cpu"
    return cfg


def fit(cfg: DictConfig, scaler: Any = None) -> tuple[list[Tensor], list[float]]:
    """Train: the changes of all weights, and the norms of all gradients before clipping.

    Lightning has no 16-mixed on the CPU and takes bf16-mixed instead. With a `scaler` there is its stand-in:
    autocast to float16 and scaled gradients, as on a GPU.
    """
    pl.seed_everything(0, verbose=False)
    data = build_data(cfg)
    data.setup()
    learner, norms = build_learner(cfg, data.spec), Norms()
    before = [p.detach().clone() for p in learner.parameters() if p.requires_grad]
    trainer = build_trainer(cfg, [norms])
    Path(cfg.run_dir).mkdir(exist_ok=True)
    if scaler is not None:
        trainer.strategy.precision_plugin = MixedPrecision("16-mixed", "cpu", scaler)
    trainer.fit(learner, data)
    after = [p.detach() for p in learner.parameters() if p.requires_grad]
    return [b - a for a, b in zip(before, after, strict=True)], norms.norms


def assert_trained(changes: list[Tensor], norms: list[float]) -> None:
    assert len(norms) == STEPS
    assert all(0 < norm < 20 for norm in norms)  # a scale of 65,536 would show
    assert all(bool(change.isfinite().all()) for change in changes)
    assert all(bool(change.any()) for change in changes)


@pytest.mark.parametrize("trainer", ["default", "gpu"])
@pytest.mark.parametrize("model", ["lstm", "bilstm"])
@pytest.mark.parametrize("task", TASKS)
def test_what_a_gpu_would_run_by_default_trains(
    task: str, model: str, trainer: str, tmp_path: Path, treebank: Path, monkeypatch
) -> None:
    files = task_overrides(task, tmp_path, treebank)
    overrides = [*SMALL, f"trainer={trainer}", f"model={model}", f"run_dir={tmp_path}/run"]
    cfg = on_a_gpu(compose_config([*files, *overrides]), monkeypatch)
    assert cfg.trainer.precision == "bf16-mixed"
    assert cfg.optimizer.fused
    assert cfg.trainer.gradient_clip_val == 1.0
    assert_trained(*fit(cfg))


def test_every_task_is_tried() -> None:
    assert sorted(MAKERS) == TASKS


CLIPPING = {
    "none": ["trainer.gradient_clip_val=null"],
    "norm": ["trainer.gradient_clip_val=0.1"],
    "value": ["trainer.gradient_clip_val=0.1", "trainer.gradient_clip_algorithm=value"],
}
KERNELS = {
    "as given": [],
    "fused": ["++optimizer.fused=true"],
    "foreach": ["++optimizer.fused=false", "++optimizer.foreach=true"],
    "one by one": ["++optimizer.fused=false", "++optimizer.foreach=false"],
    "both": ["++optimizer.fused=true", "++optimizer.foreach=true"],
}
REFUSED = (
    "optimizer.foreach: true and optimizer.fused=true are two ways of doing the same; "
    "give optimizer.fused=false",
)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_trains_in_every_precision_however_it_clips_or_is_refused(
    optimizer: str, precision: str, tmp_path: Path
) -> None:
    for clipping, kernel in itertools.product(CLIPPING, KERNELS):
        run = [f"optimizer={optimizer}", f"trainer.precision={precision}", f"run_dir={tmp_path}/run"]
        overrides = [*SMALL, *run, *CLIPPING[clipping], *KERNELS[kernel]]
        if kernel == "both":
            with pytest.raises(ConfigError) as caught:
                compose_config(overrides)
            assert caught.value.problems == REFUSED
            continue
        cfg = compose_config(overrides)
        cfg.trainer.accelerator = "cpu"
        scaler = None
        if precision == "16-mixed":
            cfg.trainer.precision, scaler = "32-true", torch.amp.GradScaler("cpu")
        assert_trained(*fit(cfg, scaler))


@pytest.mark.parametrize("clipping", CLIPPING)
@pytest.mark.parametrize("scaled", [False, True], ids=["bf16-mixed", "16-mixed"])
def test_a_fused_optimizer_takes_the_steps_of_any_other(scaled: bool, clipping: str, tmp_path: Path) -> None:
    """Clipped gradients are those of the loss, not of a scaled loss: SGD shows them in the weights."""
    run = [
        "optimizer=sgd",
        "trainer.precision=bf16-mixed",
        "trainer.accelerator=cpu",
        f"run_dir={tmp_path}/run",
    ]
    results = []
    for fused in ("true", "false"):
        cfg = compose_config([*SMALL, *run, *CLIPPING[clipping], f"+optimizer.fused={fused}"])
        results.append(fit(cfg, torch.amp.GradScaler("cpu") if scaled else None))
    (ours, our_norms), (theirs, their_norms) = results
    assert our_norms == pytest.approx(their_norms, rel=1e-3)
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-6)
