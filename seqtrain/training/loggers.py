"""The loggers of a run."""

from __future__ import annotations

import csv
from pathlib import Path

import pytorch_lightning as pl
from omegaconf import DictConfig
from pytorch_lightning.loggers import CSVLogger, Logger

from seqtrain.config import ConfigError
from seqtrain.config.problems import first_line
from seqtrain.training.construct import construct


def build_loggers(cfg: DictConfig) -> list[Logger]:
    """The loggers under `logger`: a single node, or a mapping of names to nodes; none where it is empty.

    Raises:
        ConfigError: the package that a logger needs is not installed.
    """
    node = cfg.get("logger")
    if not node:
        return []
    nodes = {"logger": node} if "_target_" in node else {f"logger.{name}": node[name] for name in node}
    return [_build(each, path) for path, each in nodes.items() if each is not None]


def _build(node: DictConfig, path: str) -> Logger:
    name = node._target_.rpartition(".")[2]
    try:
        logger: Logger = construct(node)
    except ImportError as error:
        raise ConfigError(
            [f"{path}: {name} needs a package that is not installed: {first_line(error)}"]
        ) from None
    except (TypeError, ValueError) as error:
        raise ConfigError([f"{path}: {name} cannot be built: {first_line(error)}"]) from None
    return logger


def keep_rows(trainer: pl.Trainer) -> None:
    """Let a CSV logger continue the table of an interrupted run instead of starting a new one."""
    for logger in trainer.loggers:
        if not isinstance(logger, CSVLogger):
            continue
        table = Path(logger.log_dir) / "metrics.csv"
        if table.exists():
            with table.open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            logger.experiment.metrics.extend(rows)
            logger.save()
