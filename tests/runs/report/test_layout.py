from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from made_up_runs import flat_config

from seqtrain.runs.report.collect import Run
from seqtrain.runs.report.groups import Section, compare_runs
from seqtrain.runs.report.layout import as_records, find_imbalances, lay_out


def run(name: str, accuracy: float | None, **changes: object) -> Run:
    metrics = {} if accuracy is None else {"val/accuracy": accuracy, "test/accuracy": accuracy}
    return Run(Path(name), flat_config(**changes), metrics, "done" if metrics else "unfinished")


def test_a_single_group_is_compared_with_none() -> None:
    (section,) = compare_runs([run("a", 0.5)])
    table = lay_out(section)
    assert table.head == ("test/accuracy", "val/accuracy", "n", "parameters", "epochs", "seconds")
    assert table.rows == (("0.5000", "0.5000", "1", "-", "-", "-"),)
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


def seeds(
    name: str, accuracies: list[float], more: dict[str, float] | None = None, **changes: Any
) -> list[Run]:
    metrics = [{"val/accuracy": each, "test/accuracy": each} | (more or {}) for each in accuracies]
    return [
        Run(Path(f"{name}{seed}"), flat_config(seed=seed, optimizer__name=name, **changes), each, "done")
        for seed, each in enumerate(metrics)
    ]


def failing(name: str, numbers: range, state: str = "failed") -> list[Run]:
    configs = [flat_config(seed=number, optimizer__name=name) for number in numbers]
    return [Run(Path(f"{name}{config['seed']}"), config, {}, state, "diverged") for config in configs]


def column(section: Section, name: str) -> list[str]:
    table = lay_out(section)
    return [row[table.head.index(name)] for row in table.rows]


def test_failed_runs_are_counted_in_their_row() -> None:
    runs = [*seeds("a", [0.9] * 3), *failing("a", range(3, 7)), *seeds("b", [0.8] * 7)]
    runs += [*failing("c", range(2)), *failing("c", range(2, 3), "running")]
    (section,) = compare_runs(runs)
    assert column(section, "n") == ["3 of 7, 4 failed", "7", "0 of 3, 1 running, 2 failed"]
    assert column(section, "test/accuracy") == ["0.9000 ± 0.0000", "0.8000 ± 0.0000", "-"]
    assert column(section, "difference in test/accuracy")[2] == "-"
    warning = "2 configurations have failed runs, which are in no mean: the others alone look too good"
    assert find_imbalances(section) == [warning]
    assert f"warning: {warning}" in lay_out(section).notes


def test_a_seed_that_failed_and_was_done_again_did_not_fail() -> None:
    (section,) = compare_runs([*failing("a", range(1)), *seeds("a", [0.9, 0.9])])
    assert column(section, "n") == ["2"]
    assert section.num_repeated == 0


def test_a_mean_over_fewer_runs_shows_how_many() -> None:
    runs = seeds("a", [0.9] * 4)
    del runs[0].metrics["test/accuracy"]  # as of one that was nan
    (section,) = compare_runs(runs)
    assert column(section, "test/accuracy") == ["0.9000 ± 0.0000 (3 of 4)"]
    note = "A mean over fewer than n runs: the metric of the others is nan, infinite or missing."
    assert note in lay_out(section).notes


def test_p_values_are_corrected_for_the_number_of_rows() -> None:
    runs = [run for name, level in (("a", 0.9), ("b", 0.8), ("c", 0.7)) for run in seeds(name, [level] * 6)]
    (section,) = compare_runs([*runs, *seeds("d", [0.6] * 2)])
    # each alone: 2 of 64 sign flips; twice that for two comparisons
    assert column(section, "difference in test/accuracy") == [
        "best",
        "-0.1000, p = 0.062",
        "-0.2000, p = 0.062",
        "-0.3000, 2 seeds are too few to tell",
    ]
    assert [record["p_uncorrected"] for record in as_records(section)] == [None, 0.03125, 0.03125, None]
    assert [record["p"] for record in as_records(section)] == [None, 0.0625, 0.0625, None]
    assert (
        "The best is chosen by val/accuracy. Differences from it are means over shared seeds, with p from a "
        "paired permutation test, corrected by Holm's method for 2 comparisons; where no row has 7 of them, "
        "no p can be <= 0.05."
    ) in lay_out(section).notes


def test_unequal_sizes_and_epochs_are_shown_and_warned_of() -> None:
    small, long = {"parameters": 72_000, "epochs": 60}, {"parameters": 144_000, "epochs": 3}
    (section,) = compare_runs([*seeds("a", [0.9] * 2, small), *seeds("b", [0.8] * 2, long)])
    assert column(section, "parameters") == ["72,000", "144,000"]
    assert column(section, "epochs") == ["60", "3"]
    assert find_imbalances(section) == [
        "parameters differ, from 72,000 to 144,000: a difference may come from size alone",
        "epochs differ, from 3 to 60: a difference may come from longer training alone",
    ]
    assert lay_out(section).notes[-1] == f"warning: {find_imbalances(section)[1]}"
    (alone,) = compare_runs(seeds("a", [0.9] * 2, small))
    assert find_imbalances(alone) == []


def test_sizes_that_were_chosen_for_one_number_of_parameters_are_equal() -> None:
    runs = [
        *seeds("a", [0.9] * 2, {"parameters": 69_900}, parameters=70_000),
        *seeds("b", [0.8] * 2, {"parameters": 70_100}, parameters=70_000),
    ]
    (section,) = compare_runs(runs)
    assert find_imbalances(section) == []


@pytest.mark.parametrize(("limit", "is_warned"), [(60, False), (30, True)])
def test_epochs_may_differ_where_early_stopping_ended_runs(limit: int, is_warned: bool) -> None:
    stopping = {"callbacks__early_stopping___target_": "pytorch_lightning.callbacks.EarlyStopping"}
    first = seeds("a", [0.9] * 2, {"epochs": 20}, trainer__max_epochs=60, **stopping)
    first[1].metrics["epochs"] = 25
    second = seeds("b", [0.8] * 2, {"epochs": 30}, trainer__max_epochs=limit, **stopping)
    (section,) = compare_runs([*first, *second])
    assert column(section, "epochs") == ["20 to 25", "30"]
    assert bool(find_imbalances(section)) == is_warned


def test_by_never_pools_configurations() -> None:
    rates = {0.001: 0.5, 0.1: 0.9}
    runs = [
        Run(
            Path("a"), flat_config(seed=seed, optimizer__lr=lr), {"test/accuracy": mean + 0.01 * seed}, "done"
        )
        for lr, mean in rates.items()
        for seed in (0, 1)
    ]
    (section,) = compare_runs(runs, by=["model"])
    assert column(section, "lr") == ["0.001", "0.1"]
    assert column(section, "test/accuracy") == ["0.5050 ± 0.0071", "0.9050 ± 0.0071"]
    assert (
        "Rows differ in lr too, which by= does not name: ± is over seeds only. Choose one of them with "
        "where=KEY=VALUE."
    ) in lay_out(section).notes
