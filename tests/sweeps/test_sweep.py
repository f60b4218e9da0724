"""Sweeps in one process: names, what is run again and what is not, failures, interruptions."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from disturbed_runs import at_step, interrupt
from small_runs import metrics_of

from seqtrain.sweeps.sweep import name_job, name_sweep

Command = Callable[..., int]


def jobs() -> dict[str, Path]:
    """The folder of each job by its name without the key."""
    return {path.name.rpartition("-")[0]: path for path in Path("runs/sweeps").glob("*/*")}


def logs() -> dict[str, str]:
    return {name: (path / "train.log").read_text() for name, path in jobs().items()}


def test_jobs_are_named_and_the_table_has_them_all(sweep: Command, capfd) -> None:
    assert sweep("model=rnn,gru", "seed=0,1") == 0
    assert Path("runs/sweeps/digits-model,seed").is_dir()
    assert set(jobs()) == {f"model={model},seed={seed}" for model in ("rnn", "gru") for seed in (0, 1)}
    out, err = capfd.readouterr()
    assert "4 runs: 4 done\n" in out
    lines = [line.partition("-")[0].partition("  about")[0] for line in err.splitlines()]
    assert lines == [
        "4 jobs in runs/sweeps/digits",
        "1 of 4  model=rnn,seed=0",
        "2 of 4  model=rnn,seed=1",
        "3 of 4  model=gru,seed=0",
        "4 of 4  model=gru,seed=1",
    ]


def test_finished_jobs_are_skipped_and_new_values_run_alone(sweep: Command, capfd) -> None:
    assert sweep("seed=0,1") == 0
    before = logs()
    capfd.readouterr()
    assert sweep("seed=0,1") == 0
    out, err = capfd.readouterr()
    assert err == "2 jobs in runs/sweeps/digits-seed, 2 of them done already\n"
    assert "2 runs: 2 done" in out
    assert logs() == before
    assert sweep("seed=1,2") == 0
    assert set(jobs()) == {"seed=0", "seed=1", "seed=2"}
    assert {name: text for name, text in logs().items() if name in before} == before


def test_another_configuration_is_another_job_of_a_named_sweep(sweep: Command) -> None:
    assert sweep("seed=0", "sweep=mine") == 0
    assert sweep("seed=0", "sweep=mine", "model=gru") == 0
    assert len(metrics_of("runs/sweeps/mine/*")) == 2


def test_a_failing_job_does_not_end_the_others(sweep: Command, monkeypatch, capfd) -> None:
    Path("broken_package.py").write_text(
        "import torch\n\nclass Broken(torch.nn.GRU):\n    def forward(self, *inputs):\n"
        "        return 1 / 0 if self.training else super().forward(*inputs)\n"
    )
    Path("mine/model").mkdir(parents=True)
    Path("mine/model/broken.yaml").write_text(
        "_target_: broken_package.Broken\ninput_size: null\nhidden_size: 4\nbatch_first: true\n"
    )
    monkeypatch.syspath_prepend(Path.cwd())
    arguments = ("--config-dir=mine", "plugins=[broken_package]", "model=broken,rnn,gru")
    assert sweep(*arguments) == 1
    folder = jobs()["model=broken"]
    out, err = capfd.readouterr()
    assert f"{folder.name} failed: division by zero (see {folder}/job.log)\n" in err
    assert "Traceback" not in err
    assert err.endswith(
        f"1 of 3 jobs are not done:\n  {folder.name}: ZeroDivisionError: division by zero\n"
        f"    see {folder}/job.log\nThe same command tries these again and runs none of the others.\n"
    )
    assert f"failed: {folder} (ZeroDivisionError: division by zero)" in out
    assert "Traceback" in (folder / "job.log").read_text()
    before = {name: text for name, text in logs().items() if "broken" not in name}
    assert sweep(*arguments) == 1
    assert (folder / "job.log").read_text().count(
        "ZeroDivisionError: division by zero"
    ) == 2  # one an attempt
    assert {name: text for name, text in logs().items() if "broken" not in name} == before


def test_a_job_that_fails_before_it_trains_is_listed_too(sweep: Command, capfd) -> None:
    assert sweep("task=pos", "data.path=nowhere", "~callbacks.hidden_states", "seed=0,1") == 1
    out, err = capfd.readouterr()
    assert "2 runs: 2 failed" in out
    assert "no file *train.conllu here" in err


@pytest.mark.parametrize(("name", "content"), [("metrics.json", "[[[["), ("config.yaml", "[[[[")])
def test_a_folder_that_cannot_be_read_costs_the_table_a_row(
    sweep: Command, capfd, name: str, content: str
) -> None:
    assert sweep("seed=0,1") == 0
    (jobs()["seed=0"] / name).write_text(content)
    capfd.readouterr()
    assert sweep("seed=0,1") == 0
    out, err = capfd.readouterr()
    assert "1 run: 1 done\n" in out
    assert "seqtrain: warning: left out: " in err
    assert name in err


def test_a_folder_that_cannot_be_made_ends_the_sweep_when_the_others_are_done(sweep: Command, capfd) -> None:
    assert sweep("seed=0,1", "sweep=mine") == 0
    folder = jobs()["seed=0"]
    shutil.rmtree(folder)
    folder.write_text("in the way")
    capfd.readouterr()
    assert sweep("seed=0,1,2", "sweep=mine") == 2
    assert f"run_dir: {folder}/.lock cannot be locked: File exists" in capfd.readouterr().err
    assert (jobs()["seed=2"] / "metrics.json").exists()


def test_an_interruption_is_continued_with_the_numbers_of_one_that_never_was(sweep: Command, capfd) -> None:
    assert sweep("seed=0,1,2", "sweep=whole") == 0
    capfd.readouterr()
    with at_step(8, interrupt):
        assert sweep("seed=0,1,2", "sweep=parts") == 130
    err = capfd.readouterr().err
    (begun,) = Path("runs/sweeps/parts").glob("seed=1-*")
    assert err.endswith(
        f"Interrupted. 1 of 3 jobs is done, 1 was running ({begun.name}), 1 is left. "
        "The same command continues them.\n"
    )
    assert sweep("seed=0,1,2", "sweep=parts") == 0
    assert ", resumed" in (begun / "train.log").read_text()
    assert metrics_of("runs/sweeps/parts/*") == metrics_of("runs/sweeps/whole/*")
    assert len(metrics_of("runs/sweeps/parts/*")) == 3


@pytest.mark.parametrize("place", ["seqtrain.sweeps.job._train", "seqtrain.sweeps.launch.run_job"])
def test_an_interruption_that_a_library_turned_into_an_error(place: str, sweep: Command, capfd) -> None:
    def interrupted(*_: Any) -> None:
        try:
            interrupt()
        except KeyboardInterrupt:
            raise ValueError("Unsupported interpolation type") from None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, interrupted)
        assert sweep("model=rnn,gru") == 130
    out, err = capfd.readouterr()
    assert out == ""
    assert re.search(r"Interrupted\. 0 of 2 jobs are done, .*The same command continues them\.\n$", err)
    assert "Traceback" not in err
    assert "failed" not in err
    assert sweep("model=rnn,gru") == 0
    assert "2 runs: 2 done\n" in capfd.readouterr().out


@pytest.mark.slow
def test_the_table_is_the_one_computed_by_hand(sweep: Command, capfd) -> None:
    assert sweep("model=rnn,lstm,gru,bilstm", "seed=0,1,2") == 0
    out = capfd.readouterr().out
    rows = {
        cells[0]: cells[1:] for cells in (line.lstrip("* ").split() for line in out.splitlines()) if cells
    }
    for name in ("RNN", "LSTM", "GRU", "BiLSTM"):
        files = Path("runs/sweeps").glob(f"*/model={name.lower()},seed=*/metrics.json")
        metrics = [json.loads(file.read_text()) for file in files]
        assert len(metrics) == 3
        expected = []
        for metric in ("test/accuracy", "val/accuracy"):
            values = [each[metric] for each in metrics]
            mean = sum(values) / 3
            deviation = (sum((value - mean) ** 2 for value in values) / (3 - 1)) ** 0.5
            expected += [f"{mean:.4f}", "±", f"{deviation:.4f}"]
        seconds = sum(each["seconds"] for each in metrics) / 3
        expected += ["3", f"{metrics[0]['parameters']:,}", "2", f"{seconds:,.1f}"]
        assert rows[name][: len(expected)] == expected


CONFIG = {"run_dir": "a", "data_dir": "b", "model": {"hidden_size": 64}}


def test_a_sweep_is_named_after_its_axes_not_their_values() -> None:
    assert name_sweep("pos", ["model", "model.hidden_size", "seed"]) == "pos-model,hidden_size,seed"
    assert name_sweep("pos", []) == "pos"


def test_a_job_is_named_after_its_values_and_its_content() -> None:
    name = name_job({"model": "lstm", "model.hidden_size": "64", "seed": "1"}, CONFIG)
    assert name.rpartition("-")[0] == "model=lstm,hidden_size=64,seed=1"
    assert name_job({"seed": "1"}, {**CONFIG, "run_dir": "elsewhere"}) == name_job({"seed": "1"}, CONFIG)
    assert name_job({"seed": "1"}, {**CONFIG, "members": 2}) != name_job({"seed": "1"}, CONFIG)


def test_names_can_be_folders() -> None:
    name = name_job({"data.path": "/a/b c", "model": "x" * 500}, CONFIG)
    assert name.startswith("path=_a_b_c,model=xxx")
    assert len(name) < 130
