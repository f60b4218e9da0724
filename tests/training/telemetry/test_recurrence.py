from __future__ import annotations

from pathlib import Path

import pytest
import torch
from disturbed_runs import checkpoint, events, run, trained
from event_files import read_images, read_scalars
from omegaconf import DictConfig
from small_runs import load_learner
from torch import Tensor

from seqtrain.analysis.final_states import StateStatistics
from seqtrain.analysis.histogram import HISTOGRAM_EDGES
from seqtrain.model import BiLSTM
from seqtrain.recurrence import CELLS
from seqtrain.recurrence.trace import trace
from seqtrain.runs.folder import RunFolder
from seqtrain.spec import DataSpec, ImageInputs, SequenceClasses
from seqtrain.training.build import build_data, build_learner
from seqtrain.training.telemetry.recurrence import MAX_STATES, _max_steps

TAGS = ("mean", "std", "min", "max", "norm", "saturation")


@pytest.mark.parametrize(
    ("model", "states", "directions"),
    [
        ("rnn", ["h_n"], ["forward"]),
        ("gru", ["h_n"], ["forward"]),
        ("lstm", ["h_n", "c_n"], ["forward"]),
        ("bilstm", ["h_n", "c_n"], ["forward", "backward"]),
    ],
)
def test_tags_and_values(compose, model: str, states, directions) -> None:
    cfg = compose(f"model={model}", "model.num_layers=2", task="pos")
    run(cfg)
    places = {f"{s}/layer{k}/{d}" for s in states for k in (0, 1) for d in directions}
    for part, steps in (("", {1, 5, 9}), ("validation", {6, 12})):
        scalars, histograms = events(Path(cfg.run_dir) / part)
        figures = (*TAGS, "dead", "effective_rank") if part else TAGS  # units are judged over a split
        tags = {f"{place}/{figure}" for place in places for figure in figures}
        assert {tag for tag, _ in scalars if "_n/" in tag} == tags
        assert {tag for tag, _ in histograms} == places
        assert {step for tag, step in scalars if tag in tags} == steps
        assert {step for _, step in histograms} == steps
    check_validation(cfg, places)


def check_validation(cfg: DictConfig, places: set[str]) -> None:
    """The last figures are those of the last weights over all of dev, each sentence run by itself."""
    learner = load_learner(cfg, RunFolder(cfg.run_dir).last_checkpoint).eval()
    data = build_data(cfg)
    data.setup()
    dev = data.corpus.splits["dev"]
    with torch.no_grad():
        finals = [learner.network(dev.batch([index]))[1][0].final_state for index in range(len(dev.lengths))]
    scalars, histograms = events(Path(cfg.run_dir) / "validation")
    num_directions = learner.network.backbone.num_directions
    for place in places:
        name, layer, direction = place.split("/")
        row = int(layer[-1]) * num_directions + (direction == "backward")
        state = torch.cat([getattr(final, name)[row] for final in finals]).double()
        bounded = state.tanh() if name == "c_n" else state
        figures = {
            "mean": state.mean(),
            "std": state.std(unbiased=False),
            "min": state.min(),
            "max": state.max(),
            "norm": state.norm(dim=1).mean(),
            "saturation": (bounded.abs() > 0.97).double().mean(),
        }
        for figure, value in figures.items():
            logged = scalars[f"{place}/{figure}", 12]
            assert logged == pytest.approx(value.item(), rel=1e-4, abs=1e-6), (place, figure)
        histogram = histograms[place, 12]
        assert histogram.num == state.numel() == sum(histogram.bucket)
        assert histogram.sum == pytest.approx(state.sum().item(), rel=1e-3, abs=1e-4)
        assert set(histogram.bucket_limit[:-1]) <= set(HISTOGRAM_EDGES.double().tolist())


