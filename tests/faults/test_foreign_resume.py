"""A run folder of someone else that is resumed or evaluated: nothing in it leads out of it, or blocks."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from disturbed_runs import raise_signal
from hydra.core.global_hydra import GlobalHydra
from small_runs import small_overrides

from seqtrain.commands import evaluate, report
from seqtrain.commands.train import main
from seqtrain.training.learner import SequenceLearner

SMALL = [*small_overrides("digits", Path()), "data_dir=none", "trainer.limit_train_batches=3"]


def link(path: Path, target: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def pipe(path: Path, _target: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    os.mkfifo(path)


STRANGE: list[tuple[str, Callable[[Path, Path], None], str]] = [
    ("train.log", link, "mine"),
    ("train.log", pipe, ""),
    ("validation", link, "."),
    ("checkpoints/last.ckpt", link, "mine"),
    ("checkpoints/last.ckpt", link, "/dev/zero"),
    ("checkpoints", link, "."),
    (".lock", link, "mine"),
    ("failure.txt", pipe, ""),
    ("deep/pipe", pipe, ""),
    ("failure.txt", link, "nowhere"),
]


@pytest.mark.parametrize(("name", "make", "target"), STRANGE)
def test_what_is_no_file_of_a_run_is_refused(
    name: str,
    make: Callable[[Path, Path], None],
    target: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (outside := tmp_path / "outside").mkdir()
    (outside / "mine").write_text("mine")
    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(SequenceLearner, "training_step", lambda *_: raise_signal(signal.SIGINT)() or 1 / 0)
        assert train(run) != 0
    assert (run / "config.yaml").exists()
    make(run / name, outside / target)
    before = sorted(tmp_path.rglob("*"))
    for command in (lambda: train(run), lambda: evaluate.main([str(run)])):
        capsys.readouterr()
        assert command() == 2
        assert f"run_dir: {run / name}: is a " in capsys.readouterr().err
    assert report.main([str(run)]) == 0
    assert (outside / "mine").read_text() == "mine"
    assert sorted(tmp_path.rglob("*")) == before


def train(run: Path) -> int:
    GlobalHydra.instance().clear()
    return main([*SMALL, f"run_dir={run}"])
