from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from seqtrain.runs.folder import RunFolder

Begin = Callable[..., RunFolder]


@pytest.fixture
def cfg(tmp_path: Path) -> DictConfig:
    """A small configuration, whose run folder does not exist yet."""
    run_dir = tmp_path / "runs" / "digits" / "lstm" / "2024-01-01_00-00-00"
    return OmegaConf.create(
        {"run_dir": str(run_dir), "checkpoint": None, "seed": 0, "model": {"hidden_size": 4}, "logger": None}
    )


@pytest.fixture
def begin(cfg: DictConfig) -> Begin:
    """Makes a folder in which a run of this configuration was interrupted."""

    def make(name: str, **changed: object) -> RunFolder:
        folder = RunFolder(Path(cfg.run_dir).with_name(name))
        folder.make()
        own = cfg.copy()
        own.run_dir = str(folder.path)
        for key, value in changed.items():
            own[key] = value
        folder.write_config(own)
        return folder

    return make
