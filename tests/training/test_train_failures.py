"""Trainings that are refused or fail."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from disturbed_runs import run

from seqtrain.config import ConfigError
from seqtrain.runs.folder import RunFolder


class TestFailure:
    def test_the_traceback_is_in_the_log_and_the_folder_can_go_on(self, compose, monkeypatch) -> None:
        cfg = compose()
        with monkeypatch.context() as patch:
            patch.setattr("seqtrain.training.train.measure", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                run(cfg)
        text = (Path(cfg.run_dir) / "train.log").read_text()
        assert "ERROR The run failed.\nTraceback (most recent call last):\n" in text
        assert "ZeroDivisionError: division by zero" in text
        folder = RunFolder(cfg.run_dir)
        assert folder.is_begun
        assert not folder.is_done
        run(cfg)
        assert folder.is_done

    def test_a_reader_of_the_output_who_leaves_is_no_failure_of_a_run_that_is_done(
        self, compose, monkeypatch
    ) -> None:
        def write_to_a_closed_pipe(*_: object, **__: object) -> None:
            raise BrokenPipeError

        cfg = compose()
        monkeypatch.setattr("seqtrain.training.train.summary.log_end", write_to_a_closed_pipe)
        with pytest.raises(BrokenPipeError):
            run(cfg)
        folder = RunFolder(cfg.run_dir)
        assert folder.is_done
        assert not folder.failure_file.exists()
        assert "The run failed." not in folder.log_file.read_text()

    @pytest.mark.parametrize(
        "what",
        ["model.input_size", "checkpoint of another model", "checkpoint of other data", "no checkpoint"],
    )
    def test_a_refusal_leaves_nothing(self, compose, tmp_path: Path, what: str) -> None:
        cfg = compose()
        if what == "model.input_size":
            cfg.model.input_size = 9
        elif what != "no checkpoint":
            other = ("model=gru",) if "model" in what else ("task=pos",)
            task = "digits" if "model" in what else "pos"
            run(compose(*other, f"run_dir={tmp_path / 'other'}", task=task))
            cfg.checkpoint = str(tmp_path / "other" / "checkpoints" / "last.ckpt")
        else:
            cfg.checkpoint = str(tmp_path / "missing.ckpt")
        with pytest.raises(
            ConfigError, match=r"^seqtrain: the configuration was refused \(1 problem\)"
        ) as caught:
            run(cfg)
        assert "\n  model.input_size: " in str(caught.value) or "\n  checkpoint: " in str(caught.value)
        assert not Path(cfg.run_dir).exists()


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("trainer=gpu", "trainer: No supported gpu backend found!"),
        (
            "model.backend=triton",
            "model.backend: triton needs a GPU, and this runs on cpu; leave it at auto",
        ),
    ],
)
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_refused_before_anything_is_written(
    compose, override: str, problem: str
) -> None:
    cfg = compose("model=bilstm", override)
    with pytest.raises(ConfigError) as refusal:
        run(cfg)
    assert refusal.value.problems[0].startswith(problem)
    assert not Path(cfg.run_dir).exists()