@pytest.mark.parametrize("accumulated", [1, 2])
def test_nothing_is_computed_between_the_looks(compose, monkeypatch, accumulated: int) -> None:
    updates: list[bool] = []
    update = StateStatistics.update

    def noted(self: StateStatistics, state: Tensor) -> None:
        updates.append(True)
        update(self, state)

    monkeypatch.setattr(StateStatistics, "update", noted)
    options = ("callbacks.hidden_states.every_n_steps=5", "trainer.limit_val_batches=1", "model=gru")
    run(compose(*options, "trainer.limit_train_batches=12", f"trainer.accumulate_grad_batches={accumulated}"))
    steps = 24 // accumulated
    assert len(updates) == len(range(1, steps + 1, 5)) + 2  # and each epoch one batch of validation


def test_a_csv_has_the_same_figures(compose) -> None:
    tensorboard = compose("model=lstm")
    run(tensorboard)
    table = compose("model=lstm", "logger=csv", f"run_dir={tensorboard.run_dir}_csv")
    run(table)
    rows = (Path(table.run_dir) / "metrics.csv").read_text().splitlines()
    header = rows[0].split(",")
    assert {"train/loss", "val/loss", "val/h_n/layer0/forward/mean", "h_n/layer0/forward/mean"} <= set(header)
    column = header.index("val/h_n/layer0/forward/norm")
    logged = [float(row.split(",")[column]) for row in rows[1:] if row.split(",")[column]]
    scalars, _ = events(Path(tensorboard.run_dir) / "validation")
    expected = [v for (tag, _), v in sorted(scalars.items()) if tag == "h_n/layer0/forward/norm"]
    assert logged == pytest.approx(expected, rel=1e-6)


# Gates that another gate changes within a step: through the normalisation of all of them, the cell state that
# the output gate looks at, the reset state, and the share that two gates have of the memory.
SIDE_EFFECTS = {
    "lstm_layernorm": ("input", "forget", "candidate", "output"),
    "lstm_peephole": ("output",),
    "minlstm": ("forget", "input"),
    "gru": ("candidate",),
}


@pytest.mark.parametrize("cell", [name for name, cell in CELLS.items() if cell.gates])
def test_the_rows_of_a_gate_move_that_gate_first(cell: str) -> None:
    """A bias added to one block of rows changes the gate of that name at the first step, and no other."""
    torch.manual_seed(0)
    rnn = BiLSTM(3, 4, bidirectional=False, cell=cell)
    x, length = torch.randn(1, 1, 3), torch.tensor([1])
    with torch.no_grad():
        before = trace(rnn, x, length).layers[0][0].gates
        for number, name in enumerate(CELLS[cell].find_blocks("weight_ih")):
            changed = BiLSTM(3, 4, bidirectional=False, cell=cell)
            changed.load_state_dict(rnn.state_dict())
            changed.weight_ih_l0[number * 4 : (number + 1) * 4] += 1.0
            after = trace(changed, x, length).layers[0][0].gates
            moved = {gate for gate in after if not torch.allclose(after[gate], before[gate], atol=1e-6)}
            assert name in moved
            assert moved <= {name, *SIDE_EFFECTS.get(cell, ())}


def test_norms_gradients_and_updates_of_a_run(compose) -> None:
    cfg = compose(
        "callbacks.weights.every_n_steps=6", "optimizer=sgd", "optimizer.lr=0.5", "schedule=constant",
        "optimizer.momentum=0", "optimizer.weight_decay=0", "trainer.gradient_clip_val=null",
    )  # fmt: skip
    scalars = {tag: values for tag, values in read_scalars(trained(cfg).path).items() if "weights/" in tag}
    matrices = [f"weights/layer0/forward/{matrix}" for matrix in ("W_ih", "W_hh")]
    blocks = [f"{matrix}/{gate}" for matrix in matrices for gate in CELLS["lstm"].find_blocks("weight_hh")]
    assert set(scalars) == {f"{b}/{name}" for b in blocks for name in ("norm", "gradient_norm", "update")}
    for block in blocks:
        assert list(scalars[f"{block}/norm"]) == [1, 7]
        for step in (1, 7):
            # Plain gradient descent moves the weights by the learning rate times the gradient.
            moved = scalars[f"{block}/update"][step] * scalars[f"{block}/norm"][step]
            assert moved == pytest.approx(0.5 * scalars[f"{block}/gradient_norm"][step], rel=1e-3)


