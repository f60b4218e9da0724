"""A section of a report as rows of text, and as records for programs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from seqtrain.errors import printable_line
from seqtrain.runs.report.axes import short_names, show_value
from seqtrain.runs.report.groups import Group, Section, Statistic
from seqtrain.runs.report.significance import LEVEL, smallest_p


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
    compared = len(section.groups) > 1
    head = (*names.values(), *section.metrics, "n", "parameters", "seconds")
    rows = tuple(_cells(section, group, compared) for group in section.groups)
    best = frozenset(number for number, group in enumerate(section.groups) if group.is_best)
    head = (*head, f"difference in {section.metrics[0]}") if compared else head
    return Table(
        title=printable_line(section.title),
        head=tuple(map(printable_line, head)),
        rows=tuple(tuple(map(printable_line, row)) for row in rows),
        best=best,
        notes=tuple(map(printable_line, _notes(section, compared))),
    )


def _cells(section: Section, group: Group, compared: bool) -> tuple[str, ...]:
    statistics = group.statistics
    cells = [show_value(group.config, axis) for axis in section.axes]
    cells += [_with_deviation(statistics.get(metric)) for metric in section.metrics]
    parameters, seconds = statistics.get("parameters"), statistics.get("seconds")
    cells += [str(len(group.runs)), f"{parameters.mean:,.0f}" if parameters else "-"]
    cells += [f"{seconds.mean:,.1f}" if seconds else "-"]
    return (*cells, _difference(group)) if compared else tuple(cells)


def _with_deviation(statistic: Statistic | None) -> str:
    if statistic is None:
        return "-"
    if statistic.deviation is None:
        return f"{statistic.mean:.4f}"
    return f"{statistic.mean:.4f} ± {statistic.deviation:.4f}"


def _difference(group: Group) -> str:
    if group.is_best:
        return "best"
    difference = group.difference
    if difference is None:
        return "no seed in common"
    if difference.p is not None:
        return f"{difference.mean:+.4f}, p = {difference.p:.3f}"
    seeds = "1 seed is" if difference.num_pairs == 1 else f"{difference.num_pairs} seeds are"
    return f"{difference.mean:+.4f}, {seeds} too few to tell"


def _notes(section: Section, compared: bool) -> list[str]:
    states = Counter(run.state for run in section.runs)
    counts = ", ".join(f"{count} {state}" for state, count in states.items())
    notes = [f"{len(section.runs)} run{'s' * (len(section.runs) > 1)}: {counts}"]
    if section.num_repeated:
        notes.append(
            f"{section.num_repeated} not counted: another run has the same configuration and the same seed."
        )
    if any(group.is_best for group in section.groups) and compared:
        needed = next(number for number in range(1, 20) if smallest_p(number) <= LEVEL)
        notes.append(
            f"The best is chosen by {section.monitor}. Differences from it are means over shared seeds, "
            f"with p from a paired permutation test; fewer than {needed} seeds cannot give p <= {LEVEL}."
        )
    for run in section.open_runs:
        notes.append(f"{run.state}: {run.path}" + (f" ({run.reason})" if run.reason else ""))
    return notes


def as_records(section: Section) -> list[dict[str, Any]]:
    """One flat record a group, numbers unrounded; the runs that are not finished have one each."""
    records = []
    for group in section.groups:
        record: dict[str, Any] = {"data": section.title, **_values(group.config, section.axes)}
        for metric in (*section.metrics, "parameters", "seconds"):
            statistic = group.statistics.get(metric)
            record[metric] = None if statistic is None else statistic.mean
            record[f"{metric}/deviation"] = None if statistic is None else statistic.deviation
        difference = group.difference
        record |= {
            "n": len(group.runs),
            "best": group.is_best,
            "difference": None if difference is None else difference.mean,
            "p": None if difference is None else difference.p,
            "state": "done",
            "folders": " ".join(str(run.path) for run in group.runs),
        }
        records.append(record)
    for run in section.open_runs:
        values = {"data": section.title, **_values(run.config, section.axes)}
        records.append(values | {"n": 0, "state": run.state, "reason": run.reason, "folders": str(run.path)})
    return records


def _values(config: Any, axes: tuple[str, ...]) -> dict[str, str]:
    return {axis.removesuffix("._target_"): show_value(config, axis) for axis in axes}
