"""Run folders that no training made, for reports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from seqtrain.runs.folder import flat


def write_run(
    path: Path, seed: int = 0, accuracy: float | None = None, dev: float | None = None, **changes: Any
) -> Path:
    """Write a folder as a training leaves it; unfinished where `accuracy` is None.

    `changes` are configuration keys with two underscores for each dot.
    """
    path.mkdir(parents=True)
    config = base_config(path)
    config["seed"] = seed
    for key, value in changes.items():
        *nodes, last = key.split("__")
        node = config
        for name in nodes:
            node = node[name]
        node[last] = value
    (path / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    if accuracy is not None:
        values = {"val/accuracy": dev if dev is not None else accuracy, "test/accuracy": accuracy}
        metrics = values | {"parameters": 1000, "epochs": 2, "seconds": 10.0 + seed}
        (path / "metrics.json").write_text(json.dumps(metrics))
    return path


def base_config(path: Path) -> dict[str, Any]:
    return {
        "seed": 0,
        "data_dir": "/data",
        "run_dir": str(path),
        "data": {"_target_": "seqtrain.data.Digits", "batch_size": 32},
        "model": {"_target_": "torch.nn.LSTM", "hidden_size": 64, "bidirectional": False},
        "optimizer": {"_target_": "torch.optim.AdamW", "lr": 0.001},
        "schedule": {"_target_": "torch.optim.lr_scheduler.OneCycleLR", "max_lr": 0.001},
        "logger": {"_target_": "pytorch_lightning.loggers.CSVLogger", "save_dir": f"{path}/here"},
        "task": {
            "_target_": "seqtrain.tasks.SequenceClassification",
            "monitor": "val/accuracy",
            "mode": "max",
        },
    }


def flat_config(**changes: Any) -> dict[str, Any]:
    """A configuration by dotted key."""
    return flat(base_config(Path("RUN_DIR"))) | {
        key.replace("__", "."): value for key, value in changes.items()
    }
