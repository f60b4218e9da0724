from __future__ import annotations

from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from seqtrain.analysis.curves import Curve, read_curves


def write(folder: Path, tag: str, points: list[tuple[int, float]]) -> None:
    with SummaryWriter(folder) as writer:
        for step, value in points:
            writer.add_scalar(tag, value, step)


def test_event_files(tmp_path: Path) -> None:
    write(tmp_path, "train/loss", [(2, 0.5), (4, 0.25)])
    write(tmp_path, "val/loss", [(4, 0.75)])
    write(tmp_path, "at a glance/1 loss", [(2, 0.5), (4, 0.25)])
    write(tmp_path / "validation", "h_n/layer0/forward/mean", [(4, 0.125)])
    assert sorted(read_curves(tmp_path), key=lambda curve: curve.tag) == [
        Curve("h_n/layer0/forward/mean", "val", (4,), (0.125,)),
        Curve("train/loss", "train", (2, 4), (0.5, 0.25)),
        Curve("val/loss", "val", (4,), (0.75,)),
    ]


def test_a_table(tmp_path: Path) -> None:
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


def test_no_logs(tmp_path: Path) -> None:
    assert read_curves(tmp_path) == []
