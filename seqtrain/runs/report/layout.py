"""A section of a report as rows of text, and as records for programs."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

from seqtrain.errors import printable_line
from seqtrain.runs.report.axes import TARGET, brief, short_names, show_value
from seqtrain.runs.report.collect import Run
from seqtrain.runs.report.groups import COSTS, Group, Section
from seqtrain.runs.report.significance import LEVEL, seeds_needed


@dataclass(frozen=True)
class Table:
    """Cells of text, each on one line; `best` are the rows to mark."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    best: frozenset[int]
    notes: tuple[str, ...]  # below the table


def lay_out(section: Section) -> Table:
    """The table of a section: axes, metrics with deviation, seeds, costs, difference from the best."""
    names = short_names(section.axes)
    head = [*names.values(), *section.metrics, "n", *COSTS]
    if section.is_comparison:
        head.append(f"difference in {section.metrics[0]}")
    return Table(
        title=printable_line(section.title),
        head=tuple(map(printable_line, head)),
        rows=tuple(tuple(map(printable_line, _cells(section, group))) for group in section.groups),
        best=frozenset(number for number, group in enumerate(section.groups) if group.is_best),
        notes=tuple(map(printable_line, _notes(section))),
    )


def _cells(section: Section, group: Group) -> list[str]:
    cells = [brief(group.config, axis) for axis in section.axes]
    cells += [_with_deviation(group, metric) for metric in section.metrics]
    cells += [count_runs(group), *(_range(group, name) for name in ("parameters", "epochs"))]
    seconds = group.statistics.get("seconds")
    cells.append(f"{seconds.mean:,.1f}" if seconds else "-")
    return [*cells, _difference(group)] if section.is_comparison else cells


def count_runs(group: Group) -> str:
    """`7`, or `3 of 7, 4 failed` where some are not finished."""
    num_runs = len(group.runs) + len(group.open_runs)
    if not group.open_runs:
        return str(num_runs)
    states = Counter(run.state for run in group.open_runs)
    return ", ".join([f"{len(group.runs)} of {num_runs}", *(f"{num} {each}" for each, num in states.items())])


def _with_deviation(group: Group, metric: str) -> str:
    statistic = group.statistics.get(metric)
    if statistic is None:
        return "-"
    text = f"{statistic.mean:.4f}"
    if statistic.deviation is not None:
        text += f" ± {statistic.deviation:.4f}"
    return f"{text} ({statistic.num} of {len(group.runs)})" if _is_partial(group, metric) else text


def _is_partial(group: Group, metric: str) -> bool:
    """Whether a mean is over fewer runs than are finished."""
    return metric in group.statistics and group.statistics[metric].num < len(group.runs)


def _range(group: Group, name: str) -> str:
    """A count, or the smallest and the largest where runs differ in it."""
    values = {run.metrics[name] for run in group.runs if name in run.metrics}
    return " to ".join(f"{value:,.0f}" for value in sorted({min(values), max(values)})) if values else "-"


def _difference(group: Group) -> str:
    if group.is_best:
        return "best"
    difference = group.difference
    if difference is None:
        return "no seed in common" if group.runs else "-"
    if difference.corrected is not None:
        return f"{difference.mean:+.4f}, p = {difference.corrected:.3f}"
    seeds = "1 seed is" if difference.num_pairs == 1 else f"{difference.num_pairs} seeds are"
    return f"{difference.mean:+.4f}, {seeds} too few to tell"


def _notes(section: Section) -> list[str]:
    states = Counter(run.state for run in section.runs)
    counts = ", ".join(f"{count} {state}" for state, count in states.items())
    notes = [f"{len(section.runs)} run{'s' * (len(section.runs) > 1)}: {counts}"]
    if section.num_repeated:
        notes.append(
            f"{section.num_repeated} not counted: another run has the same configuration and the same seed."
        )
    if any(_is_partial(group, metric) for group in section.groups for metric in section.metrics):
        notes.append("A mean over fewer than n runs: the metric of the others is nan, infinite or missing.")
    if section.added_axes:
        notes.append(
            f"Rows differ in {', '.join(short_names(section.added_axes).values())} too, which by= does not "
            "name: ± is over seeds only. Choose one of them with where=KEY=VALUE."
        )
    notes += _describe_test(section)
    notes += [f"warning: {text}" for text in find_imbalances(section)]
    for run in section.open_runs:
        notes.append(f"{run.state}: {run.path}" + (f" ({run.reason})" if run.reason else ""))
    return notes


