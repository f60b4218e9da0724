from __future__ import annotations

from pathlib import Path

import pytest
from event_files import read_scalars, read_texts
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from seqtrain.runs.folder import RunFolder
from seqtrain.training.telemetry.run_page import describe_metrics
from seqtrain.training.train import train

OFF = [
    f"callbacks.{name}=null" for name in ("hidden_states", "weights", "recurrence", "warnings", "predictions")
]


def hyperparameters(folder: Path) -> list[str]:
    events = EventAccumulator(str(folder))
    events.Reload()
    return sorted(events.summary_metadata)


def test_a_run_has_a_page_and_a_row(compose) -> None:
    cfg = compose(*OFF, task="pos")
    metrics = train(cfg, RunFolder(cfg.run_dir))
    texts = read_texts(Path(cfg.run_dir))
    start, end = texts["run/configuration"][0], texts["run/results"][12]
    assert "## Data\n\ntrain 96 sentences" in start
    assert "  hidden_size: 12\n" in start
    assert "| precision | 32-true |" in start
    assert f"| accuracy | {metrics['val/accuracy']:.4f} | {metrics['test/accuracy']:.4f} |" in end
    assert f"| NOUN | {metrics['val/f1/NOUN']:.4f} | {metrics['test/f1/NOUN']:.4f} |" in end
    tags = hyperparameters(Path(cfg.run_dir))
    assert "_hparams_/session_start_info" in tags
    scalars = read_scalars(Path(cfg.run_dir))
    assert scalars["final/val/accuracy"] == {12: pytest.approx(metrics["val/accuracy"], rel=1e-6)}
    assert not [tag for tag in scalars if "/f1/" in tag]


def test_each_part_can_be_switched_off(compose) -> None:
    cfg = compose(*OFF, "callbacks.run_page.text=false", "callbacks.run_page.hparams=false")
    train(cfg, RunFolder(cfg.run_dir))
    assert read_texts(Path(cfg.run_dir)) == {}
    assert not [tag for tag in hyperparameters(Path(cfg.run_dir)) if "hparams" in tag]


def test_metrics_that_only_one_split_has() -> None:
    page = describe_metrics(
        {"val/loss": 0.5, "test/loss": 0.25, "test/accuracy_unseen": 0.75, "epochs": 1000}
    )
    assert page == (
        "## Metrics\n\n| | val | test |\n| --- | --- | --- |\n| loss | 0.5000 | 0.2500 |\n"
        "| accuracy\\_unseen |  | 0.7500 |\n\n## Costs\n\n| | |\n| --- | --- |\n| epochs | 1,000 |"
    )


def test_the_name_of_a_class_stays_in_its_cell() -> None:
    page = describe_metrics({"val/f1/Case=Nom|Number=Sing": 0.5, "test/f1/Case=Nom|Number=Sing": 0.25})
    assert "| Case=Nom\\|Number=Sing | 0.5000 | 0.2500 |" in page
