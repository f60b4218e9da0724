"""What a run is and how it ended: in its log, and on one page of TensorBoard."""

from __future__ import annotations

import json
import logging
import os
import platform
import shlex
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeAlias

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping
from pytorch_lightning.loggers import TensorBoardLogger

from seqtrain import __version__
from seqtrain.analysis.mistakes import escape
from seqtrain.data.corpus import Corpus, OwnOrder
from seqtrain.data.datamodule import SequenceDataModule
from seqtrain.errors import printable
from seqtrain.model import Ensemble
from seqtrain.recurrence.engines.kernel import describe_kernel
from seqtrain.runs.files import as_typed
from seqtrain.runs.folder import RunFolder
from seqtrain.runs.logs import METRICS_OF_EACH, metrics_table
from seqtrain.spec import StepClasses
from seqtrain.tasks.span_f1 import SpanF1
from seqtrain.training.callbacks.checkpoints import BestCheckpoint
from seqtrain.training.learner import SequenceLearner
from seqtrain.training.telemetry.curves import name_data
from seqtrain.training.telemetry.sink import sink_of

log = logging.getLogger("seqtrain")

FEW_SEQUENCES = 50
MANY_EPOCHS = 9  # before it is worth saying that fewer would do


def log_start(
    trainer: pl.Trainer,
    data: SequenceDataModule,
    learner: SequenceLearner,
    folder: RunFolder,
    parameters: int | None = None,
) -> None:
    """Log the data, the model, the device and the run folder.

    `parameters` is the number that hidden_size was chosen for, if it was.
    """
    network = learner.network
    log.info("data        %s", data.corpus.describe())
    for note in (*data.corpus.notes, *data.corpus.target_notes, *_describe_few(data.corpus)):
        log.warning("            %s", note)
    targets = data.spec.targets
    if isinstance(targets, StepClasses) and targets.tag_scheme and not SpanF1.is_available():
        log.warning("            the F1 of spans needs seqeval: pip install 'seqtrain[spans]'")
    log.info("model       %s, %s parameters", _backbone_name(learner), f"{network.num_parameters:,}")
    if parameters is not None:
        log.info("            its hidden_size was chosen for parameters=%s", f"{parameters:,}")
    log.info("device      %s, precision %s", _device_name(trainer), trainer.precision)
    resumed = ", resumed" if folder.last_checkpoint.exists() else ""
    log.info("run folder  %s%s", as_typed(folder.path), resumed)


def _describe_few(corpus: Corpus) -> Iterator[str]:
    """What to expect of very few sequences; a text or a long recording is a single one, cut into many."""
    train, inputs = corpus.splits["train"], corpus.spec.inputs
    number = len(train.lengths)
    if not isinstance(train, OwnOrder) and number < FEW_SEQUENCES:
        yield (
            f"{number} {inputs.sequences} to train on are so few that they are learned by heart: answers on "
            "others will be wrong; some hundreds are a beginning"
        )


def environment(trainer: pl.Trainer) -> dict[str, str]:
    """The machine and the versions of a run, for comparing its numbers later."""
    return {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "device": _device_name(trainer),
        "processor": _processor_name(),
        "kernel": describe_kernel(),
        "precision": str(trainer.precision),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "seqtrain": __version__,
    }


def describe_end(trainer: pl.Trainer) -> str:
    """Why the training ended, and which weights were kept."""
    callbacks: list[pl.Callback] = trainer.callbacks  # type: ignore[attr-defined]
    return f"{_reason(trainer, callbacks)}; {_describe_best(callbacks, trainer.current_epoch)}"


def _reason(trainer: pl.Trainer, callbacks: Iterable[pl.Callback]) -> str:
    num_epochs = trainer.current_epoch
    for callback in callbacks:
        if isinstance(callback, EarlyStopping) and callback.stopped_epoch > 0:
            waited = callback.wait_count * (trainer.check_val_every_n_epoch or 1)
            why = f"no better {callback.monitor} since epoch {num_epochs - waited}"
            if callback.wait_count < callback.patience:
                why = f"{callback.monitor} has reached its threshold"
            return f"stopped early after epoch {num_epochs}: {why}"
    if num_epochs != trainer.max_epochs:
        return f"ended in epoch {num_epochs + 1} after {trainer.global_step:,} steps, as trainer.* asks for"
    return f"trained to the end, {num_epochs} epoch{'s' * (num_epochs != 1)}"


