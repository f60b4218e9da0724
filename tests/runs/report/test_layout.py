from __future__ import annotations

from pathlib import Path

from made_up_runs import flat_config

from seqtrain.runs.report.collect import Run
from seqtrain.runs.report.groups import compare_runs
from seqtrain.runs.report.layout import as_records, lay_out


def run(name: str, accuracy: float | None, **changes: object) -> Run:
    metrics = {} if accuracy is None else {"val/accuracy": accuracy, "test/accuracy": accuracy}
    return Run(Path(name), flat_config(**changes), metrics, "done" if metrics else "unfinished")


def test_a_single_group_is_compared_with_none() -> None:
    (section,) = compare_runs([run("a", 0.5)])
    table = lay_out(section)
    assert table.head == ("test/accuracy", "val/accuracy", "n", "parameters", "seconds")
    assert table.rows == (("0.5000", "0.5000", "1", "-", "-"),)
    assert table.notes == ("1 run: 1 done",)


def test_cells_stay_on_one_line() -> None:
    runs = [run("a", 0.5, model__name="x"), run("b\nc", None, model__name="y\tz")]
    (section,) = compare_runs(runs)
    table = lay_out(section)
    cells = [*table.head, *(cell for row in table.rows for cell in row), *table.notes]
    assert not any("\n" in cell or "\t" in cell for cell in cells)
    assert table.notes[-1] == "unfinished: b\\nc"


def test_records_keep_what_is_open() -> None:
    (section,) = compare_runs([run("a", 0.5), run("b", None)])
    done, unfinished = as_records(section)
    assert (done["state"], done["n"], done["test/accuracy"], done["folders"]) == ("done", 1, 0.5, "a")
    assert (unfinished["state"], unfinished["n"], unfinished["folders"]) == ("unfinished", 0, "b")