def _describe_test(section: Section) -> list[str]:
    differences = [group.difference for group in section.groups if group.difference is not None]
    if not section.is_comparison or not any(group.is_best for group in section.groups):
        return []
    num_tested = sum(each.p is not None for each in differences)
    num = num_tested or len(differences)
    needed = seeds_needed(max(num, 1))
    correction = f", corrected by Holm's method for {num} comparisons" if num > 1 else ""
    return [
        f"The best is chosen by {section.monitor}. Differences from it are means over shared seeds, with p "
        f"from a paired permutation test{correction}; where no row has {needed} of them, no p can be "
        f"<= {LEVEL}."
    ]


def find_imbalances(section: Section) -> list[str]:
    """What makes a comparison unfair: failures, which are in no mean; more parameters; more epochs."""
    if not section.is_comparison:
        return []
    problems = []
    num_failing = sum(any(run.state == "failed" for run in group.open_runs) for group in section.groups)
    if num_failing:
        which = "1 configuration has" if num_failing == 1 else f"{num_failing} configurations have"
        problems.append(f"{which} failed runs, which are in no mean: the others alone look too good")
    for name, consequence in (
        ("parameters", "a difference may come from size alone"),
        ("epochs", "a difference may come from longer training alone"),
    ):
        values = {run.metrics[name] for group in section.groups for run in group.runs if name in run.metrics}
        is_meant = _stopped_by_themselves(section) if name == "epochs" else _sized_alike(section)
        if len(values) > 1 and not is_meant:
            low, high = min(values), max(values)
            problems.append(f"{name} differ, from {low:,.0f} to {high:,.0f}: {consequence}")
    return problems


def _sized_alike(section: Section) -> bool:
    """Whether all networks are of the size nearest to one number of parameters."""
    wanted = {group.config.get("parameters") for group in section.groups if group.runs}
    return len(wanted) == 1 and None not in wanted


def _stopped_by_themselves(section: Section) -> bool:
    """Whether all runs were allowed as many epochs, and early stopping ended those with fewer."""
    configs = [group.config for group in section.groups if group.runs]
    limits = {show_value(config, "trainer.max_epochs") for config in configs}
    return len(limits) == 1 and all(
        any(str(value).endswith("EarlyStopping") for key, value in config.items() if key.endswith(TARGET))
        for config in configs
    )


def as_records(section: Section) -> list[dict[str, Any]]:
    """One record per group, numbers unrounded, with its `runs`; then one for each unfinished run."""
    records = []
    for group in section.groups:
        if not group.runs:
            continue
        record: dict[str, Any] = {"data": section.title, **_values(group.config, section.axes)}
        for metric in (*section.metrics, *COSTS):
            statistic = group.statistics.get(metric)
            record[metric] = None if statistic is None else statistic.mean
            record[f"{metric}/deviation"] = None if statistic is None else statistic.deviation
        difference = group.difference
        record |= {
            "n": len(group.runs),
            "num_runs": len(group.runs) + len(group.open_runs),
            "num_failed": sum(run.state == "failed" for run in group.open_runs),
            "best": group.is_best,
            "difference": None if difference is None else difference.mean,
            "p": None if difference is None else difference.corrected,
            "p_uncorrected": None if difference is None else difference.p,
            "state": "done",
            "folders": " ".join(str(run.path) for run in group.runs),
            "runs": [_run_record(section, run) for run in (*group.runs, *group.open_runs)],
        }
        records.append(record)
    for run in section.open_runs:
        values = {"data": section.title, **_values(run.config, section.axes)}
        records.append(values | {"n": 0, "state": run.state, "reason": run.reason, "folders": str(run.path)})
    return records


def _run_record(section: Section, run: Run) -> dict[str, Any]:
    """The values of one seed."""
    values = {name: run.metrics.get(name) for name in (*section.metrics, *COSTS)}
    return {"seed": run.seed, "state": run.state, "folder": str(run.path), **values}


def _values(config: Any, axes: tuple[str, ...]) -> dict[str, Any]:
    """Values as they are, None where there is none; a class by its name."""
    return {axis.removesuffix(TARGET): _plain(config, axis) for axis in axes}


def _plain(config: Any, axis: str) -> Any:
    value = config.get(axis)
    is_infinite = isinstance(value, float) and not math.isfinite(value)  # which JSON cannot represent
    return show_value(config, axis) if axis.endswith(TARGET) or is_infinite else value
