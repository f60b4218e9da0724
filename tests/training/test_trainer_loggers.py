import csv
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest
from disturbed_runs import STEPS, raise_signal, run
from pytorch_lightning.loggers import CSVLogger

from seqtrain.config import ConfigError, compose_config
from seqtrain.training.trainer import build_loggers, keep_rows


def log_one(folder: Path, value: float, keep: bool) -> str:
    """The table after a new logger has added one row."""
    logger = CSVLogger(folder, name="", version="")
    if keep:
        keep_rows(SimpleNamespace(loggers=[logger]))  # type: ignore[arg-type]
    logger.log_metrics({"loss": value}, step=int(value))
    logger.save()
    return (folder / "metrics.csv").read_text()


@pytest.mark.filterwarnings("ignore:Experiment logs directory")
def test_a_resumed_run_keeps_the_rows_before_it(tmp_path: Path) -> None:
    assert log_one(tmp_path, 1.0, keep=True) == "loss,step\n1.0,1\n"
    assert log_one(tmp_path, 2.0, keep=True) == "loss,step\n1.0,1\n2.0,2\n"


def test_two_loggers_at_once(tmp_path: Path) -> None:
    cfg = compose_config(["logger=[tensorboard,csv]", f"run_dir={tmp_path}"])
    assert [type(each).__name__ for each in build_loggers(cfg.logger)] == ["TensorBoard", "CSVLogger"]


def test_a_logger_whose_package_is_not_installed() -> None:
    cfg = compose_config(["logger={mine: {_target_: pytorch_lightning.loggers.CometLogger}}"])
    with pytest.raises(ConfigError) as caught:
        build_loggers(cfg.logger)
    assert caught.value.problems[0].startswith(
        "logger.mine: CometLogger needs a package that is not installed: "
    )


def test_a_csv_goes_on_after_an_interruption(compose, disturbed) -> None:
    cfg = compose("logger=csv")
    with pytest.raises(KeyboardInterrupt):
        disturbed(cfg, STEPS + 4, raise_signal(signal.SIGINT))
    run(cfg)
    with (Path(cfg.run_dir) / "metrics.csv").open(newline="") as file:
        steps = [int(row["step"]) for row in csv.DictReader(file) if row["train/loss"]]
    assert steps == [2, 4, 6, 8, 10, 12]
