from __future__ import annotations

import json
from pathlib import Path

from omegaconf import OmegaConf
from small_runs import load_learner

from seqtrain.training.build import build_data
from seqtrain.training.train import measure
from seqtrain.training.trainer import build_evaluator


def test_the_metrics_of_both_parts_are_those_of_the_run(trained_digits: Path) -> None:
    cfg = OmegaConf.load(trained_digits / "config.yaml")
    learner = load_learner(cfg, trained_digits / "checkpoints" / "best.ckpt")
    kept = json.loads((trained_digits / "metrics.json").read_text())
    expected = {name: value for name, value in kept.items() if name.startswith(("val/", "test/"))}
    assert measure(build_evaluator(cfg.trainer), learner, build_data(cfg)) == expected
