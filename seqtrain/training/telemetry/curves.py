"""The main curves of a training, and the layout of TensorBoard's charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytorch_lightning as pl
import torch
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor
from torch.optim import Optimizer

from seqtrain.analysis.sample import has_loss_at_one_step, traced_module
from seqtrain.records import SequenceBatch
from seqtrain.recurrence.cells import Cell
from seqtrain.recurrence.trace import DIRECTIONS, find_cell, name_direction
from seqtrain.training.steps import has_stepped, members_of, step_output
from seqtrain.training.telemetry.recurrence import tag_of
from seqtrain.training.telemetry.sink import sink_of

# TensorBoard sorts charts by name: this group comes before those of the recurrence, in this order. Each data
# set has a group of its own, since losses of different tasks in one chart compare nothing.
GLANCE = "at a glance, {}"
LOSS, METRIC, LEARNING_RATE, GRADIENT_NORM = "1 loss", "2 {}", "3 learning rate", "4 gradient norm"


class TrainingCurves(pl.Callback):
    """Logs the training loss, the learning rate and the gradient norm, and the metrics of each validation.

    `train/loss` is the mean over the valid positions of all processes since the previous point,
    `train/gradient_norm` the norm of all gradients together before they are clipped. The trainer's
    `log_every_n_steps` sets the distance between points; in between, sums stay on the device. TensorBoard
    gets the most important ones a second time, in a group that it shows first, with training and validation
    in one chart.

    Args:
        monitor: the leading metric, such as `val/accuracy`.
        data: what the data is called, see `name_data`.
    """

    def __init__(self, monitor: str, data: str) -> None:
        self.monitor = monitor
        self.group = GLANCE.format(data)
        self._loss_sum: Any = 0.0
        self._num_valid = 0
        self._learning_rate = 0.0
        self._gradient_norm = torch.tensor(0.0)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        sink_of(trainer).layout(layout_of(pl_module))

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        # At the end of the batch it would be the learning rate of the next step.
        self._learning_rate = trainer.optimizers[0].param_groups[0]["lr"]

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        if _is_logged(trainer, trainer.global_step + 1):
            self._gradient_norm = _total_gradient_norm(optimizer)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        output = step_output(outputs)
        self._loss_sum = self._loss_sum + output.loss_sum
        self._num_valid += output.num_valid
        if not has_stepped(trainer, batch_idx) or not _is_logged(trainer, trainer.global_step):
            return
        loss, norm = _mean_loss(trainer, self._loss_sum, self._num_valid), float(self._gradient_norm)
        sink, step = sink_of(trainer), trainer.global_step
        curves = {"train/loss": loss, "train/learning_rate": self._learning_rate, "train/gradient_norm": norm}
        sink.scalars(curves | _padding(batch), step)
        glance = {LOSS: loss, LEARNING_RATE: self._learning_rate, GRADIENT_NORM: norm}
        sink.charts({f"{self.group}/{name}": value for name, value in glance.items()}, step)
        self._loss_sum, self._num_valid = 0.0, 0

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.state.fn != TrainerFn.FITTING or trainer.sanity_checking:
            return
        metrics = {
            name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("val/")
        }
        sink, step = sink_of(trainer), trainer.global_step
        sink.scalars(metrics, step)
        glance = {self.monitor: METRIC.format(self.monitor.split("/")[-1]), "val/loss": LOSS}
        charts = {f"{self.group}/{tag}": metrics[name] for name, tag in glance.items() if name in metrics}
        sink.charts(charts, step, validation=True)
        sink.flush()

    def state_dict(self) -> dict[str, Any]:
        """The sums since the last point."""
        return {"loss_sum": float(self._loss_sum), "count": self._num_valid}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._loss_sum, self._num_valid = state_dict["loss_sum"], state_dict["count"]


def name_data(node: Mapping[str, Any]) -> str:
    """Name the configuration's `data` by its class and its file, treebank or problem.

    For example `Digits`, `Treebank ud_english_ewt`, `Tagged chunks.txt` or `Memory recall`.
    """
    name = str(node.get("_target_", "")).rpartition(".")[2]
    path = node.get("path")
    which = Path(path).name if isinstance(path, str) and path else node.get("treebank") or node.get("problem")
    return f"{name} {which}" if which else name


def _is_logged(trainer: pl.Trainer, step: int) -> bool:
    every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
    return step % every == 0 or trainer.is_last_batch


def _mean_loss(trainer: pl.Trainer, loss_sum: Any, num_valid: int) -> float:
    """The loss per valid position of all processes that train together."""
    if trainer.world_size == 1:
        return float(loss_sum) / max(num_valid, 1)
    totals = torch.tensor([float(loss_sum), float(num_valid)], device=trainer.strategy.root_device)
    summed = trainer.strategy.reduce(totals, reduce_op="sum")
    assert isinstance(summed, Tensor)
    return float(summed[0] / summed[1])


def _padding(batch: SequenceBatch) -> dict[str, float]:
    """The share of a batch's positions that are padding; nothing where all sequences are equally long."""
    share = 1 - float(batch.lengths.sum()) / (len(batch.lengths) * int(batch.lengths.max()))
    return {"train/padding": share} if share > 0 else {}


