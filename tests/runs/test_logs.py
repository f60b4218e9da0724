from __future__ import annotations

import logging
import re
import time
import warnings

import pytest
from choosing import choose_run_folder
from omegaconf import DictConfig

from seqtrain.config import ConfigError
from seqtrain.runs import logs
from seqtrain.runs.logs import logged, metrics_table, quiet_lightning

METRICS = {"val/loss": 0.5, "val/f1/A": 1.0, "test/loss": 12.0, "test/extra": 1 / 3, "seconds": 61.5}
METRICS |= {"parameters": 1234567}


@pytest.mark.parametrize(("silence", "pattern"), [(0.0, r"waiting \.\.\.\nwaiting: 0\.\d s\n"), (60.0, "")])
def test_only_what_takes_long_is_told(silence: float, pattern: str, capsys, monkeypatch) -> None:
    monkeypatch.setattr(logs, "SILENCE", silence)
    with logs.patience("waiting"):
        time.sleep(0.1)
    assert re.fullmatch(pattern, capsys.readouterr().err)


class TestLogged:
    def test_lines_go_to_the_terminal_and_the_file_once(self, cfg: DictConfig, capsys) -> None:
        folder = choose_run_folder(cfg, is_given=False)
        log = logging.getLogger("seqtrain")
        for _ in range(2):
            with quiet_lightning(), logged(folder):
                log.info("said")
                logging.getLogger("pytorch_lightning").info("an advertisement")
        log.info("said to nobody")
        captured = capsys.readouterr()
        assert (captured.out, captured.err) == ("", "said\nsaid\n")
        lines = folder.log_file.read_text().splitlines()
        assert [line.split(" ", 2)[2] for line in lines] == ["INFO said", "INFO said"]

    def test_a_traceback_goes_to_the_file(self, cfg: DictConfig, capsys) -> None:
        folder = choose_run_folder(cfg, is_given=False)
        with logged(folder):
            try:
                raise RuntimeError("broken")
            except RuntimeError:
                logging.getLogger("seqtrain").exception("The run failed.")
        assert capsys.readouterr().err == ""  # the caller prints it
        text = folder.log_file.read_text()
        assert "ERROR The run failed.\nTraceback (most recent call last):\n" in text
        assert text.endswith("RuntimeError: broken\n")

    def test_warnings_go_to_the_file(self, cfg: DictConfig, capsys) -> None:
        folder = choose_run_folder(cfg, is_given=False)
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            with quiet_lightning(), logged(folder):
                warnings.warn("odd", UserWarning, stacklevel=1)
                logging.getLogger("pytorch_lightning").warning("odder")
        assert capsys.readouterr().err == ""
        text = folder.log_file.read_text()
        assert "WARNING" in text
        assert "UserWarning: odd\n" in text
        assert "WARNING odder\n" in text

    def test_a_log_that_cannot_be_opened(self, cfg: DictConfig) -> None:
        folder = choose_run_folder(cfg, is_given=False)
        folder.log_file.mkdir()
        message = f"run_dir: {folder.log_file} cannot be written: Is a directory"
        with pytest.raises(ConfigError, match=re.escape(message)), logged(folder):
            pass

    def test_a_log_that_cannot_be_written_says_nothing_itself(self, cfg: DictConfig, capsys) -> None:
        folder = choose_run_folder(cfg, is_given=False)
        folder.log_file.symlink_to("/dev/full")
        with logged(folder):
            logging.getLogger("seqtrain").info("said")
        assert capsys.readouterr().err == "said\n"


def test_a_row_for_each_metric_and_a_column_for_each_split() -> None:
    assert metrics_table(METRICS).splitlines() == [
        "                val     test",
        "loss         0.5000  12.0000",
        "f1/A         1.0000",
        "extra                 0.3333",
        "seconds        61.5",
        "parameters 1,234,567",
    ]
    assert metrics_table({"test/loss": 0.5}).splitlines() == ["         test", "loss   0.5000"]


def test_classes_can_be_left_out() -> None:
    assert "f1/A" not in metrics_table(METRICS, per_class=False)
