from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from disturbed_runs import EPOCHS, LIVELY, STEPS, run, trained
from event_files import read_scalars

from seqtrain.recurrence import CELLS
from seqtrain.training.learner import SequenceLearner
from seqtrain.training.telemetry import curves
from seqtrain.training.telemetry.curves import (
    GRADIENT_NORM,
    LEARNING_RATE,
    LOSS,
    _total_gradient_norm,
    build_layout,
    name_data,
)


def test_the_first_group_of_charts_has_loss_metric_learning_rate_and_gradient_norm(compose) -> None:
    folder = trained(compose()).path
    training, validation = read_scalars(folder), read_scalars(folder / "validation")
    first = "at a glance, Digits"
    assert training[f"{first}/{LOSS}"] == training["train/loss"]
    assert training[f"{first}/{LEARNING_RATE}"] == training["train/learning_rate"]
    assert training[f"{first}/{GRADIENT_NORM}"] == training["train/gradient_norm"]
    assert validation[f"{first}/{LOSS}"] == training["val/loss"]
    assert validation[f"{first}/2 accuracy"] == training["val/accuracy"]
    assert min(training) == f"{first}/{LOSS}"  # TensorBoard sorts by name


@pytest.mark.parametrize(
    ("node", "name"),
    [
        ({"_target_": "seqtrain.data.Digits"}, "Digits"),
        (
            {"_target_": "seqtrain.data.Treebank", "treebank": "ud_english_ewt", "path": None},
            "Treebank ud_english_ewt",
        ),
        (
            {"_target_": "seqtrain.data.Treebank", "treebank": "ud_english_ewt", "path": "my/bank"},
            "Treebank bank",
        ),
        ({"_target_": "seqtrain.data.Memory", "problem": "recall"}, "Memory recall"),
    ],
)
def test_data_has_a_name(node: dict[str, Any], name: str) -> None:
    assert name_data(node) == name


def test_gradient_norm_is_that_of_all_gradients_together() -> None:
    parameters = [torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(1))]
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    parameters[0].grad, parameters[1].grad = torch.tensor([3.0, 0.0]), torch.tensor([4.0])
    assert _total_gradient_norm(optimizer).item() == pytest.approx(5.0)


@pytest.mark.parametrize("accumulated", [1, 2])
def test_train_loss_is_the_mean_over_valid_positions(compose, monkeypatch, accumulated: int) -> None:
    seen: list[tuple[float, int]] = []
    step = SequenceLearner.training_step

    def noted(self: SequenceLearner, batch: Any, batch_idx: int) -> Any:
        outputs = step(self, batch, batch_idx)
        seen.append((outputs["output"].loss_sum.item(), outputs["output"].num_valid))
        return outputs

    monkeypatch.setattr(SequenceLearner, "training_step", noted)
    cfg = compose(*LIVELY, f"trainer.accumulate_grad_batches={accumulated}", task="pos")
    run(cfg)
    points = read_scalars(Path(cfg.run_dir))["train/loss"]
    steps_per_epoch = STEPS // accumulated
    expected = {step for step in range(1, EPOCHS * steps_per_epoch + 1) if step % 2 == 0}
    expected |= {epoch * steps_per_epoch for epoch in range(1, EPOCHS + 1)}
    assert set(points) == expected
    before = 0
    for step in sorted(points):
        part = seen[before * accumulated : step * accumulated]
        mean = sum(loss_sum for loss_sum, _ in part) / sum(count for _, count in part)
        assert points[step] == pytest.approx(mean, rel=1e-5)
        before = step


def test_learning_rate_follows_the_schedule(compose) -> None:
    cfg = compose(*LIVELY, "trainer.log_every_n_steps=1")
    run(cfg)
    rates = list(read_scalars(Path(cfg.run_dir))["train/learning_rate"].values())
    peak = rates.index(max(rates))
    assert len(rates) == EPOCHS * STEPS
    assert max(rates) == pytest.approx(cfg.optimizer.lr, rel=0.02)
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[-1] < cfg.optimizer.lr / 1e4


OPTIONS = [["model=bilstm"], ["model=rnn", "head.pooling=mean"], ["model=gru", "members=2"]]


@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
def test_every_chart_has_curves_in_a_run(compose, monkeypatch, options: list[str]) -> None:
    written: list[curves.Layout] = []
    layout_of = curves.layout_of
    monkeypatch.setattr(curves, "layout_of", lambda module: written.append(layout_of(module)) or written[-1])
    folder = trained(compose(*options)).path
    tags = {tag for part in ("", "validation") for tag in read_scalars(folder / part)}
    num_lines = 2 if options[0] == "model=bilstm" or "members=2" in options else 1
    for charts in written[0].values():
        for title, (kind, patterns) in charts.items():
            found = [[tag for tag in tags if re.fullmatch(pattern, tag)] for pattern in patterns]
            assert all(found), title
            if kind == "Multiline" and title.startswith(("h_n", "forget gate", "memory length")):
                assert len(found[0]) == num_lines, title  # forward beside backward, member beside member


def test_a_group_for_each_layer() -> None:
    charts = build_layout(num_layers=3, num_directions=1, cell=CELLS["lstm"])
    assert list(charts) == ["training", "layer 0", "layer 1", "layer 2"]
    kind, tags = charts["layer 2"]["h_n: mean between minimum and maximum, forward"]
    assert (kind, tags) == ("Margin", [f"h_n/layer2/forward/{name}" for name in ("mean", "min", "max")])


def test_a_chart_for_each_gate_between_0_and_1() -> None:
    charts = build_layout(num_layers=1, num_directions=1, cell=CELLS["lstm"])["layer 0"]
    titles = [title for title in charts if "gate:" in title]
    assert titles == [f"{name} gate: mean" for name in ("input", "forget", "output")]


def test_a_band_for_each_member() -> None:
    members = ("member0/", "member1/")
    charts = build_layout(1, num_directions=2, cell=CELLS["rnn_tanh"], members=members)["layer 0"]
    titles = [title.rpartition("maximum, ")[2] for title in charts if "maximum" in title]
    assert titles == [f"member{number}, {name}" for number in (0, 1) for name in ("forward", "backward")]
    _, tags = charts["h_n: mean between minimum and maximum, member1, backward"]
    assert tags[0] == "h_n/member1/layer0/backward/mean"


def test_a_backbone_of_its_own_kind_has_states_alone() -> None:
    charts = build_layout(num_layers=1, num_directions=1, cell=None)["layer 0"]
    assert all(title.startswith("h_n: ") for title in charts)
