"""Runs grouped over their seeds, with means, deviations and the best of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import mean, stdev
from typing import Any

from seqtrain.config import ConfigError
from seqtrain.errors import nearest
from seqtrain.runs.report.axes import Config, brief, comparable, find_axes, find_key, group_key, show_value
from seqtrain.runs.report.collect import Run
from seqtrain.runs.report.significance import Difference, compare_pairs, correct_for_many

COSTS = ("parameters", "epochs", "seconds")
STATES = ("done", "running", "unfinished", "failed")  # of runs with one seed the first state counts
# What makes two runs comparable: the task, its metric, and the data.
COMPARABLE = ("task._target_", "task.monitor", "data._target_", "data.treebank", "data.path")


@dataclass(frozen=True)
class Statistic:
    """A mean; `deviation` is the sample standard deviation, None of a single value."""

    mean: float
    deviation: float | None
    num: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Statistic:
        return cls(mean(values), stdev(values) if len(values) > 1 else None, len(values))


@dataclass(frozen=True)
class Group:
    """The runs of one configuration, and the metrics of its finished runs over seeds."""

    config: Mapping[str, Any]
    runs: tuple[Run, ...]  # finished
    open_runs: tuple[Run, ...]  # failed, running or unfinished, whose seed no finished run has
    statistics: dict[str, Statistic]  # metrics that no run has are missing
    is_best: bool = False
    difference: Difference | None = None  # from the best, in the first metric


@dataclass(frozen=True)
class Section:
    """Groups that can be compared, and the runs that are not finished."""

    title: str
    axes: tuple[str, ...]
    added_axes: tuple[str, ...]  # axes that were not asked for, but in which runs differ
    metrics: tuple[str, ...]
    monitor: str
    groups: tuple[Group, ...]
    runs: tuple[Run, ...]

    @property
    def num_repeated(self) -> int:
        """Finished runs that are not counted, since another one has their configuration and seed."""
        return sum(run.state == "done" for run in self.runs) - sum(len(group.runs) for group in self.groups)

    @property
    def is_comparison(self) -> bool:
        """Whether finished runs of more than one configuration stand side by side."""
        return sum(bool(group.runs) for group in self.groups) > 1

    @property
    def open_runs(self) -> list[Run]:
        return [run for run in self.runs if run.state != "done"]


def compare_runs(
    runs: Sequence[Run], metrics: Sequence[str] = (), by: Sequence[str] = (), sort: str = ""
) -> list[Section]:
    """Group runs over their seeds, separately for each task and data set.

    Args:
        runs: finished or not.
        metrics: to report; by default the one that the task monitors on dev and on test.
        by: configuration keys to show, instead of all in which the runs differ. Runs that differ in anything
            but their seed are never pooled: keys that tell apart what `by` does not are shown, too.
        sort: a metric or a key, with a minus in front for falling order; by default the best first.

    Raises:
        ConfigError: a metric or key that no run has.
    """
    sections: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        sections.setdefault(tuple(show_value(run.config, key) for key in COMPARABLE), []).append(run)
    _refuse_unknown_metrics(runs, metrics)
    return [_section(members, metrics, by, sort) for members in sections.values()]


def _refuse_unknown_metrics(runs: Sequence[Run], metrics: Sequence[str]) -> None:
    known = {name for run in runs for name in run.metrics}
    for metric in metrics:
        if metric not in known:
            near = nearest(metric, sorted(known))
            hint = f"; did you mean {near}?" if near else ""
            raise ConfigError([f"metric: no finished run has {metric!r}{hint}"])


def _section(runs: Sequence[Run], metrics: Sequence[str], by: Sequence[str], sort: str) -> Section:
    configs = [run.config for run in runs]
    axes = [find_key(name, configs, "by") for name in by]
    added = _find_other_axes(runs, axes) if axes else []
    axes = axes or find_axes(configs)
    monitor = str(runs[0].config.get("task.monitor", "val/accuracy"))
    shown = list(metrics) or [monitor.replace("val/", "test/"), monitor]
    members = _members(runs, has_seed_axis="seed" in axes)
    groups = [_group(each, [*shown, monitor, *COSTS]) for each in members]
    maximize = runs[0].config.get("task.mode", "max") == "max"
    groups = _compare_with_best(groups, shown[0], monitor, maximize)
    groups = _sorted(groups, sort, configs) if sort else _by_metric(groups, monitor, maximize)
    axes = [*axes, *added]
    return Section(
        _title(runs[0]), tuple(axes), tuple(added), tuple(shown), monitor, tuple(groups), tuple(runs)
    )


def _find_other_axes(runs: Sequence[Run], axes: Sequence[str]) -> list[str]:
    """The keys in which runs differ that agree in `axes`."""
    alike: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        alike.setdefault(tuple(show_value(run.config, axis) for axis in axes), []).append(run)
    found = (axis for each in alike.values() for axis in find_axes([run.config for run in each]))
    return [axis for axis in dict.fromkeys(found) if axis not in axes]


def _title(run: Run) -> str:
    keys = [key for key in ("data.path", "data.treebank") if run.config.get(key)]
    data = brief(run.config, keys[0]) if keys else ""
    return f"{brief(run.config, 'task._target_')} on {brief(run.config, 'data._target_')} {data}".strip()


def _members(runs: Sequence[Run], has_seed_axis: bool) -> list[list[Run]]:
    """The runs of each group, which agree in all but the seed, or in the seed too where that is an axis.

    Of runs with the same configuration and seed only one counts, a finished one if there is any: the others
    add no evidence.
    """
    groups: dict[object, dict[str, Run]] = {}
    for run in sorted(runs, key=lambda run: STATES.index(run.state)):  # stable within a state
        key = (group_key(run.config), str(run.seed) if has_seed_axis else "")
        groups.setdefault(key, {}).setdefault(str(run.seed), run)
    return [list(each.values()) for each in groups.values()]


def _group(runs: Sequence[Run], metrics: Sequence[str]) -> Group:
    done = tuple(run for run in runs if run.state == "done")
    values = {name: [run.metrics[name] for run in done if name in run.metrics] for name in metrics}
    statistics = {name: Statistic.of(each) for name, each in values.items() if each}
    return Group(runs[0].config, done, tuple(run for run in runs if run.state != "done"), statistics)


def _compare_with_best(groups: Sequence[Group], metric: str, monitor: str, maximize: bool) -> list[Group]:
    candidates = [group for group in groups if monitor in group.statistics]
    if not candidates:
        return list(groups)
    choose = max if maximize else min
    best = choose(candidates, key=lambda group: group.statistics[monitor].mean)
    return _corrected(
        [
            replace(group, is_best=True)
            if group is best
            else replace(group, difference=compare_pairs(by_seed(group, metric), by_seed(best, metric)))
            for group in groups
        ]
    )


def _corrected(groups: Sequence[Group]) -> list[Group]:
    """Correct the p-values of the differences for their number."""
    p_values = [group.difference.p for group in groups if group.difference and group.difference.p is not None]
    corrected = iter(correct_for_many(p_values))
    return [
        replace(group, difference=replace(group.difference, corrected=next(corrected)))
        if group.difference and group.difference.p is not None
        else group
        for group in groups
    ]


def by_seed(group: Group, metric: str) -> dict[object, float]:
    """A metric of each run; the mean where several runs have the same seed."""
    values: dict[object, list[float]] = {}
    for run in group.runs:
        if metric in run.metrics:
            values.setdefault(comparable(run.config, "seed"), []).append(run.metrics[metric])
    return {seed: mean(each) for seed, each in values.items()}


def _by_metric(groups: Sequence[Group], metric: str, falling: bool) -> list[Group]:
    """By the mean of a metric; those without it come last."""
    means = {id(group): mean(by_seed(group, metric).values()) for group in groups if by_seed(group, metric)}
    found = [group for group in groups if id(group) in means]
    rest = [group for group in groups if id(group) not in means]
    return sorted(found, key=lambda group: means[id(group)], reverse=falling) + rest


def _sorted(groups: Sequence[Group], sort: str, configs: Sequence[Config]) -> list[Group]:
    name, falling = sort.removeprefix("-"), sort.startswith("-")
    if any(name in run.metrics for group in groups for run in group.runs):
        return _by_metric(groups, name, falling)
    key = find_key(name, configs, "sort")
    return sorted(groups, key=lambda group: order(group.config.get(key)), reverse=falling)


def order(value: object) -> tuple[int, float, str]:
    """Numbers in their order, before words in theirs."""
    if isinstance(value, (int, float)):
        return 0, float(value), ""
    return 1, 0.0, str(value)
