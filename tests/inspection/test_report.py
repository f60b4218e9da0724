from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seqtrain.inspection.examine import Example
from seqtrain.inspection.report import Report, _name_run
from seqtrain.records import DataSpec


def example(gradient: list[list[float]]) -> Example:
    """One layer with a unit in each direction, whose gradients by step are given."""
    values = np.array(gradient, np.float32)[None, :, :, None]
    return Example("dev 1", None, None, (0,), (0,), (1.0,), {"h": values, "gradient": values})


def report(*examples: Example) -> Report:
    return Report("run", (), DataSpec(("a", "b")), examples, (), {}, None)


def test_gradients_are_lined_up_where_each_direction_ends() -> None:
    found = report(example([[1, 2, 4], [4, 2, 1]]), example([[3, 16], [16, 3]])).gradient_through_time
    np.testing.assert_allclose(found, [[[8, 6**0.5, 1], [8, 6**0.5, 1]]], rtol=1e-6)


def test_a_loss_at_each_step_is_paired_with_earlier_states() -> None:
    reach = np.array(
        [[[1, 0, 0], [4, 1, 0], [16, 4, 1]]], np.float32
    )  # by the time of the loss, then of the state
    both = np.stack([reach, reach.transpose(0, 2, 1)], axis=1)
    found = report(replace(example([[9, 9, 9], [9, 9, 9]]), reach=both)).gradient_through_time
    np.testing.assert_allclose(found, [[[1, 4, 16], [1, 4, 16]]], rtol=1e-6)


def test_steps_without_a_gradient_are_left_out_of_the_mean() -> None:
    found = report(example([[0, 2, 4]]), example([[5, 2, 4]])).gradient_through_time
    np.testing.assert_allclose(found, [[[4, 2, 5]]], rtol=1e-6)
    nothing = report(example([[0, 2]])).gradient_through_time
    assert nothing[0, 0, 0] == pytest.approx(2)
    assert np.isnan(nothing[0, 0, 1])


def test_the_run_folder_gives_metrics_curves_and_confusions(tagger_report: Report, trained_pos: Path) -> None:
    assert tagger_report.metrics == json.loads((trained_pos / "metrics.json").read_text())
    assert {"train/loss", "val/loss", "val/accuracy"} <= {curve.tag for curve in tagger_report.curves}
    assert tagger_report.confusions is not None
    counts = np.array(tagger_report.confusions)
    assert counts.trace() / counts.sum() == pytest.approx(tagger_report.metrics["test/accuracy"])


def test_a_tagger_has_a_target_per_step(tagger_report: Report, classifier_report: Report) -> None:
    assert tagger_report.has_target_per_step
    assert not classifier_report.has_target_per_step


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("/home/me/runs/pos/bilstm/2026-11-21_10-00-00", "pos/bilstm/2026-11-21_10-00-00"),
        ("/runs/old/runs/sweeps/digits-seed/seed=1-3f2a", "sweeps/digits-seed/seed=1-3f2a"),
        ("/home/me/mine", "mine"),
        ("/home/me/runs", "runs"),
    ],
)
def test_a_run_is_named_by_its_path_below_runs(folder: str, name: str) -> None:
    assert _name_run(Path(folder)) == name
