from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch

from seqtrain.config import ConfigError
from seqtrain.data.datamodule import SequenceDataModule
from seqtrain.records import IGNORED, SequenceBatch
from seqtrain.spec import DataSpec, SequenceClasses, VectorInputs
from seqtrain.training.build import build_data, build_learner
from seqtrain.training.learner import SequenceLearner
from seqtrain.training.train import measure
from seqtrain.training.trainer import build_evaluator

SPEC = DataSpec(VectorInputs(feature_size=8), SequenceClasses(tuple("0123456789")))
MODELS = ["rnn", "lstm", "gru", "bilstm"]
Made = tuple[Any, SequenceLearner, SequenceDataModule]


@pytest.fixture
def make(compose) -> Callable[..., Made]:
    def make(task: str, *overrides: str) -> Made:
        cfg = compose(*overrides, task=task)
        data = build_data(cfg)
        data.setup()
        torch.manual_seed(0)
        return cfg, build_learner(cfg, data.spec), data

    return make


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("task", ["digits", "pos"])
def test_one_batch_is_overfitted(make, task: str, model: str) -> None:
    exact = ("head.dropout=0", *(("encoder.dropout=0", "encoder.unknown_rate=0") if task == "pos" else ()))
    _, learner, data = make(task, f"model={model}", "model.hidden_size=32", *exact)
    batch = data.corpus.splits["train"].batch(range(12))
    optimizer = torch.optim.Adam(learner.parameters(), lr=0.02)
    losses = []
    for _ in range(80):
        loss = learner.training_step(batch, 0)["loss"]
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > 1.0
    assert losses[-1] < 0.02


@pytest.mark.parametrize("task", ["digits", "pos"])
def test_training_loss_is_the_mean_over_valid_positions(make, task: str) -> None:
    _, learner, data = make(task)
    learner.eval()  # no dropout
    train = data.corpus.splits["train"]
    outputs = learner.training_step(train.batch(range(9)), 0)
    alone = [learner.training_step(train.batch([index]), 0) for index in range(9)]
    count = sum(each["output"].num_valid for each in alone)
    assert outputs["output"].num_valid == count == (9 if task == "digits" else int(train.lengths[:9].sum()))
    total = sum(each["output"].loss_sum.item() for each in alone)
    assert outputs["loss"].item() == pytest.approx(total / count, rel=1e-5)
    assert outputs["output"].loss_sum.item() == pytest.approx(total, rel=1e-5)
    assert not outputs["output"].loss_sum.requires_grad


@pytest.mark.parametrize("task", ["digits", "pos"])
def test_metrics_do_not_depend_on_the_size_of_batches(make, task: str) -> None:
    results = []
    for size in (1, 7, 500):
        cfg, learner, data = make(task, f"data.eval_batch_size={size}")
        results.append(measure(build_evaluator(cfg.trainer), learner, data))
    assert {"val/loss", "val/accuracy", "val/macro_f1", "test/loss", "test/accuracy"} <= results[0].keys()
    assert ("test/accuracy_unseen" in results[0]) == (task == "pos")
    assert results[0] == pytest.approx(results[2], rel=1e-5)
    assert results[1] == pytest.approx(results[2], rel=1e-5)


@pytest.mark.parametrize("task", ["digits", "pos"])
def test_metrics_are_those_of_a_plain_loop(make, task: str) -> None:
    cfg, learner, data = make(task)
    metrics = measure(build_evaluator(cfg.trainer), learner, data)
    learner.eval()
    test = data.corpus.splits["test"]
    loss, right, count = 0.0, 0, 0
    for index in range(len(test.lengths)):
        batch = test.batch([index])
        scores, _ = learner(batch)
        targets = batch.targets.flatten()
        flat = scores.reshape(len(targets), -1)
        loss += torch.nn.functional.cross_entropy(flat, targets, reduction="sum").item()
        right += int((flat.argmax(-1) == targets).sum())
        count += len(targets)
    assert metrics["test/loss"] == pytest.approx(loss / count, rel=1e-5)
    assert metrics["test/accuracy"] == pytest.approx(right / count, rel=1e-6)


