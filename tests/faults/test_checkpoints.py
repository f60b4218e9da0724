"""Checkpoints that were damaged, in a run that is resumed, finished or evaluated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from disturbed_runs import checkpoint, differences, run, trained
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_runs import without_times

from seqtrain.config import ConfigError
from seqtrain.runs.folder import RunFolder
from seqtrain.training.checkpoint import read_checkpoint

PATIENT = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize=True,
)


@PATIENT
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_refused_or_means_nothing(
    trained_digits: Path, tmp_path: Path, place: float, bit: int
) -> None:
    """Whatever is loaded is what was written: some bits of an archive, such as a date, have no meaning."""
    best = trained_digits / "checkpoints" / "best.ckpt"
    damaged = bytearray(best.read_bytes())
    damaged[int(place * len(damaged))] ^= 1 << bit
    path = tmp_path / "best.ckpt"
    path.write_bytes(damaged)
    try:
        read = read_checkpoint(path)
    except ConfigError:
        return
    assert differences(read, read_checkpoint(best)) == []


@PATIENT
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_is_refused(trained_digits: Path, tmp_path: Path, share: float) -> None:
    content = (trained_digits / "checkpoints" / "best.ckpt").read_bytes()
    path = tmp_path / "best.ckpt"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ConfigError, match=r"best\.ckpt is damaged \(File is not a zip file\)"):
        read_checkpoint(path)


def test_a_best_checkpoint_damaged_before_the_test_costs_no_training(
    compose, tmp_path: Path, monkeypatch
) -> None:
    import seqtrain.training.train as module

    whole = compose(f"run_dir={tmp_path / 'whole'}", "callbacks.best=null")
    cfg = compose()
    folder, fit = RunFolder(cfg.run_dir), module._fit

    def fit_and_damage(*arguments: Any) -> None:
        fit(*arguments)
        folder.best_checkpoint.write_bytes(folder.best_checkpoint.read_bytes()[:5000])

    expected = run(whole)
    monkeypatch.setattr(module, "_fit", fit_and_damage)
    metrics = run(cfg)
    assert without_times(metrics) == without_times(expected)
    log = folder.log_file.read_text()
    assert f"checkpoint: {folder.best_checkpoint} is damaged (File is not a zip file)" in log
    assert "It was replaced by the weights of the last step, which are evaluated instead." in log
    assert differences(checkpoint(cfg, "best")["state_dict"], checkpoint(cfg)["state_dict"]) == []


def test_a_damaged_last_checkpoint_is_refused_with_two_ways_out(compose, tmp_path: Path, monkeypatch) -> None:
    cfg = compose()
    folder = RunFolder(cfg.run_dir)
    with monkeypatch.context() as patch:
        patch.setattr("seqtrain.training.train.measure", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(cfg)
    folder.last_checkpoint.write_bytes(b"no archive")
    files = sorted(folder.path.rglob("*"))
    with pytest.raises(ConfigError) as refusal:
        run(cfg)
    assert refusal.value.problems == (
        f"checkpoint: {folder.last_checkpoint} is damaged (File is not a zip file); "
        "delete it and repeat the command to start this run again, "
        f"or give checkpoint={folder.best_checkpoint} to train on from its weights",
    )
    assert sorted(folder.path.rglob("*")) == files
    from_best = compose(f"checkpoint={folder.best_checkpoint}", f"run_dir={tmp_path / 'from_best'}")
    assert run(from_best)["epochs"] == 2
    folder.last_checkpoint.unlink()
    assert run(cfg)["epochs"] == 2


def test_a_foreign_checkpoint_deletes_nothing(compose, tmp_path: Path) -> None:
    """A callback's state that names an unrelated file as its own worst checkpoint."""
    precious = tmp_path / "precious.ckpt"
    precious.write_text("not to be deleted")
    target = "_target_: pytorch_lightning.callbacks.ModelCheckpoint"
    kept = f"+callbacks.kept={{{target}, monitor: val/loss, dirpath: {tmp_path}/kept}}"
    first = compose(kept, "trainer.max_epochs=1", f"run_dir={tmp_path / 'first'}")
    last = trained(first).last_checkpoint
    content = torch.load(last, weights_only=True)
    (key,) = (key for key in content["callbacks"] if key.startswith("ModelCheckpoint"))
    state = content["callbacks"][key]
    state["kth_best_model_path"] = str(precious)
    state["best_k_models"] = {str(precious): torch.tensor(1e9)}
    torch.save(content, last)
    run(compose(kept, f"checkpoint={last}", f"run_dir={tmp_path / 'second'}"))
    assert precious.read_text() == "not to be deleted"
