"""Less work per training step: what the trainer does around a small network takes as long as a part of it."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.profilers import PassThroughProfiler

STEP_HOOKS = (
    "on_train_batch_start",
    "on_before_zero_grad",
    "on_before_backward",
    "on_after_backward",
    "on_before_optimizer_step",
    "on_train_batch_end",
)


class NoProfiler(PassThroughProfiler):
    """Profiles nothing, without creating a context manager for each of some sixty actions per step."""

    _nothing = nullcontext()

    def profile(self, action_name: str) -> Any:
        return self._nothing


def skip_unused_hooks(owner: pl.Callback | pl.LightningModule) -> None:
    """Let the trainer pass over the hooks of a step that `owner` does not define.

    It calls all of them for every callback at every step, but skips an attribute that is not callable.
    """
    base = pl.Callback if isinstance(owner, pl.Callback) else pl.LightningModule
    for hook in STEP_HOOKS:
        if getattr(type(owner), hook) is getattr(base, hook):
            setattr(owner, hook, None)