def test_smoothing_is_in_the_training_loss_only(make) -> None:
    cfg, plain, data = make("digits")
    _, smoothed, _ = make("digits", "head.label_smoothing=0.3")
    batch = data.corpus.splits["train"].batch(range(20))
    losses = [learner.training_step(batch, 0)["loss"].item() for learner in (plain, smoothed)]
    assert losses[0] != pytest.approx(losses[1], rel=1e-4)
    metrics = [measure(build_evaluator(cfg.trainer), learner, data) for learner in (plain, smoothed)]
    assert metrics[0] == metrics[1]


def test_nothing_to_learn_from(make) -> None:
    _, learner, _ = make("digits")
    with pytest.raises(ValueError, match=r"^the batch has no targets to learn from$"):
        learner.training_step(SequenceBatch(torch.zeros(1, 8, 8), torch.tensor([8])), 0)


def test_padding_has_no_gradient(make) -> None:
    """The same sentences, with one that only adds padding to them, and counts for nothing."""
    _, learner, data = make("pos")
    learner.eval()
    train = data.corpus.splits["train"]
    order = train.lengths.argsort()
    short, long = order[:4].tolist(), order[-1:].tolist()
    together = train.batch([*short, *long])
    assert together.targets is not None
    together.targets[-1] = IGNORED
    gradients = []
    for batch in (train.batch(short), together):
        learner.zero_grad()
        head: Any = learner.network.head
        scores, _ = learner(batch)
        head.loss_sum(scores, batch.targets, batch.lengths).backward()
        gradients.append([parameter.grad.clone() for parameter in learner.parameters()])
    for alone, padded in zip(*gradients, strict=True):
        torch.testing.assert_close(alone, padded, rtol=1e-4, atol=1e-5)


def test_the_promise_of_the_data_is_in_every_checkpoint(make) -> None:
    _, learner, data = make("pos")
    checkpoint: dict[str, Any] = {}
    learner.on_save_checkpoint(checkpoint)
    assert checkpoint == {"spec": data.spec.to_dict()}
    assert type(data.spec).from_dict(checkpoint["spec"]) == data.spec


@pytest.mark.filterwarnings(
    "ignore:Metric `AUROC` will save all targets", "ignore:No (posi|nega)tive samples"
)
@pytest.mark.parametrize(("task", "name", "options"), [("digits", "9", ()), ("pos", "DET", ("head=crf",))])
def test_metrics_of_the_configuration_reach_the_run_folder_and_can_be_monitored(
    compose, capsys, task: str, name: str, options: tuple[str, ...]
) -> None:
    from seqtrain.commands import evaluate
    from seqtrain.runs.folder import RunFolder
    from seqtrain.training.train import train

    recall = "+metrics.recall={_target_: torchmetrics.classification.MulticlassRecall, average: none}"
    area = "+metrics.area={_target_: torchmetrics.classification.MulticlassAUROC, average: none}"
    parts = ("metrics=agreement", recall, area, "task.monitor=val/kappa", "callbacks.predictions=null")
    cfg = compose(*parts, *options, task=task)
    folder = RunFolder(cfg.run_dir)
    metrics = train(cfg, folder)
    written = json.loads(folder.metrics_file.read_text())
    assert {"val/kappa", "test/mcc", f"test/recall/{name}", f"test/area/{name}"} < written.keys()
    assert 0 < written[f"test/area/{name}"] < 1
    assert written == metrics
    best = torch.load(folder.best_checkpoint, weights_only=True)
    assert best["epoch"] in (0, 1)
    capsys.readouterr()
    assert evaluate.main([cfg.run_dir, "format=json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["test/kappa"] == pytest.approx(metrics["test/kappa"], abs=1e-6)


def test_a_metric_that_is_none_is_refused_before_a_training(compose) -> None:
    cfg = compose("+metrics.mine={_target_: torchmetrics.classification.MulticlassRecall, averge: none}")
    with pytest.raises(ConfigError, match=r"metrics\.mine: Unexpected keyword arguments: `averge`"):
        build_learner(cfg, SPEC)
    with pytest.raises(ConfigError, match=r"mine\._target_: torch\.nn\.Linear is not a torchmetrics"):
        compose("+metrics.mine={_target_: torch.nn.Linear}")
