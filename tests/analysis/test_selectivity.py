from __future__ import annotations

import numpy as np
import pytest
from made_up_example import examined_example
from sklearn.metrics import roc_auc_score

from seqtrain.analysis.examine import ExaminedExample
from seqtrain.analysis.selectivity import selectivity


def example(h: np.ndarray, targets: tuple[int, ...] | None) -> ExaminedExample:
    return examined_example({"h": h.astype(np.float32)}, targets)


def test_areas_of_tags_are_sklearns() -> None:
    draw = np.random.default_rng(0)
    examples = [
        example(np.round(draw.normal(size=(2, 2, steps, 3)), 1), tuple(draw.integers(0, 3, steps).tolist()))
        for steps in (30, 1, 25)
    ]
    targets = np.concatenate([each.targets for each in examples])
    states = np.concatenate([each.parts["h"] for each in examples], axis=2)
    areas = selectivity(examples, 3)
    assert areas.shape == (2, 2, 3, 3)
    for (layer, direction, unit, target), area in np.ndenumerate(areas):
        expected = roc_auc_score(targets == target, states[layer, direction, :, unit])
        assert area == pytest.approx(expected, abs=1e-12)


def test_a_class_is_read_where_each_direction_ends() -> None:
    draw = np.random.default_rng(1)
    classes = [0, 1] * 10
    h = [draw.normal(size=(1, 2, 4, 1)) for _ in classes]
    for states, target in zip(h, classes, strict=True):
        states[0, 0, -1], states[0, 1, 0] = target, -target
    areas = selectivity([example(states, (target,)) for states, target in zip(h, classes, strict=True)], 2)
    assert areas[0, :, 0, 1].tolist() == [1, 0]


def test_too_few_positions_say_nothing() -> None:
    h = np.arange(9.0).reshape(1, 1, 9, 1)
    areas = selectivity([example(h, (0, 0, 0, 0, 0, 1, 1, 1, 1))], 3)
    assert np.isnan(areas).all()  # five of target 0, but only four others
    areas = selectivity([example(np.arange(10.0).reshape(1, 1, 10, 1), (0, 0, 0, 0, 0, 1, 1, 1, 1, 1))], 3)
    assert areas[0, 0, 0, :2].tolist() == [0, 1]
    assert np.isnan(areas[0, 0, 0, 2])


def test_a_tag_that_training_lacked_does_not_count() -> None:
    h = np.arange(12.0).reshape(1, 1, 12, 1)
    areas = selectivity([example(h, (-100, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, -100))], 2)
    assert areas[0, 0, 0].tolist() == [0, 1]


def test_without_targets_nothing_is_known() -> None:
    assert np.isnan(selectivity([example(np.zeros((1, 1, 3, 2)), None)], 4)).all()