def _describe_best(callbacks: Iterable[pl.Callback], num_epochs: int) -> str:
    for callback in callbacks:
        if isinstance(callback, BestCheckpoint) and callback.score is not None and callback.epoch is not None:
            score = f"{callback.monitor} {callback.score:.4f}"
            best = f"the best weights are those of epoch {callback.epoch}, {score}"
            first = callback.first_epoch or callback.epoch
            if first != callback.epoch:
                best += f", as in epoch {first}: of equal ones those trained longer are kept"
            if num_epochs >= MANY_EPOCHS and first * 3 <= num_epochs:
                gain = f"what came after epoch {first} gained nothing"
                best += f"; {gain}, so trainer.max_epochs={2 * first} may do as well"
            return best
    return "the last weights are kept"


def log_end(metrics: dict[str, float], trainer: pl.Trainer, folder: RunFolder, per_class: bool) -> None:
    """Print the final metrics and where to look; train.log has them too, with the F1 of every class."""
    path = as_typed(folder.path)
    hints = f"run folder  {path}"
    if any(isinstance(logger, TensorBoardLogger) for logger in trainer.loggers):
        # TensorBoard names a run by its path below the folder that it is given: this run itself would be ".".
        hints += f"\nlook inside with  tensorboard --logdir {shlex.quote(as_typed(folder.path.parent))}"
    print(printable(f"\n{metrics_table(metrics, per_class)}\n\n{hints}"), flush=True)
    log.info("\n%s\n\n%s", metrics_table(metrics), hints, extra={"is_result": True})


def _processor_name() -> str:
    try:  # platform.processor() is only "x86_64" on Linux
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _backbone_name(learner: SequenceLearner) -> str:
    network = learner.network
    backbone = getattr(network.backbone, "rnn", network.backbone)
    is_one_line = "\n" not in repr(backbone)  # torch shows the modules within one on lines of their own
    name = repr(backbone) if is_one_line else type(backbone).__name__
    return f"{len(network.members)} x {name}" if isinstance(network, Ensemble) else name


def _device_name(trainer: pl.Trainer) -> str:
    device = trainer.strategy.root_device
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)} x {trainer.world_size}"
    threads = torch.get_num_threads()
    name = f"{device.type} with {threads} thread{'s' * (threads > 1)} of {os.cpu_count()}"
    return name if trainer.world_size == 1 else f"{trainer.world_size} x {name}"


Value: TypeAlias = str | float


# A column for each: the class in a group of the configuration, or the value of a key; "" where a run has no
# such key. TensorBoard sorts columns by name and shows the first five, hence the numbers.
COLUMNS = (
    "data",
    "model",
    "seed",
    "model.hidden_size",
    "optimizer.lr",
    "model.num_layers",
    "model.bidirectional",
    "model.dropout",
    "data.batch_size",
    "data.view",
    "head",
    "head.dropout",
    "initialization.forget_bias",
    "initialization.chrono_steps",
    "optimizer",
    "optimizer.weight_decay",
    "schedule",
    "trainer.max_epochs",
    "members",
)
METRICS = ("accuracy", "macro_f1", "loss")


