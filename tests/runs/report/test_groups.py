from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from made_up_runs import flat_config

from seqtrain.config import ConfigError
from seqtrain.runs.report.collect import Run
from seqtrain.runs.report.groups import Section, compare_runs
from seqtrain.runs.report.layout import lay_out


def run(accuracy: float | None, seed: int = 0, dev: float = 0.5, **changes: Any) -> Run:
    config = flat_config(seed=seed, **changes)
    if accuracy is None:
        return Run(Path("run"), config, {}, "unfinished")
    metrics = {"val/accuracy": dev, "test/accuracy": accuracy, "parameters": 7, "seconds": 3.0}
    return Run(Path("run"), config, metrics, "done")


def only(sections: list[Section]) -> Section:
    (section,) = sections
    return section


def test_mean_and_sample_deviation_over_seeds() -> None:
    (group,) = only(compare_runs([run(0.95, 0), run(0.97, 1)])).groups
    statistic = group.statistics["test/accuracy"]
    assert statistic.mean == pytest.approx(0.96)
    # 0.95 and 0.97 lie 0.01 from their mean: sqrt((0.01^2 + 0.01^2) / (2 - 1))
    assert statistic.deviation == pytest.approx(0.01 * 2**0.5)
    assert statistic.num == 2


def test_the_same_run_in_two_folders_counts_once() -> None:
    section = only(compare_runs([run(0.95, 0), run(0.95, 0), run(0.97, 1)]))
    assert section.groups[0].statistics["test/accuracy"].num == 2
    assert section.num_repeated == 1
    assert (
        "1 not counted: another run has the same configuration and the same seed." in lay_out(section).notes
    )


def test_one_run_has_no_deviation() -> None:
    (group,) = only(compare_runs([run(0.95)])).groups
    assert group.statistics["test/accuracy"].deviation is None


def test_the_best_is_chosen_by_the_dev_metric_not_by_the_test() -> None:
    runs = [run(0.9, dev=0.6, model__hidden_size=1), run(0.8, dev=0.7, model__hidden_size=2)]
    groups = only(compare_runs(runs)).groups
    assert [(group.config["model.hidden_size"], group.is_best) for group in groups] == [(2, True), (1, False)]
    assert groups[1].difference is not None
    assert groups[1].difference.mean == pytest.approx(0.1)


def test_less_is_better_where_the_task_says_so() -> None:
    low = {"task__mode": "min"}
    runs = [run(0.9, dev=0.6, model__hidden_size=1, **low), run(0.8, dev=0.7, model__hidden_size=2, **low)]
    assert only(compare_runs(runs)).groups[0].config["model.hidden_size"] == 1


def test_unfinished_runs_are_in_no_mean() -> None:
    section = only(compare_runs([run(0.95, 0), run(None, 1)]))
    assert section.groups[0].statistics["test/accuracy"].num == 1
    assert [each.state for each in section.open_runs] == ["unfinished"]


def test_by_chooses_columns_and_keeps_configurations_apart() -> None:
    runs = [run(0.5, model__hidden_size=size, optimizer__lr=lr) for size in (10, 20) for lr in (1, 2)]
    section = only(compare_runs(runs, by=["hidden_size"]))
    assert (section.axes, section.added_axes) == (("model.hidden_size", "optimizer.lr"), ("optimizer.lr",))
    assert [len(group.runs) for group in section.groups] == [1, 1, 1, 1]
    alike = [run(0.5, model__hidden_size=size, optimizer__lr=size / 10) for size in (10, 20)]
    assert only(compare_runs(alike, by=["hidden_size"])).axes == ("model.hidden_size",)


def test_groups_without_the_metric_come_last_in_any_order() -> None:
    runs = [run(0.5, model__hidden_size=1), run(None, model__hidden_size=2), run(0.6, model__hidden_size=3)]
    for sort, sizes in (("test/accuracy", [1, 3, 2]), ("-test/accuracy", [3, 1, 2])):
        groups = only(compare_runs(runs, sort=sort)).groups
        assert [group.config["model.hidden_size"] for group in groups] == sizes


def test_tasks_and_data_sets_are_kept_apart() -> None:
    runs = [run(0.5), run(0.6, data___target_="seqtrain.data.Mnist")]
    assert [section.title for section in compare_runs(runs)] == [
        "SequenceClassification on Digits",
        "SequenceClassification on Mnist",
    ]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("hidden_size", [1, 2, 10]),
        ("-hidden_size", [10, 2, 1]),
        ("test/accuracy", [10, 1, 2]),
        ("", [2, 1, 10]),
    ],
)
def test_order(sort: str, expected: list[int]) -> None:
    runs = [
        run(accuracy, dev=dev, model__hidden_size=size)
        for size, accuracy, dev in ((1, 0.5, 0.5), (2, 0.6, 0.9), (10, 0.1, 0.1))
    ]
    groups = only(compare_runs(runs, sort=sort)).groups
    assert [group.config["model.hidden_size"] for group in groups] == expected


def test_a_metric_that_no_run_has_is_refused() -> None:
    with pytest.raises(
        ConfigError, match="metric: no finished run has 'test/acuracy'; did you mean test/acc"
    ):
        compare_runs([run(0.5)], metrics=["test/acuracy"])
