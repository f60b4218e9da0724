from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_output import REFUSED, refused
from made_up_runs import write_run

from seqtrain.commands.report import main


@pytest.fixture(autouse=True)
def _runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_run(Path("runs/a"), 0, 0.5)
    write_run(Path("runs/b"), 0, 0.75, model___target_="torch.nn.GRU")


def test_the_runs_of_the_default_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    assert "*  GRU           0.7500" in out
    assert "2 runs: 2 done" in out


def test_some_of_them_as_json_in_a_file() -> None:
    assert main(["runs", "where=model=lstm", "format=json", "output=table.json"]) == 0
    (record,) = json.loads(Path("table.json").read_text())
    assert record["test/accuracy"] == 0.5


@pytest.mark.parametrize("form", ["csv", "json"])
def test_warnings_do_not_go_into_tables_for_programs(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path("runs/b/metrics.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"epochs": 60}))
    assert main([f"format={form}"]) == 0
    out, err = capsys.readouterr()
    assert "warning" not in out
    assert err == (
        "seqtrain: warning: SequenceClassification on Digits: epochs differ, from 2 to 60: a difference may "
        "come from longer training alone\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["format=html"], "format: got 'html', expected one of table, markdown, latex, csv, json"),
        (["where=model=bilstm"], "where: none of the 2 runs in runs meets model=bilstm"),
        (["nowhere"], "nowhere: no such folder; give folders that hold runs"),
        (["plot=a.png"], "x: missing; give the key to plot against, as in x=hidden_size"),
        (["plot=a.gif", "x=model"], "plot: got 'a.gif', expected a file that ends in .png, .svg, .pdf"),
        (["x=model"], "plot: missing; x and y are for a picture, so give plot=FILE.png"),
        (["metrik=a"], "metrik: no such argument; did you mean metric?"),
    ],
)
def test_refusals(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(main, arguments, capsys) == f"{REFUSED}{message}\n"


def test_an_empty_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert "empty: no run here; train one first, or give another folder" in refused(main, ["empty"], capsys)
