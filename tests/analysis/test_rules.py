from __future__ import annotations

import pytest

from seqtrain.analysis.rules import judge, judge_loss

SICK = {
    "gradients/layer0/forward/ratio": (3e-6, "gradients vanish in layer0, forward", "3.0e-06"),
    "gradients/layer1/backward/growth": (5e5, "gradients explode in layer1, backward", "5.0e+05"),
    "h_n/layer0/forward/saturation": (0.72, "units are saturated in layer0, forward", "72%"),
    "h_n/member1/layer0/forward/dead": (0.4, "units are dead in member1, layer0, forward", "40%"),
    "gates/layer0/forward/memory/lost": (0.97, "nothing is remembered in layer0, forward", "97%"),
    "gates/layer0/forward/memory/kept": (0.99999, "nothing is forgotten in layer0, forward", "0.99999"),
}
HEALTHY = {
    "gradients/layer0/forward/ratio": 2e-4,
    "gradients/layer1/backward/ratio": 5e5,  # a growth beside it tells whether that is an explosion
    "gradients/layer1/backward/growth": 80.0,
    "h_n/layer0/forward/saturation": 0.3,
    "h_n/layer0/forward/dead": 0.1,
    "gates/layer0/forward/memory/lost": 0.5,
    "gates/layer0/forward/memory/kept": 0.99,
    "gates/layer0/forward/memory/longest": 1e6,
    "gates/layer0/forward/output/low": 1.0,  # no gate that keeps the memory
}


@pytest.mark.parametrize("tag", SICK)
def test_each_rule_names_the_layer_the_number_and_a_remedy(tag: str) -> None:
    value, message, number = SICK[tag]
    (finding,) = judge({}, {tag: value})
    assert message in finding.message
    assert number in finding.message
    assert len(finding.remedy) > 20
    assert str(finding) == f"{finding.message}. {finding.remedy}."


def test_healthy_numbers_fire_nothing() -> None:
    assert list(judge({"train/padding": 0.3, "train/loss": 1.0}, HEALTHY)) == []


def test_statistics_of_single_training_batches_are_not_judged() -> None:
    assert list(judge({"h_n/layer0/forward/saturation": 0.9}, {})) == []


def test_padding_is_judged_in_training() -> None:
    (finding,) = judge({"train/padding": 0.6}, {})
    assert "60% of the positions" in finding.message
    assert "data.max_tokens" in finding.remedy


def test_a_target_for_each_step_makes_the_ratio_no_sign() -> None:
    assert list(judge({}, {"gradients/layer0/forward/ratio": 1e-9}, one_target=False)) == []
    (finding,) = judge({}, {"gradients/layer0/forward/growth": 2e4}, one_target=False)
    assert "their norm grows to 2.0e+04 times that at the loss" in finding.message


@pytest.mark.parametrize(
    ("training", "validation", "is_flat"),
    [
        ([2.3], [], False),  # nothing to compare
        ([2.3, 2.299], [], True),
        ([2.3, 2.0, 2.3], [2.3, 2.3], False),  # it has fallen once
        ([2.3, 2.31, float("nan")], [2.3], False),
        ([2.3, 2.29, 2.29], [2.3, 2.297], False),  # falls on dev
        ([2.3, 2.29, 2.29], [2.3, 2.2985], True),  # by too little
        ([2.3, 2.29, 2.29], [2.29, 2.3, 2.297], True),  # back to where it was
    ],
)
def test_a_loss_is_flat_when_no_later_value_is_lower(
    training: list[float], validation: list[float], is_flat: bool
) -> None:
    assert bool(list(judge_loss(training, validation))) is is_flat
