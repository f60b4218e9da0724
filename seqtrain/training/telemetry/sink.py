"""The one place that writes to the loggers of a run, and its TensorBoard logger."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl
from pytorch_lightning.loggers import Logger, TensorBoardLogger
from tensorboard.compat.proto.summary_pb2 import Summary
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from seqtrain.analysis.histogram import Histogram

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_LARGEST = 1.7976931348623157e308  # TensorBoard's name for the open upper end of a histogram


def sink_of(trainer: pl.Trainer) -> Sink:
    """The sink of a trainer's loggers, one of its callbacks, to which the first call adds it."""
    callbacks: list[pl.Callback] = trainer.callbacks  # type: ignore[attr-defined]
    for callback in callbacks:
        if isinstance(callback, Sink):
            return callback
    sink = Sink(trainer.loggers if trainer.is_global_zero else [])
    callbacks.append(sink)
    return sink


class Sink(pl.Callback):
    """Writes scalars, histograms, figures and text to every logger that can show them.

    Scalars go to all loggers; the rest needs TensorBoard. With `validation=True` TensorBoard's events go to
    the folder `validation` inside the run's own, so that the same tag of training and validation shares a
    chart; other loggers get the prefix `val/` instead. `step` is the number of optimizer steps taken. As a
    callback it closes the loggers when a training ends or fails.

    Args:
        loggers: of the trainer.
    """

    def __init__(self, loggers: Sequence[Logger]) -> None:
        self._boards = [logger for logger in loggers if isinstance(logger, TensorBoardLogger)]
        self._others = [logger for logger in loggers if not isinstance(logger, TensorBoardLogger)]
        self._validation: dict[TensorBoardLogger, SummaryWriter] = {}
        self._latest: tuple[dict[str, float], dict[str, float]] = ({}, {})
        self._steps: tuple[dict[str, int], dict[str, int]] = ({}, {})

    @property
    def latest(self) -> tuple[Mapping[str, float], Mapping[str, float]]:
        """The last value of every scalar by tag, of training and of validation."""
        return self._latest

    def measured_at(self, step: int) -> tuple[Mapping[str, float], Mapping[str, float]]:
        """Like `latest`, but only the scalars written at this optimizer step."""
        training, validation = (
            {tag: value for tag, value in latest.items() if steps[tag] == step}
            for latest, steps in zip(self._latest, self._steps, strict=True)
        )
        return training, validation

    @property
    def has_figures(self) -> bool:
        """Whether a logger can show a figure, an image or a text."""
        return bool(self._boards)

    def scalars(self, values: Mapping[str, float], step: int, *, validation: bool = False) -> None:
        """Write numbers by tag."""
        self._latest[validation].update(values)
        self._steps[validation].update(dict.fromkeys(values, step))
        named = {f"val/{tag}": value for tag, value in values.items()} if validation else dict(values)
        for logger in self._others:
            logger.log_metrics(named, step)
        self.charts(values, step, validation=validation)

    def charts(self, values: Mapping[str, float], step: int, *, validation: bool = False) -> None:
        """Write numbers by tag to TensorBoard alone: the other loggers have them under another name."""
        # All of them in one event: an event each takes ten times as long.
        summary = Summary(value=[Summary.Value(tag=tag, simple_value=v) for tag, v in values.items()])
        for writer in self._writers(validation) if values else []:
            _add_summary(writer, summary, step)

    def histograms(self, values: Mapping[str, Histogram], step: int, *, validation: bool = False) -> None:
        """Write histograms by tag."""
        for writer in self._writers(validation):
            for tag, histogram in values.items():
                writer.add_histogram_raw(
                    tag,
                    min=histogram.minimum,
                    max=histogram.maximum,
                    num=histogram.num,
                    sum=histogram.sum,
                    sum_squares=histogram.sum_squares,
                    # TensorBoard names a bin by its upper edge.
                    bucket_limits=[*histogram.edges.tolist(), _LARGEST],
                    bucket_counts=histogram.counts.tolist(),
                    global_step=step,
                )

    def figure(self, tag: str, figure: Figure, step: int, *, validation: bool = False) -> None:
        """Render a figure and write it as an image."""
        from seqtrain.analysis.figures.canvas import render

        for writer in self._writers(validation):
            writer.add_image(tag, render(figure), step, dataformats="HWC")

    def text(self, tag: str, markdown: str, step: int, *, validation: bool = False) -> None:
        """Write a text in Markdown."""
        for writer in self._writers(validation):
            writer.add_text(tag, markdown, step)

    def embedding(self, tag: str, points: Tensor, labels: Sequence[str], images: Tensor | None) -> None:
        """Write points (num, size) for the projector, each with a label, and images (num, height, width).

        They go to the folder of the validation, in place of those written before.
        """
        pictures = None if images is None else 1 - images[:, None].expand(-1, 3, -1, -1)
        for writer in self._writers(validation=True):
            with redirect_stdout(None):  # torch prints a warning where earlier points are replaced
                writer.add_embedding(points, list(labels), pictures, tag=tag)

    def layout(self, charts: Mapping[str, Mapping[str, tuple[str, list[str]]]]) -> None:
        """Write the charts of the Custom Scalars dashboard, see `seqtrain.training.telemetry.curves`."""
        for writer in self._writers(validation=False):
            writer.add_custom_scalars(charts)

    def hyperparameters(self, values: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
        """Add this run to the table of hyperparameters; the tags of the metrics are those of scalars."""
        for writer in self._writers(validation=False):
            for summary in hparams(dict(values), dict(metrics)):  # type: ignore[no-untyped-call]
                _add_summary(writer, summary)

    def flush(self) -> None:
        """Flush what has been written to disk."""
        for validation in (False, True):
            for writer in self._writers(validation, create=False):
                writer.flush()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        self.close()

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self.close()

    def close(self) -> None:
        """Flush, and end the threads that write; a later write opens a new event file."""
        for logger in [*self._boards, *self._others]:
            logger.finalize("success")
        for writer in self._validation.values():
            writer.close()
        self._validation = {}

    def _writers(self, validation: bool, create: bool = True) -> list[SummaryWriter]:
        if not validation:
            return [logger.experiment for logger in self._boards]
        for logger in self._boards if create else []:
            if logger not in self._validation:
                self._validation[logger] = SummaryWriter(Path(logger.log_dir) / "validation")
        return list(self._validation.values())


class TensorBoard(TensorBoardLogger):
    """Lightning's TensorBoard logger without the `hparams.yaml` that it writes beside the event files.

    That file would hold `{}`: the hyperparameters of a run are in its `config.yaml` and, through
    `seqtrain.training.telemetry.sink.Sink.hyperparameters`, in TensorBoard's own table.
    """

    def save(self) -> None:
        self.experiment.flush()


@contextmanager
def quiet_writers() -> Iterator[None]:
    """Keep threads that cannot write events from printing a traceback: the next write raises their error."""

    def report(failed: threading.ExceptHookArgs) -> None:
        if not (type(failed.thread).__module__.startswith("tensorboard.") and failed.exc_type is not None):
            before(failed)

    before = threading.excepthook
    threading.excepthook = report
    try:
        yield
    finally:
        threading.excepthook = before


def _add_summary(writer: SummaryWriter, summary: Summary, step: int | None = None) -> None:
    # After close() there is no file_writer, and only the private method opens another; where a release has
    # none, writing after close() is an AttributeError.
    file: Any = writer.file_writer or writer._get_file_writer()  # type: ignore[no-untyped-call]
    file.add_summary(summary, step)
