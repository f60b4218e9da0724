from __future__ import annotations

from pathlib import Path

import pytest
import torch
from event_files import read_images, read_scalars

from seqtrain.runs.folder import RunFolder
from seqtrain.spec import DataSpec, ImageInputs, SequenceClasses
from seqtrain.training.build import build_learner
from seqtrain.training.telemetry.recurrence import MAX_STATES, _max_steps
from seqtrain.training.train import train

SPEC = DataSpec(ImageInputs(feature_size=8, view="rows", size=(8, 8)), SequenceClasses(("zero", "one")))
QUIET = tuple(f"callbacks.{name}=null" for name in ("hidden_states", "weights", "predictions"))


def test_gates_and_gradients_come_after_validations_and_figures_at_the_end(compose) -> None:
    cfg = compose(*QUIET, "model=bilstm", "callbacks.recurrence.every_n_steps=6", task="pos")
    train(cfg, RunFolder(cfg.run_dir))
    folder = Path(cfg.run_dir) / "validation"
    scalars = {tag: v for tag, v in read_scalars(folder).items() if tag.startswith(("gates", "gradients"))}
    places = [f"layer0/{direction}" for direction in ("forward", "backward")]
    names = ("mean", "low", "high")
    gates = [f"{gate}/{name}" for gate in ("input", "forget", "candidate", "output") for name in names]
    memory = [f"memory/{name}" for name in ("kept", "lost", "median", "longest")]
    expected = {f"gates/{p}/{g}" for p in places for g in (*gates, *memory)}
    expected |= {
        f"gradients/{p}/{g}"
        for p in places
        for g in ("first_fifth", "last_fifth", "ratio", "reach", "growth")
    }
    assert set(scalars) == expected
    assert {step for values in scalars.values() for step in values} == {6, 12}
    images = read_images(folder)
    assert images == {
        tag: [12]
        for tag in ("states/example1", "states/example2", "gates/example1", "gradients/through time")
    }


@pytest.mark.parametrize(("every", "steps"), [(6, [6, 12, 18, 24]), (7, [6, 18, 24]), (100, [6, 24])])
def test_measurements_are_some_steps_apart(compose, every: int, steps: list[int]) -> None:
    options = ("trainer.max_epochs=4", "trainer.limit_train_batches=6", "callbacks.recurrence.figures=false")
    cfg = compose(*QUIET, *options, f"callbacks.recurrence.every_n_steps={every}")
    train(cfg, RunFolder(cfg.run_dir))
    scalars = read_scalars(Path(cfg.run_dir) / "validation")
    assert list(scalars["gradients/layer0/forward/ratio"]) == steps


def test_each_part_can_be_switched_off(compose) -> None:
    parts = [f"callbacks.recurrence.{part}=false" for part in ("gates", "gradients", "figures")]
    cfg = compose(*QUIET, *parts)
    train(cfg, RunFolder(cfg.run_dir))
    folder = Path(cfg.run_dir) / "validation"
    assert not [tag for tag in read_scalars(folder) if tag.startswith(("gates", "gradients"))]
    assert read_images(folder) == {}


def test_training_has_the_same_numbers_with_and_without_it(compose) -> None:
    weights = []
    for number, options in enumerate(((), ("callbacks.recurrence=null", "callbacks.weights=null"))):
        cfg = compose(*options, "head.dropout=0.3", f"run_dir={compose().run_dir}_{number}")
        train(cfg, RunFolder(cfg.run_dir))
        path = RunFolder(cfg.run_dir).last_checkpoint
        weights.append(torch.load(path, weights_only=True)["state_dict"])
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_members_have_names_of_their_own(compose) -> None:
    cfg = compose(*QUIET, "members=2", "trainer.max_epochs=1")
    train(cfg, RunFolder(cfg.run_dir))
    tags = read_scalars(Path(cfg.run_dir) / "validation")
    assert {tag.split("/")[1] for tag in tags if tag.startswith("gradients/")} == {"member0", "member1"}


def test_the_sample_shrinks_where_layers_are_large(compose) -> None:
    learner = build_learner(compose("model.hidden_size=64", "model.num_layers=2"), SPEC)
    assert _max_steps(learner) == MAX_STATES // 128
    wide = build_learner(compose("model=bilstm", "model.hidden_size=1024"), SPEC)
    assert _max_steps(wide) == MAX_STATES // 2048
