from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from torch.utils.tensorboard import SummaryWriter

from seqtrain.errors import DataError
from seqtrain.runs.curves import Curve, read_curve, read_curves, seconds_until


def test_the_table_of_a_csv_logger(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("step,train/loss,val/accuracy\n10,0.5,\n20,,0.75\n9,,0.5\n")
    assert read_curve(tmp_path, "val/accuracy") == [(9, 0.5), (20, 0.75)]


def test_the_event_files_of_tensorboard(tmp_path: Path) -> None:
    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_scalar("val/accuracy", 0.25, 20)
        writer.add_scalar("train/loss", 9, 20)
        writer.add_scalar("val/accuracy", 0.5, 40, new_style=True)
    assert read_curve(tmp_path, "val/accuracy") == [(20, 0.25), (40, 0.5)]


def test_a_run_that_logged_nothing(tmp_path: Path) -> None:
    assert read_curve(tmp_path, "val/accuracy") == []


def test_the_time_until_a_goal_is_reached(tmp_path: Path) -> None:
    start = time.time()
    with SummaryWriter(str(tmp_path)) as writer:  # its files begin with an event of their own
        for minutes, value in [(1, 0.5), (2, 0.9), (3, 0.8), (4, 0.95)]:
            writer.add_scalar("val/accuracy", value, minutes, walltime=start + 60 * minutes)
    assert seconds_until(tmp_path, "val/accuracy", 0.75) == pytest.approx(120, abs=1)
    assert seconds_until(tmp_path, "val/accuracy", 0.95) == pytest.approx(240, abs=1)
    assert seconds_until(tmp_path, "val/accuracy", 0.96) is None
    assert seconds_until(tmp_path, "val/loss", 0.1) is None


def write(folder: Path, tag: str, points: list[tuple[int, float]]) -> None:
    with SummaryWriter(folder) as writer:
        for step, value in points:
            writer.add_scalar(tag, value, step)


def test_all_curves_of_event_files(tmp_path: Path) -> None:
    write(tmp_path, "train/loss", [(2, 0.5), (4, 0.25)])
    write(tmp_path, "val/loss", [(4, 0.75)])
    write(tmp_path, "at a glance/1 loss", [(2, 0.5), (4, 0.25)])
    write(tmp_path / "validation", "h_n/layer0/forward/mean", [(4, 0.125)])
    assert sorted(read_curves(tmp_path), key=lambda curve: curve.tag) == [
        Curve("h_n/layer0/forward/mean", "val", (4,), (0.125,)),
        Curve("train/loss", "train", (2, 4), (0.5, 0.25)),
        Curve("val/loss", "val", (4,), (0.75,)),
    ]


def test_all_curves_of_a_table(tmp_path: Path) -> None:
    text = "epoch,step,train/loss,val/loss\n0,2,0.5,\n0,4,,0.75\n1,6,0.25,\n"
    (tmp_path / "metrics.csv").write_text(text, encoding="utf-8")
    assert read_curves(tmp_path) == [
        Curve("train/loss", "train", (2, 6), (0.5, 0.25)),
        Curve("val/loss", "val", (4,), (0.75,)),
    ]


def test_a_long_curve_keeps_its_ends(tmp_path: Path) -> None:
    rows = "".join(f"{step},{step / 2}\n" for step in range(1, 1002))
    (tmp_path / "metrics.csv").write_text(f"step,train/loss\n{rows}", encoding="utf-8")
    (curve,) = read_curves(tmp_path)
    assert len(curve.steps) == 400
    assert (curve.steps[0], curve.steps[-1]) == (1, 1001)
    assert curve.values == tuple(step / 2 for step in curve.steps)


def test_no_curves(tmp_path: Path) -> None:
    assert read_curves(tmp_path) == []


def test_of_a_point_that_was_logged_twice_the_later_one_counts(tmp_path: Path) -> None:
    write(tmp_path, "train/loss", [(2, 0.5), (4, 0.25), (6, 9.0), (4, 0.75)])
    assert read_curves(tmp_path) == [Curve("train/loss", "train", (2, 4, 6), (0.5, 0.75, 9.0))]
    assert read_curve(tmp_path, "train/loss") == [(2, 0.5), (4, 0.75), (6, 9.0)]


@pytest.mark.parametrize("name", ["metrics.csv", "events.out.tfevents.1"])
def test_a_pipe_is_not_waited_for(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    assert read_curves(tmp_path) == read_curve(tmp_path, "val/loss") == []


def test_a_damaged_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("step,val/loss\n1,much\n", encoding="utf-8")
    with pytest.raises(DataError, match="its logged metrics cannot be read: could not convert string"):
        read_curves(tmp_path)


def test_of_a_damaged_event_file_the_beginning_is_read(tmp_path: Path) -> None:
    write(tmp_path, "val/loss", [(2, 0.5), (4, 0.25)])
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-5])
    assert read_curve(tmp_path, "val/loss") == [(2, 0.5)]
