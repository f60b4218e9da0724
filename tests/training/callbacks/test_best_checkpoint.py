from __future__ import annotations

from pathlib import Path

import pytest
import torch
from small_runs import without_times

from seqtrain.config import ConfigError
from seqtrain.runs.folder import RunFolder
from seqtrain.training.callbacks import BestCheckpoint
from seqtrain.training.train import train


@pytest.mark.parametrize(
    ("mode", "scores", "kept"),
    [
        ("max", [0.5, 0.7, 0.7, 0.6], [True, True, True, False]),
        ("min", [3.0, 3.0, 2.0, 2.5], [True, True, True, False]),
    ],
)
def test_no_earlier_score_beats_the_best_and_the_last_of_equals_is_kept(
    mode: str, scores: list[float], kept: list[bool]
) -> None:
    best = BestCheckpoint("best.ckpt", "val/loss", mode)
    for score, is_kept in zip(scores, kept, strict=True):
        assert best.is_best(score) == is_kept
        if is_kept:
            best.score = score


def test_nan_is_never_best() -> None:
    best = BestCheckpoint("best.ckpt", "val/loss", "min")
    assert not best.is_best(float("nan"))
    best.score = 1.0
    assert not best.is_best(float("nan"))


def test_a_resumed_run_compares_with_its_best_unless_its_file_is_gone(tmp_path: Path) -> None:
    here, gone = (BestCheckpoint(str(tmp_path / name), "val/loss", "min") for name in ("a", "b"))
    here.path.touch()
    for best in (here, gone):
        best.load_state_dict({"score": 1.0, "epoch": 3})
    assert (here.score, here.epoch) == (1.0, 3)
    assert (gone.score, gone.epoch) == (None, None)


def test_it_holds_weights_only_and_the_last_one_all_that_resuming_needs(compose) -> None:
    cfg = compose("model=lstm")
    train(cfg, RunFolder(cfg.run_dir))
    folder = RunFolder(cfg.run_dir)
    best, last = (torch.load(p, weights_only=True) for p in (folder.best_checkpoint, folder.last_checkpoint))
    assert best.keys() == {"state_dict", "spec", "epoch", "global_step", "pytorch-lightning_version"}
    assert {"optimizer_states", "lr_schedulers", "loops", "callbacks"} <= last.keys()
    assert best["state_dict"].keys() == last["state_dict"].keys()
    assert folder.best_checkpoint.stat().st_size < 0.5 * folder.last_checkpoint.stat().st_size


def test_averaged_weights_are_the_ones_kept(compose) -> None:
    cfg = compose("callbacks=average", "callbacks.average.decay=0.9", "trainer.max_epochs=1")
    train(cfg, RunFolder(cfg.run_dir))
    folder = RunFolder(cfg.run_dir)
    best, last = (torch.load(p, weights_only=True) for p in (folder.best_checkpoint, folder.last_checkpoint))
    for name, average in best["state_dict"].items():
        assert torch.equal(average, last["state_dict"][name])
        assert not torch.equal(average, last["current_model_state"][name])


def test_a_monitor_that_is_no_metric_is_refused_with_those_that_are(compose) -> None:
    cfg = compose()
    cfg.callbacks.best.monitor = "val/acuracy"
    with pytest.raises(
        ConfigError, match=r"there is no metric val/acuracy; there are val/accuracy, val/loss"
    ):
        train(cfg, RunFolder(cfg.run_dir))


def test_another_training_starts_from_its_weights(compose, tmp_path: Path) -> None:
    first = compose("trainer.max_epochs=1", f"run_dir={tmp_path / 'first'}")
    metrics = train(first, RunFolder(first.run_dir))
    best = RunFolder(first.run_dir).best_checkpoint
    second = compose(f"checkpoint={best}", "optimizer.lr=1e-9", "trainer.max_epochs=1")
    again = train(second, RunFolder(second.run_dir))
    assert again["epochs"] == 1
    assert without_times(again) == pytest.approx(without_times(metrics), abs=1e-4)
    log = (Path(second.run_dir) / "train.log").read_text()
    assert f"checkpoint  {best} has only weights: a new training starts from them" in log
