"""`seqtrain.runs(...)`: many runs as one value."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_up_runs import write_run

import seqtrain
from seqtrain.errors import ConfigError


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for size, accuracy in ((32, 0.5), (64, 0.75)):
        write_run(Path(f"runs/digits/lstm/{size}"), accuracy=accuracy, model__hidden_size=size)
    write_run(Path("runs/digits/lstm/open"))


def test_they_are_a_sequence_in_the_order_of_their_paths() -> None:
    runs = seqtrain.runs()
    assert [run.path.name for run in runs] == ["32", "64", "open"]
    assert runs[1].config["model.hidden_size"] == 64
    assert [run.state for run in runs[1:]] == ["done", "unfinished"]
    assert repr(runs[1]) == "Run(runs/digits/lstm/64, done, val/accuracy 0.7500, test/accuracy 0.7500)"
    assert len(seqtrain.runs("runs/digits", Path("runs"))) == 3


def test_they_are_chosen_as_by_the_command() -> None:
    runs = seqtrain.runs("runs")
    assert [run.path.name for run in runs.where("hidden_size<64")] == ["32"]
    with pytest.raises(
        ConfigError, match="where: no run has the configuration key 'hiden_size'; did you mean"
    ):
        runs.where("hiden_size<64")


def test_printed_they_are_the_table_of_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    from seqtrain.commands.report import main

    assert main(["runs"]) == 0
    assert f"{seqtrain.runs('runs')}\n" == capsys.readouterr().out
    assert repr(seqtrain.runs("runs").where("hidden_size>100")) == "no runs"


def test_a_folder_that_cannot_be_read_is_named_below() -> None:
    Path("runs/digits/lstm/32/metrics.json").write_text("{")
    assert (
        str(seqtrain.runs("runs")).splitlines()[-1].startswith("left out: runs/digits/lstm/32/metrics.json: ")
    )