def test_a_plain_rnn_has_one_block_a_matrix(compose) -> None:
    folder = trained(compose("model=rnn", "trainer.max_epochs=1"))
    tags = {tag for tag in read_scalars(folder.path) if tag.startswith("weights/")}
    assert "weights/layer0/forward/W_hh/norm" in tags
    assert len(tags) == 6


SPEC = DataSpec(ImageInputs(feature_size=8, view="rows", size=(8, 8)), SequenceClasses(("zero", "one")))
QUIET = tuple(f"callbacks.{name}=null" for name in ("hidden_states", "weights", "predictions"))


def test_gates_and_gradients_come_after_validations_and_figures_at_the_end(compose) -> None:
    cfg = compose(*QUIET, "model=bilstm", "callbacks.recurrence.every_n_steps=6", task="pos")
    folder = trained(cfg).path / "validation"
    scalars = {tag: v for tag, v in read_scalars(folder).items() if tag.startswith(("gates", "gradients"))}
    places = [f"layer0/{direction}" for direction in ("forward", "backward")]
    names = ("mean", "low", "high")
    gates = [f"{gate}/{name}" for gate in ("input", "forget", "candidate", "output") for name in names]
    memory = [f"memory/{name}" for name in ("kept", "lost", "median", "longest")]
    expected = {f"gates/{p}/{g}" for p in places for g in (*gates, *memory)}
    shares = ("first_fifth", "last_fifth", "ratio", "reach", "growth")
    expected |= {f"gradients/{p}/{g}" for p in places for g in shares}
    assert set(scalars) == expected
    assert {step for values in scalars.values() for step in values} == {6, 12}
    images = ("states/example1", "states/example2", "gates/example1", "gradients/through time")
    assert read_images(folder) == {tag: [12] for tag in images}


@pytest.mark.parametrize(("every", "steps"), [(6, [6, 12, 18, 24]), (7, [6, 18, 24]), (100, [6, 24])])
def test_measurements_are_some_steps_apart(compose, every: int, steps: list[int]) -> None:
    options = ("trainer.max_epochs=4", "trainer.limit_train_batches=6", "callbacks.recurrence.figures=false")
    cfg = compose(*QUIET, *options, f"callbacks.recurrence.every_n_steps={every}")
    scalars = read_scalars(trained(cfg).path / "validation")
    assert list(scalars["gradients/layer0/forward/ratio"]) == steps


def test_each_part_can_be_switched_off(compose) -> None:
    parts = [f"callbacks.recurrence.{part}=false" for part in ("gates", "gradients", "figures")]
    folder = trained(compose(*QUIET, *parts)).path / "validation"
    assert not [tag for tag in read_scalars(folder) if tag.startswith(("gates", "gradients"))]
    assert read_images(folder) == {}


def test_training_has_the_same_numbers_with_and_without_it(compose) -> None:
    weights = []
    for number, options in enumerate(((), ("callbacks.recurrence=null", "callbacks.weights=null"))):
        cfg = compose(*options, "head.dropout=0.3", f"run_dir={compose().run_dir}_{number}")
        run(cfg)
        weights.append(checkpoint(cfg)["state_dict"])
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_members_have_names_of_their_own(compose) -> None:
    folder = trained(compose(*QUIET, "members=2", "trainer.max_epochs=1"))
    tags = read_scalars(folder.path / "validation")
    assert {tag.split("/")[1] for tag in tags if tag.startswith("gradients/")} == {"member0", "member1"}


def test_the_sample_shrinks_where_layers_are_large(compose) -> None:
    learner = build_learner(compose("model.hidden_size=64", "model.num_layers=2"), SPEC)
    assert _max_steps(learner) == MAX_STATES // 128
    wide = build_learner(compose("model=bilstm", "model.hidden_size=1024"), SPEC)
    assert _max_steps(wide) == MAX_STATES // 2048
