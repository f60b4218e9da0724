from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from made_up_example import examined_example

from seqtrain.analysis.examine import ExaminedExample, examine
from seqtrain.analysis.gradients import (
    gradient_norms,
    gradient_through_time,
    norms_by_distance,
    trace_network,
)
from seqtrain.analysis.places import name_place
from seqtrain.analysis.report import Report, _name_run
from seqtrain.analysis.sample import load_dev
from seqtrain.spec import DataSpec, SequenceClasses, VectorInputs
from seqtrain.training.network import construct


def example(by_distance: list[list[float]]) -> ExaminedExample:
    """One layer with a unit in each direction, whose gradients by distance from the loss are given."""
    steps = np.zeros((1, len(by_distance), len(by_distance[0]), 1), np.float32)
    norms = tuple(np.array(norms, np.float32) for norms in by_distance)
    return examined_example({"h": steps}, (0,), (norms,))


def report(*examples: ExaminedExample) -> Report:
    return Report(
        "run", (), DataSpec(VectorInputs(feature_size=1), SequenceClasses(("a", "b"))), examples, (), {}, None
    )


def test_the_mean_is_over_the_examples_that_have_so_many_steps_before_the_loss() -> None:
    found = report(example([[1, 2, 4], [4, 2]]), example([[3, 0], [5]])).gradient_through_time
    np.testing.assert_array_equal(found, [[[2, 1, 4], [4.5, 2, np.nan]]])


@pytest.mark.parametrize("fixture", ["tagger", "classifier"])
def test_the_gradient_through_time_is_that_of_tensorboard(fixture: str, request) -> None:
    """One run and sample, one number."""
    cfg, network, spec = request.getfixturevalue(fixture)
    dev = load_dev(construct(cfg.data), spec)
    indices = [0, 3, 5, 8, 2]
    found = report(*examine(network, spec, dev, indices, "dev")).gradient_through_time
    batch = dev.batch(indices)
    traced = trace_network(network, batch)
    distances = norms_by_distance(network, batch, traced, gradient_norms(network, batch, traced))
    assert len(distances) == found.shape[0] * found.shape[1]
    for layer, direction in np.ndindex(found.shape[:2]):
        logged = gradient_through_time(distances[name_place(layer, direction)])
        np.testing.assert_allclose(found[layer, direction], logged, rtol=1e-4)


def test_the_run_folder_gives_metrics_curves_and_confusions(tagger_report: Report, trained_pos: Path) -> None:
    assert tagger_report.metrics == json.loads((trained_pos / "metrics.json").read_text())
    assert {"train/loss", "val/loss", "val/accuracy"} <= {curve.tag for curve in tagger_report.curves}
    assert tagger_report.confusions is not None
    counts = np.array(tagger_report.confusions)
    assert counts.trace() / counts.sum() == pytest.approx(tagger_report.metrics["test/accuracy"])


def test_a_tagger_has_a_target_per_step(tagger_report: Report, classifier_report: Report) -> None:
    assert tagger_report.spec.targets.per_step
    assert not classifier_report.spec.targets.per_step


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