def _total_gradient_norm(optimizer: Optimizer) -> Tensor:
    parameters = (parameter for group in optimizer.param_groups for parameter in group["params"])
    return torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])


Layout: TypeAlias = dict[str, dict[str, tuple[str, list[str]]]]  # charts by group: kind and tags

TRAINING = {
    "loss": "at a glance, [^/]*/1 loss",
    "metric": "at a glance, [^/]*/2 .*",
    "learning rate": "at a glance, [^/]*/3 .*",
    "gradient norm": "at a glance, [^/]*/4 .*",
}
STATES = {
    "h_n: norm": "h_n/{}/norm",
    "h_n: saturation": "h_n/{}/saturation",
    "h_n: dead units": "h_n/{}/dead",
    "h_n: effective rank": "h_n/{}/effective_rank",
}
CELL_STATES = {
    "c_n: norm": "c_n/{}/norm",
    "c_n: saturation": "c_n/{}/saturation",
}
RATIO = {"gradient through time: first fifth to last": "gradients/{}/ratio"}
REACH = {"gradient through time: reach, in steps": "gradients/{}/reach"}


def build_layout(
    num_layers: int,
    num_directions: int,
    cell: Cell | None,
    members: Sequence[str] = ("",),
    has_reach: bool = True,
) -> Layout:
    """A group for the training, and one for each layer with forward beside backward.

    The tags of a Multiline chart are regular expressions; a Margin chart has a line with a band: its tags are
    those of the line, the lower and the upper bound.

    Args:
        num_layers: of the backbone.
        num_directions: 1 or 2.
        cell: None for a backbone that cannot be traced.
        members: the prefix of the tags of each network.
        has_reach: whether the reach of the gradient is measured, see `seqtrain.analysis.gradients`.
    """
    layout = {"training": _draw_lines(TRAINING)}
    for layer in range(num_layers):
        charts = dict(STATES)
        if cell is not None:
            charts |= CELL_STATES if "c" in cell.state_names else {}
            charts |= _name_gates(cell) | RATIO | (REACH if has_reach else {}) | _name_update(cell)
        directions = rf"(member\d+/)?layer{layer}/[a-z]+"
        layout[f"layer {layer}"] = {
            **_draw_lines({title: tag.format(directions) for title, tag in charts.items()}),
            **_draw_bands(layer, num_directions, members),
        }
    return layout


def _name_gates(cell: Cell) -> dict[str, str]:
    """A chart for each gate: all lines of a run have one colour, so gates could not be told apart in one."""
    names = [gate.name for gate in cell.gates if gate.kind == "sigmoid"]
    charts = {f"{name} gate: mean": f"gates/{{}}/{name}/mean" for name in names}
    if cell.find_gate("keeps") or cell.find_gate("replaces"):
        charts["memory length, in steps: median"] = "gates/{}/memory/median"
    return charts


def _name_update(cell: Cell) -> dict[str, str]:
    """The chart for updates of the recurrent matrix, or, in a cell without one, of its first matrix."""
    matrices = [name for name, shape in cell.shapes(1, 1, False).items() if len(shape) == 2]
    if not matrices:
        return {}
    tag = tag_of("weight_hh" if "weight_hh" in matrices else matrices[0])
    return {"weights: update relative to norm": f"weights/{{}}/{tag}(/[a-z_]+)?/update"}


def _draw_lines(charts: dict[str, str]) -> dict[str, tuple[str, list[str]]]:
    return {title: ("Multiline", [tags]) for title, tags in charts.items()}


def _draw_bands(layer: int, num_directions: int, members: Sequence[str]) -> dict[str, tuple[str, list[str]]]:
    charts: dict[str, tuple[str, list[str]]] = {}
    for member in members:
        for direction in range(num_directions):
            where = ", ".join(filter(None, (member.rstrip("/"), DIRECTIONS[direction])))
            prefix = f"h_n/{member}{name_direction(layer, direction)}"
            tags = [f"{prefix}/{name}" for name in ("mean", "min", "max")]
            charts[f"h_n: mean between minimum and maximum, {where}"] = ("Margin", tags)
    return charts


def layout_of(pl_module: pl.LightningModule) -> Layout:
    """The layout that fits a learner's network."""
    members = members_of(pl_module)
    _, network = members[0]
    backbone: Any = network.backbone
    rnn = traced_module(network)
    return build_layout(
        num_layers=getattr(getattr(backbone, "rnn", backbone), "num_layers", 1),
        num_directions=getattr(backbone, "num_directions", 1),
        cell=None if rnn is None else find_cell(rnn),
        members=[member for member, _ in members],
        has_reach=has_loss_at_one_step(network),
    )
