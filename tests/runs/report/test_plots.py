from __future__ import annotations

import io
from pathlib import Path

import pytest
from made_up_runs import write_run
from matplotlib.figure import Figure

from seqtrain.config import ConfigError
from seqtrain.runs.files import save_picture
from seqtrain.runs.report.collect import Run, collect_runs
from seqtrain.runs.report.plots import draw_curves, draw_heat_map, draw_metric


def svg(figure: Figure) -> str:
    file = io.BytesIO()
    save_picture(figure, file, ".svg")
    return file.getvalue().decode()


@pytest.fixture
def runs(tmp_path: Path) -> list[Run]:
    for size in (32, 64):
        for lr in (0.1, 0.2):
            for seed in (0, 1):
                changes = {"model__hidden_size": size, "optimizer__lr": lr}
                path = write_run(tmp_path / f"{size}-{lr}-{seed}", seed, 0.5 + lr + size / 1000, **changes)
                (path / "metrics.csv").write_text(f"step,val/accuracy\n1,{lr}\n2,{2 * lr}\n")
    return list(collect_runs([tmp_path]).runs)


def test_a_line_for_each_combination_of_the_other_axes(runs: list[Run]) -> None:
    text = svg(draw_metric(runs, "", "hidden_size"))
    assert all(f"<!-- {label} -->" in text for label in ("lr=0.1", "lr=0.2", "hidden_size", "test/accuracy"))


def test_a_heat_map_shows_each_mean(runs: list[Run]) -> None:
    text = svg(draw_heat_map(runs, "", "hidden_size", "lr"))
    assert all(f"<!-- {mean} -->" in text for mean in ("0.6320", "0.6640", "0.7320", "0.7640"))


def test_the_seed_can_be_an_axis(runs: list[Run], tmp_path: Path) -> None:
    path = write_run(tmp_path / "1-more", 7, 0.9, model__hidden_size=32, optimizer__lr=0.1)
    runs += collect_runs([path]).runs
    text = svg(draw_heat_map(runs, "", "seed", "hidden_size"))
    assert all(f"<!-- {seed} -->" in text for seed in (0, 1, 7))
    assert "<!-- 0.9000 -->" in text
    assert "<!-- hidden_size=32, lr=0.1 -->" in svg(draw_metric(runs, "", "seed"))


def test_classes_can_be_an_axis(tmp_path: Path) -> None:
    for name in ("LSTM", "GRU"):
        write_run(tmp_path / name, accuracy=0.9, model___target_=f"torch.nn.{name}")
    text = svg(draw_metric(collect_runs([tmp_path]).runs, "", "model"))
    assert all(f"<!-- {label} -->" in text for label in ("LSTM", "GRU", "model"))


def test_learning_curves_have_one_entry_for_all_seeds(runs: list[Run]) -> None:
    assert svg(draw_curves(runs, "")).count("<!-- hidden_size=32, lr=0.1 -->") == 1


def test_nothing_logged_is_said(runs: list[Run]) -> None:
    with pytest.raises(ConfigError, match="curves: none of 8 runs logged val/f1"):
        draw_curves(runs, "val/f1")


def test_a_picture_tells_what_its_points_leave_out(tmp_path: Path) -> None:
    for seed in range(3):
        for size in (1, 2):
            for rate in (0.1, 0.2):
                accuracy = None if size == 2 and seed else 0.5
                name = tmp_path / f"{size} {rate} {seed}"
                write_run(name, seed, accuracy, model__hidden_size=size, optimizer__lr=rate)
    runs = collect_runs([tmp_path]).runs
    text = svg(draw_metric(runs, "", "hidden_size"))
    for rate in (0.1, 0.2):
        assert f"hidden_size=2, lr={rate}: 1 of 3, 2 unfinished" in text
    assert "mean over lr" in svg(draw_heat_map(runs, "", "hidden_size", "seed"))