class RunPage(pl.Callback):
    """Writes what a run is at its start, and how it ended when it ends. Both need TensorBoard.

    Args:
        text: whether to write the page: configuration, data, environment, final metrics with each class's F1.
        hparams: whether to add a row to the table of hyperparameters and final metrics.
    """

    def __init__(self, text: bool, hparams: bool) -> None:
        self.text = text
        self.hparams = hparams

    def write_start(self, trainer: pl.Trainer, configuration: Path, data: str, environment: Path) -> None:
        """Before the training: the run folder's config.yaml, a line about the data, and environment.json."""
        if self.text:
            facts = json.loads(environment.read_text(encoding="utf-8"))
            page = "\n\n".join(
                [
                    f"## Data\n\n{data}",
                    f"## Environment\n\n{_table(facts)}",
                    f"## Configuration\n\n```yaml\n{configuration.read_text(encoding='utf-8').rstrip()}\n```",
                ]
            )
            sink_of(trainer).text("run/configuration", page, 0)

    def write_end(
        self, trainer: pl.Trainer, configuration: Mapping[str, Any], metrics: Mapping[str, float]
    ) -> None:
        """After the training: the configuration as plain values, and the metrics of metrics.json."""
        sink = sink_of(trainer)
        if self.text:
            sink.text("run/results", describe_metrics(metrics), trainer.global_step)
        if self.hparams:
            final = final_metrics(metrics)
            sink.charts({tag: v for tag, v in final.items() if tag.startswith("final/")}, trainer.global_step)
            sink.hyperparameters(read_hyperparameters(configuration), final)


def describe_metrics(metrics: Mapping[str, float]) -> str:
    """Markdown: tables of the metrics on dev and test, then of each class, then what the training took."""
    names = list(dict.fromkeys(name.split("/", 1)[1] for name in metrics if "/" in name))
    of_each = {metric: [n for n in names if n.startswith(f"{metric}/")] for metric in METRICS_OF_EACH}
    single = {name for found in of_each.values() for name in found}
    costs = {name: f"{value:,}" for name, value in metrics.items() if "/" not in name}
    sections = [f"## Metrics\n\n{_splits(metrics, [name for name in names if name not in single])}"]
    for metric, found in of_each.items():
        if found:
            sections.append(f"## {METRICS_OF_EACH[metric]}\n\n{_splits(metrics, found)}")
    return "\n\n".join([*sections, f"## Costs\n\n{_table(costs)}"])


def _splits(metrics: Mapping[str, float], names: list[str]) -> str:
    rows = ["| | val | test |", "| --- | --- | --- |"]
    for name in names:
        values = (metrics.get(f"{split}/{name}") for split in ("val", "test"))
        cells = ["" if value is None else f"{value:.4f}" for value in values]
        rows.append(f"| {escape(name.partition('/')[2] or name)} | {cells[0]} | {cells[1]} |")
    return "\n".join(rows)


def _table(values: Mapping[str, str]) -> str:
    return "\n".join(["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in values.items())])


def read_hyperparameters(configuration: Mapping[str, Any]) -> dict[str, Value]:
    """The columns of one run: of its configuration, as plain values."""
    values = {key: _look_up(configuration, key) for key in COLUMNS}
    values["data"] = name_data(configuration.get("data", {}))
    values["seed"] = str(values["seed"])  # TensorBoard would show a number as 1.0000
    return {f"{number:02} {key}": value for number, (key, value) in enumerate(values.items(), start=1)}


def final_metrics(metrics: Mapping[str, float]) -> dict[str, float]:
    """The metrics of the chosen checkpoint by tag: `test/accuracy`, and `final/val/accuracy`, since
    `val/accuracy` is a curve that may end with another value."""
    on_test = {f"test/{name}": metrics[f"test/{name}"] for name in METRICS if f"test/{name}" in metrics}
    on_dev = {f"final/val/{name}": metrics[f"val/{name}"] for name in METRICS if f"val/{name}" in metrics}
    return on_test | on_dev


def _look_up(configuration: Mapping[str, Any], key: str) -> Value:
    node: Any = configuration
    for name in key.split("."):
        node = node.get(name) if isinstance(node, Mapping) else None
    if isinstance(node, Mapping):
        return _class_name(node)
    if isinstance(node, bool):
        return str(node).lower()  # torch would write 1.0 and 0.0
    return node if isinstance(node, str | int | float) else ""


def _class_name(node: Mapping[str, Any]) -> str:
    name = str(node.get("_target_", "")).rsplit(".", 1)[-1]
    cell = node.get("cell", "lstm")
    return name if cell == "lstm" else f"{name} ({cell})"
