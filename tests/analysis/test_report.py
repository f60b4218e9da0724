from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from made_up_example import examined_example
from sklearn.metrics import roc_auc_score
from torch import nn

from seqtrain.analysis.examine import ExaminedExample, examine
from seqtrain.analysis.gradients import (
    gradient_norms,
    gradient_through_time,
    norms_by_distance,
    trace_network,
)
from seqtrain.analysis.report import Report, _name_run, describe_run, selectivity
from seqtrain.analysis.sample import load_dev
from seqtrain.model import BiLSTM, Ensemble, Network, RecurrentBackbone, TagHead, VectorEncoder
from seqtrain.model.ensemble import first_member
from seqtrain.spec import DataSpec, SequenceClasses, VectorInputs
from seqtrain.training.network import construct


def example(**by_distance: list[float]) -> ExaminedExample:
    """A sequence whose gradients by distance from the loss are given."""
    norms = {name: np.array(values, np.float32) for name, values in by_distance.items()}
    return examined_example({"h": np.zeros((1, 1, 1, 1), np.float32)}, (0,), norms)


def report(*examples: ExaminedExample) -> Report:
    spec = DataSpec(VectorInputs(feature_size=1), SequenceClasses(("a", "b")))
    return Report("run", (), spec, examples, (), {}, None)


def test_the_mean_is_over_the_examples_that_have_so_many_steps_before_the_loss() -> None:
    examples = example(a=[1, 2, 4], b=[4, 2]), example(a=[3, 0], b=[5])
    found = report(*examples).gradient_through_time
    assert {name: means.tolist() for name, means in found.items()} == {"a": [2, 1, 4], "b": [4.5, 2]}


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
    assert list(distances) == list(found)
    for name, logged in distances.items():
        torch.testing.assert_close(found[name], gradient_through_time(logged), rtol=1e-4, atol=0)


def test_the_run_folder_gives_metrics_curves_and_confusions(tagger_report: Report, trained_pos: Path) -> None:
    assert tagger_report.metrics == json.loads((trained_pos / "metrics.json").read_text())
    assert {"train/loss", "val/loss", "val/accuracy"} <= {curve.tag for curve in tagger_report.curves}
    assert tagger_report.confusions is not None
    counts = np.array(tagger_report.confusions)
    assert counts.trace() / counts.sum() == pytest.approx(tagger_report.metrics["test/accuracy"])


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


def example_of(h: np.ndarray, targets: tuple[int, ...] | None) -> ExaminedExample:
    return examined_example({"h": h.astype(np.float32)}, targets)


def test_areas_of_tags_are_sklearns() -> None:
    draw = np.random.default_rng(0)
    states = [np.round(draw.normal(size=(2, 2, steps, 3)), 1) for steps in (30, 1, 25)]
    examples = [example_of(each, tuple(draw.integers(0, 3, each.shape[2]).tolist())) for each in states]
    targets = np.concatenate([each.targets for each in examples])
    h = np.concatenate([each.signals["h"] for each in examples], axis=2)
    areas = selectivity(examples, 3)
    assert areas.shape == (2, 2, 3, 3)
    for (layer, direction, unit, target), area in np.ndenumerate(areas):
        expected = roc_auc_score(targets == target, h[layer, direction, :, unit])
        assert area == pytest.approx(expected, abs=1e-12)


def test_a_class_is_read_where_each_direction_ends() -> None:
    draw = np.random.default_rng(1)
    classes = [0, 1] * 10
    h = [draw.normal(size=(1, 2, 4, 1)) for _ in classes]
    for states, target in zip(h, classes, strict=True):
        states[0, 0, -1], states[0, 1, 0] = target, -target
    areas = selectivity([example_of(states, (target,)) for states, target in zip(h, classes, strict=True)], 2)
    assert areas[0, :, 0, 1].tolist() == [1, 0]


def test_too_few_positions_say_nothing() -> None:
    h = np.arange(9.0).reshape(1, 1, 9, 1)
    areas = selectivity([example_of(h, (0, 0, 0, 0, 0, 1, 1, 1, 1))], 3)
    assert np.isnan(areas).all()  # five of target 0, but only four others
    areas = selectivity([example_of(np.arange(10.0).reshape(1, 1, 10, 1), (0, 0, 0, 0, 0, 1, 1, 1, 1, 1))], 3)
    assert areas[0, 0, 0, :2].tolist() == [0, 1]
    assert np.isnan(areas[0, 0, 0, 2])


def test_a_tag_that_training_lacked_does_not_count() -> None:
    h = np.arange(12.0).reshape(1, 1, 12, 1)
    areas = selectivity([example_of(h, (-100, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, -100))], 2)
    assert areas[0, 0, 0].tolist() == [0, 1]


def test_without_targets_nothing_is_known() -> None:
    assert np.isnan(selectivity([example_of(np.zeros((1, 1, 3, 2)), None)], 4)).all()


def network(rnn: nn.Module) -> Network:
    encoder = VectorEncoder(DataSpec(VectorInputs(feature_size=rnn.input_size), SequenceClasses(("a", "b"))))
    return Network(encoder, RecurrentBackbone(rnn), TagHead(4, 2, 0.0, 0.0))


@pytest.mark.parametrize(
    ("rnn", "words"),
    [
        (nn.GRU(2, 4), "GRU, 1 layer of 4 units, forward"),
        (BiLSTM(2, 2, 2), "BiLSTM, 2 layers of 2 units, forward and backward"),
        (BiLSTM(2, 2, cell="gru"), "BiLSTM (gru), 1 layer of 2 units, forward and backward"),
    ],
)
def test_the_model_in_words(rnn: nn.Module, words: str) -> None:
    assert describe_run(network(rnn), "Digits", 12)[0] == ("model", words)


def test_of_an_ensemble_the_first_member_is_shown() -> None:
    members = [network(nn.RNN(2, 4)) for _ in range(3)]
    ensemble = Ensemble(members)
    assert first_member(ensemble) is ensemble.members[0]
    assert first_member(members[1]) is members[1]
    assert describe_run(ensemble, "Digits", 12)[1:] == [
        ("shown", "the first of 3 members"),
        ("parameters", f"{3 * (2 * 4 + 4 * 4 + 2 * 4 + 4 * 2 + 2)}"),
        ("data", "Digits"),
        ("examples", "12"),
    ]
