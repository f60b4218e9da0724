"""How the trainer reads and writes checkpoint files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lightning_fabric.plugins.io.checkpoint_io import CheckpointIO

from seqtrain.training.checkpoint import read_checkpoint, weights_of, write_checkpoint

WEIGHTS_ONLY = {"weights_only": True}  # a storage option of `Trainer.save_checkpoint`

# What resuming needs; the rest of a file is ignored, such as names of classes that Lightning would import.
RESUMED = {
    *("state_dict", "spec", "epoch", "global_step", "pytorch-lightning_version"),
    *("loops", "callbacks", "optimizer_states", "lr_schedulers"),
    *("current_model_state", "averaging_state"),  # of averaged weights
    *("MixedPrecision", "native_amp_scaling_state"),
}
PATHS = ("dirpath", "best_model_path", "kth_best_model_path", "last_model_path", "best_k_models")


class LocalCheckpointIO(CheckpointIO):
    """Writes local files atomically, and reads only what resuming needs.

    Lightning's default writes to a temporary folder, which may be on another filesystem, so that a kill can
    leave an empty file; and it trusts every path in a checkpoint.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        write_checkpoint(
            weights_of(checkpoint) if storage_options == WEIGHTS_ONLY else checkpoint, Path(path)
        )

    def load_checkpoint(
        self, path: str | Path, map_location: Any | None = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        saved = read_checkpoint(Path(path))
        resumed = {key: value for key, value in saved.items() if key in RESUMED}
        resumed["callbacks"] = dict(_safe_states(saved.get("callbacks", {}), Path(path).parent))
        return resumed

    def remove_checkpoint(self, path: str | Path) -> None:
        Path(path).unlink(missing_ok=True)


def _safe_states(states: dict[str, Any], folder: Path) -> Iterator[tuple[str, Any]]:
    """The states of callbacks, without those that name a file outside of the checkpoint's folder.

    ModelCheckpoint deletes the files that its state names.
    """
    for key, state in states.items():
        if not key.startswith("ModelCheckpoint") or _stays_inside(state, folder):
            yield key, state
    last = states.get("LastCheckpoint", {})
    if "Throughput" not in states and "seconds" in last:  # written by version 0.1
        yield "Throughput", {"seconds": last["seconds"], "num_trained": last.get("num_trained")}


def _stays_inside(state: dict[str, Any], folder: Path) -> bool:
    named = [state.get(key) for key in PATHS]
    paths = [path for value in named for path in ([value] if isinstance(value, str) else value or [])]
    return all(Path(path).resolve().is_relative_to(folder.resolve()) for path in paths if path)
