from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from made_up_runs import write_run

from seqtrain.runs.folder import RunFolder
from seqtrain.runs.report.collect import collect_runs
from seqtrain.runs.report.formats import render
from seqtrain.runs.report.groups import Section, compare_runs


@pytest.fixture
def sections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Section]:
    monkeypatch.chdir(tmp_path)
    for seed in (0, 1):
        write_run(Path(f"runs/lstm{seed}"), seed, 0.95 + 0.02 * seed)
        write_run(Path(f"runs/gru{seed}"), seed, 0.85, model___target_="torch.nn.GRU")
    write_run(Path("runs/open"), 2)
    return compare_runs(collect_runs([Path("runs")]).runs)


def test_terminal(sections: list[Section]) -> None:
    assert render(sections, "table").splitlines() == [
        "SequenceClassification on Digits",
        "   model    test/accuracy     val/accuracy                     n  parameters  epochs  seconds  "
        "difference in test/accuracy",
        "*  LSTM   0.9600 ± 0.0141  0.9600 ± 0.0141  2 of 3, 1 unfinished       1,000       2     10.5  best",
        "   GRU    0.8500 ± 0.0000  0.8500 ± 0.0000                     2       1,000       2     10.5  "
        "-0.1100, 2 seeds are too few to tell",
        "5 runs: 4 done, 1 unfinished",
        "The best is chosen by val/accuracy. Differences from it are means over shared seeds, with p from a "
        "paired permutation test; where no row has 6 of them, no p can be <= 0.05.",
        "unfinished: runs/open",
    ]


def test_markdown_marks_the_best(sections: list[Section]) -> None:
    lines = render(sections, "markdown").splitlines()
    assert lines[0] == "## SequenceClassification on Digits"
    assert lines[4].startswith("| **LSTM** | **0.9600 ± 0.0141** | **0.9600 ± 0.0141** | **2 of")
    assert lines[5].startswith("| GRU | 0.8500 ± 0.0000 |")


def test_latex_is_escaped(sections: list[Section]) -> None:
    text = render(sections, "latex")
    assert r"\begin{tabular}{llllllll}" in text
    assert r"\textbf{LSTM} & \textbf{0.9600 $\pm$ 0.0141} &" in text
    assert text.count(r"\\") == 3


def test_csv_and_json_hold_unrounded_numbers(sections: list[Section]) -> None:
    rows = list(csv.DictReader(io.StringIO(render(sections, "csv"))))
    records = json.loads(render(sections, "json"))
    assert [row["model"] for row in rows] == ["LSTM", "GRU", "LSTM"]
    assert float(rows[0]["test/accuracy/deviation"]) == records[0]["test/accuracy/deviation"]
    assert records[0]["test/accuracy"] == pytest.approx(0.96)
    assert (records[0]["best"], records[0]["n"], records[2]["state"]) == (True, 2, "unfinished")


def test_json_has_the_values_of_each_seed_and_numbers_as_numbers(tmp_path: Path) -> None:
    for seed in (0, 1):
        write_run(tmp_path / f"a{seed}", seed, 0.5 + seed, optimizer__lr=1e-05, optimizer__fused=True)
    write_run(tmp_path / "b", 0, 0.25, optimizer__lr=0.01, optimizer__fused=None, data__crop=[2, 3])
    RunFolder(write_run(tmp_path / "c", 2, optimizer__lr=1e-05, optimizer__fused=True)).write_failure(
        RuntimeError("diverged")
    )
    sections = compare_runs(collect_runs([tmp_path]).runs, by=["lr", "fused", "crop"])
    first, second, failed = json.loads(render(sections, "json"))
    assert (first["optimizer.lr"], first["optimizer.fused"], first["data.crop"]) == (1e-05, True, None)
    assert (second["optimizer.lr"], second["optimizer.fused"], second["data.crop"]) == (0.01, None, [2, 3])
    assert (first["n"], first["num_runs"], first["num_failed"]) == (2, 3, 1)
    assert [(run["seed"], run["state"], run["test/accuracy"], run["epochs"]) for run in first["runs"]] == [
        (0, "done", 0.5, 2),
        (1, "done", 1.5, 2),
        (2, "failed", None, None),
    ]
    assert (failed["state"], failed["reason"]) == ("failed", "RuntimeError: diverged")
    rows = list(csv.DictReader(io.StringIO(render(sections, "csv"))))
    cells = [(row["optimizer.lr"], row["optimizer.fused"], row["data.crop"]) for row in rows[:2]]
    assert cells == [("1e-05", "true", ""), ("0.01", "", "[2, 3]")]
    assert "runs" not in rows[0]


def test_what_is_not_finite_is_no_invalid_json(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "a", 0, 0.5)
    (folder / "metrics.json").write_text('{"val/accuracy": NaN, "test/accuracy": 0.5}')
    (record,) = json.loads(render(compare_runs(collect_runs([tmp_path]).runs), "json"))
    assert (record["val/accuracy"], record["runs"][0]["val/accuracy"]) == (None, None)


@pytest.mark.parametrize(
    ("form", "cell"), [("latex", r"a\_b|\textbackslash{}c"), ("markdown", r"a_b\|\c"), ("csv", "a_b|\\c")]
)
def test_special_characters_are_escaped(form: str, cell: str, tmp_path: Path) -> None:
    for number, name in enumerate(("a_b|\\c", "plain")):
        write_run(tmp_path / str(number), accuracy=0.5, optimizer__name=name)
    assert cell in render(compare_runs(collect_runs([tmp_path]).runs), form)
