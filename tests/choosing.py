"""Choosing the folder of a run whose configuration names its folder by interpolation."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from omegaconf import DictConfig

from seqtrain.runs import find
from seqtrain.runs.folder import RunFolder


def config_in(cfg: DictConfig) -> Callable[[Path], DictConfig]:
    def place(path: Path) -> DictConfig:
        here = cfg.copy()
        here.run_dir = str(path)
        return here

    return place


def choose_run_folder(cfg: DictConfig, is_given: bool) -> RunFolder:
    return find.choose_run_folder(Path(cfg.run_dir), config_in(cfg), is_given)


def chosen_folder(cfg: DictConfig, is_given: bool) -> AbstractContextManager[RunFolder]:
    return find.chosen_folder(Path(cfg.run_dir), config_in(cfg), is_given)
