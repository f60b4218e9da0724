from __future__ import annotations

import time
from pathlib import Path

import pytest
from torch.utils.tensorboard import SummaryWriter

from seqtrain.runs.report.collect import Run
from seqtrain.runs.report.curves import read_curve, seconds_until


def run(path: Path) -> Run:
    return Run(path, {}, {}, "done")


def test_the_table_of_a_csv_logger(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("step,train/loss,val/accuracy\n10,0.5,\n20,,0.75\n9,,0.5\n")
    assert read_curve(run(tmp_path), "val/accuracy") == [(9, 0.5), (20, 0.75)]


def test_the_event_files_of_tensorboard(tmp_path: Path) -> None:
    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_scalar("val/accuracy", 0.25, 20)
        writer.add_scalar("train/loss", 9, 20)
        writer.add_scalar("val/accuracy", 0.5, 40, new_style=True)
    assert read_curve(run(tmp_path), "val/accuracy") == [(20, 0.25), (40, 0.5)]


def test_a_run_that_logged_nothing(tmp_path: Path) -> None:
    assert read_curve(run(tmp_path), "val/accuracy") == []


def test_the_time_until_a_goal_is_reached(tmp_path: Path) -> None:
    start = time.time()
    with SummaryWriter(str(tmp_path)) as writer:  # its files begin with an event of their own
        for minutes, value in [(1, 0.5), (2, 0.9), (3, 0.8), (4, 0.95)]:
            writer.add_scalar("val/accuracy", value, minutes, walltime=start + 60 * minutes)
    assert seconds_until(tmp_path, "val/accuracy", 0.75) == pytest.approx(120, abs=1)
    assert seconds_until(tmp_path, "val/accuracy", 0.95) == pytest.approx(240, abs=1)
    assert seconds_until(tmp_path, "val/accuracy", 0.96) is None
    assert seconds_until(tmp_path, "val/loss", 0.1) is None
