from __future__ import annotations

import csv
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from event_files import read_histograms, read_images, read_scalars, read_texts
from matplotlib.figure import Figure
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger
from torch.utils.tensorboard import SummaryWriter

from seqtrain.analysis.histogram import Histogram
from seqtrain.training import TensorBoard
from seqtrain.training.telemetry.sink import Sink, sink_of


@pytest.fixture
def sink(tmp_path: Path) -> Sink:
    return Sink([TensorBoardLogger(tmp_path / "run", "", ""), CSVLogger(tmp_path / "table", "", "")])


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_scalars_go_to_every_logger(sink: Sink, tmp_path: Path) -> None:
    sink.scalars({"train/loss": 0.5}, 3)
    sink.close()
    assert read_scalars(tmp_path / "run") == {"train/loss": {3: 0.5}}
    assert rows(tmp_path / "table") == [{"train/loss": "0.5", "step": "3"}]


def test_the_numbers_of_a_step_are_those_written_then() -> None:
    sink = Sink([])
    sink.scalars({"train/loss": 2.0}, 4)
    sink.scalars({"dead": 0.5, "ratio": 1.0}, 3, validation=True)
    sink.scalars({"ratio": 0.1}, 4, validation=True)
    assert sink.latest == ({"train/loss": 2.0}, {"dead": 0.5, "ratio": 0.1})
    assert sink.measured_at(4) == ({"train/loss": 2.0}, {"ratio": 0.1})


def test_validation_has_a_folder_in_tensorboard_and_a_prefix_elsewhere(sink: Sink, tmp_path: Path) -> None:
    sink.scalars({"h_n/layer0/forward/mean": 0.25}, 7, validation=True)
    sink.close()
    assert read_scalars(tmp_path / "run") == {}
    assert read_scalars(tmp_path / "run" / "validation") == {"h_n/layer0/forward/mean": {7: 0.25}}
    assert rows(tmp_path / "table") == [{"val/h_n/layer0/forward/mean": "0.25", "step": "7"}]


def test_what_tensorboard_alone_shows(sink: Sink, tmp_path: Path) -> None:
    sink.charts({"loss": 0.5}, 1)
    sink.figure("states", Figure(figsize=(1, 1)), 4)
    sink.text("run", "**done**", 5)
    sink.close()
    assert read_scalars(tmp_path / "run") == {"loss": {1: 0.5}}
    assert read_images(tmp_path / "run") == {"states": [4]}
    assert read_texts(tmp_path / "run") == {"run": {5: "**done**"}}
    assert not (tmp_path / "table" / "metrics.csv").exists()


def test_a_histogram_keeps_its_edges_and_counts(sink: Sink, tmp_path: Path) -> None:
    edges, counts = torch.tensor([0.0, 1.0]), torch.tensor([2.0, 5.0, 1.0])
    sink.histograms({"h_n/layer0/forward": Histogram(edges, counts, -0.5, 1.5, 8, 4.0, 6.0)}, 2)
    sink.close()
    histogram = read_histograms(tmp_path / "run")["h_n/layer0/forward"][2]
    assert histogram.bucket_limit[:2] == [0.0, 1.0]
    assert histogram.bucket == [2.0, 5.0, 1.0]
    assert (histogram.min, histogram.max, histogram.num) == (-0.5, 1.5, 8)
    assert (histogram.sum, histogram.sum_squares) == (4.0, 6.0)


def test_writing_after_close_goes_on(sink: Sink, tmp_path: Path) -> None:
    for step in (1, 2):
        sink.scalars({"h_n": 0.5 * step}, step, validation=True)
        sink.scalars({"loss": 0.5 * step}, step)
        sink.close()
    assert read_scalars(tmp_path / "run")["loss"] == {1: 0.5, 2: 1.0}
    assert read_scalars(tmp_path / "run" / "validation")["h_n"] == {1: 0.5, 2: 1.0}


def test_a_summary_writer_needs_no_private_method_before_it_is_closed(
    sink: Sink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink.scalars({"train/loss": 0.5}, 3)  # opens the file
    monkeypatch.delattr(SummaryWriter, "_get_file_writer")
    sink.scalars({"train/loss": 0.25}, 4)
    sink.hyperparameters({"lr": 0.1}, {"train/loss": 0.25})
    sink.close()
    assert read_scalars(tmp_path / "run")["train/loss"] == {3: 0.5, 4: 0.25}


def test_without_loggers_nothing_happens() -> None:
    sink = Sink([])
    sink.scalars({"loss": 1.0}, 1, validation=True)
    sink.close()
    assert not sink.has_figures


def test_a_trainer_has_one_sink(tmp_path: Path) -> None:
    trainer = pl.Trainer(
        accelerator="cpu",
        logger=TensorBoardLogger(tmp_path, "", ""),
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    sink = sink_of(trainer)
    assert sink is sink_of(trainer)
    assert sink.has_figures
    assert trainer.callbacks.count(sink) == 1


@pytest.mark.parametrize("hook", ["teardown", "on_exception"])
def test_the_end_of_a_training_closes_the_loggers(hook: str, sink: Sink, tmp_path: Path) -> None:
    sink.scalars({"h_n": 0.5}, 1, validation=True)
    getattr(sink, hook)(None, None, None)
    assert read_scalars(tmp_path / "run" / "validation")["h_n"] == {1: 0.5}
    assert rows(tmp_path / "table") == [{"val/h_n": "0.5", "step": "1"}]


def test_only_event_files_are_written(tmp_path: Path) -> None:
    logger = TensorBoard(tmp_path, "", "")
    logger.log_metrics({"train/loss": 0.5}, step=3)
    logger.save()
    logger.finalize("success")
    assert [path.name.partition(".")[0] for path in tmp_path.iterdir()] == ["events"]
    assert read_scalars(tmp_path)["train/loss"] == {3: 0.5}
