"""Read what a run folder keeps: the checked configuration and the checkpoint to use."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from omegaconf import DictConfig

from seqtrain.config import ConfigError
from seqtrain.config.saved import read_saved_config
from seqtrain.runs.folder import RunFolder


def read_config(folder: RunFolder, trusted_plugins: Collection[str] = ()) -> DictConfig:
    """The checked configuration of a run folder, as far as evaluating the run needs it.

    The folder may come from an untrusted source: see `read_saved_config`.

    Args:
        folder: of the run.
        trusted_plugins: packages whose classes the configuration may name; those that it lists itself are
            not trusted.

    Raises:
        ConfigError: the configuration cannot be read, or is refused.
    """
    return read_saved_config(folder.config_file, trusted_plugins)


def choose_checkpoint(folder: RunFolder, given: str | Path | None = None) -> Path:
    """The best checkpoint of a run, or the one that is given.

    Raises:
        ConfigError: there is no such file.
    """
    checkpoint = folder.best_checkpoint if given is None else Path(given)
    if not checkpoint.is_file():
        raise ConfigError([f"checkpoint: {checkpoint} does not exist; train first, or give checkpoint=FILE"])
    return checkpoint
