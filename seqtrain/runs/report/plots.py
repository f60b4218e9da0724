"""Pictures of a report: a metric against an axis, a heat map of two axes, learning curves."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from matplotlib import color_sequences
from matplotlib.figure import Figure

from seqtrain.config import ConfigError
from seqtrain.errors import DataError
from seqtrain.runs.curves import read_curve
from seqtrain.runs.report.axes import Config, brief, comparable, find_axes, find_key, short_names
from seqtrain.runs.report.collect import Run
from seqtrain.runs.report.groups import Group, Section, compare_runs, order
from seqtrain.runs.report.layout import count_runs, find_imbalances

log = logging.getLogger("seqtrain")

MAX_NUMBER = 1e100  # on an axis
MAX_TICKS = 10  # values of an axis that are all written below it
MAX_CAVEATS = 4  # configurations that are named below a picture
MAX_INSIDE = 5  # entries of a legend that do not hide the lines


def draw_metric(runs: Sequence[Run], metric: str, x: str) -> Figure:
    """A metric against a key, mean and sample standard deviation over seeds, a line for each combination of
    the other keys that differ.

    Raises:
        ConfigError: the runs cannot be compared with each other, or matplotlib is missing.
    """
    section, (key,) = _section_by(runs, metric, x=x)
    metric = section.metrics[0]
    lines = _lines(section, key)
    figure, axis = _new_figure(len(lines))
    ticks = _ticks(section.groups, key)
    is_numeric = all(_is_number(config.get(key)) for config in ticks.values())
    ticks_at = {
        value: config[key] if is_numeric else number for number, (value, config) in enumerate(ticks.items())
    }
    for label, groups in lines.items():
        groups = sorted(groups, key=lambda group: order(group.config.get(key)))
        at = [ticks_at[comparable(group.config, key)] for group in groups]
        means = [group.statistics[metric].mean for group in groups]
        spread = [group.statistics[metric].deviation or 0.0 for group in groups]
        line = "-" if is_numeric else ""  # there is nothing between two classes
        axis.errorbar(at, means, yerr=spread, marker="o", linestyle=line, capsize=3, label=label)
    if not is_numeric or len(ticks) <= MAX_TICKS:
        axis.set_xticks(list(ticks_at.values()), [brief(config, key) for config in ticks.values()])
    chance = {
        ticks_at[comparable(group.config, key)]: run.metrics[name]
        for group in section.groups
        for run in group.runs
        if (name := f"{metric}_by_chance") in run.metrics
    }
    if is_numeric and chance:
        axis.plot(*zip(*sorted(chance.items()), strict=True), color="gray", linestyle=":", label="chance")
    axis.set(xlabel=short_names([key])[key], ylabel=metric, title=section.title)
    _explain(figure, _caveats(section))
    _add_legend(axis)
    return figure


def draw_heat_map(runs: Sequence[Run], metric: str, x: str, y: str) -> Figure:
    """The mean of a metric for every pair of values of two keys; the other keys are averaged over.

    Raises:
        ConfigError: see `draw_metric`.
    """
    section, (columns, rows) = _section_by(runs, metric, x=x, y=y)
    metric = section.metrics[0]
    groups = [group for group in section.groups if metric in group.statistics]
    down, across = _ticks(groups, rows), _ticks(groups, columns)
    cells: dict[tuple[str, str], list[float]] = {}
    for group in groups:
        cell = (comparable(group.config, rows), comparable(group.config, columns))
        cells.setdefault(cell, []).append(group.statistics[metric].mean)
    table = [[mean(cells.get((row, column), [math.nan])) for column in across] for row in down]
    figure, axis = _new_figure(1)
    figure.colorbar(axis.imshow(table, cmap="viridis", aspect="auto"), label=metric)
    axis.set_xticks(range(len(across)), [brief(config, columns) for config in across.values()])
    axis.set_yticks(range(len(down)), [brief(config, rows) for config in down.values()])
    for (row, column), values in cells.items():
        text = {"ha": "center", "va": "center", "color": "white", "bbox": {"color": "black", "alpha": 0.4}}
        axis.text([*across].index(column), [*down].index(row), f"{mean(values):.4f}", **text)
    names = short_names([columns, rows])
    axis.set(xlabel=names[columns], ylabel=names[rows], title=section.title)
    averaged = short_names([each for each in section.axes if each not in (columns, rows)]).values()
    _explain(figure, [f"mean over {', '.join(averaged)}" for _ in averaged][:1] + _caveats(section))
    _add_legend(axis)
    return figure


def draw_curves(runs: Sequence[Run], metric: str) -> Figure:
    """The dev metric of each run by optimizer step; runs that differ in their seed alone share a colour.

    Raises:
        ConfigError: no run logged the metric, or see `draw_metric`.
    """
    section = _single_section(runs, "")
    metric = metric or section.monitor
    axes = find_axes([run.config for run in runs])
    figure, axis = _new_figure(len({_label(run.config, axes) for run in runs}))
    colours: dict[str, str] = {}
    for run in runs:
        try:
            curve = read_curve(run.path, metric)
        except DataError as damage:  # of one folder, which must not cost the others their picture
            log.warning("seqtrain: warning: %s", damage)
            continue
        if curve:
            label = _label(run.config, axes)
            style = {"color": colours[label]} if label in colours else {"label": label}
            (line,) = axis.plot(*zip(*curve, strict=True), **style)
            colours.setdefault(label, line.get_color())
    if not colours:
        raise ConfigError([f"curves: none of {len(runs)} runs logged {metric}"])
    axis.set(xlabel="optimizer step", ylabel=metric, title=section.title)
    _add_legend(axis)
    return figure


def _single_section(runs: Sequence[Run], metric: str) -> Section:
    sections = compare_runs(runs, [metric] if metric else [])
    if len(sections) > 1:
        titles = ", ".join(section.title for section in sections)
        raise ConfigError([f"where: the runs are of {titles}; choose one, as in where=task=SequenceTagging"])
    return sections[0]


def _section_by(runs: Sequence[Run], metric: str, **names: str) -> tuple[Section, list[str]]:
    """The runs grouped by the keys in which they differ and the keys asked for; and the latter."""
    section = _single_section(runs, metric)
    configs = [run.config for run in runs]
    keys = [find_key(name, configs, argument) for argument, name in names.items()]
    axes = dict.fromkeys([*section.axes, *keys])  # the seed is not an axis of its own
    (section,) = compare_runs(runs, [metric] if metric else [], list(axes))
    return section, keys


def _lines(section: Section, key: str) -> dict[str, list[Group]]:
    """The groups of each line: groups that differ in `key` alone."""
    others = [axis for axis in section.axes if axis != key]
    lines: dict[str, list[Group]] = {}
    for group in section.groups:
        if section.metrics[0] in group.statistics:
            lines.setdefault(_label(group.config, others), []).append(group)
    return lines


def _caveats(section: Section) -> list[str]:
    """Which points are means over fewer seeds than were run, and what makes the comparison unfair."""
    counts = [
        f"{_label(group.config, section.axes)}: {count_runs(group)}"
        for group in section.groups
        if group.open_runs
    ]
    more = len(counts) - MAX_CAVEATS
    shown = counts[:MAX_CAVEATS] + [f"and {more} more that are not complete"] * (more > 0)
    return shown + find_imbalances(section)


def _explain(figure: Figure, lines: Sequence[str]) -> None:
    """Write lines below the axes."""
    if lines:
        figure.supxlabel("\n".join(lines), fontsize=7)


def _label(config: Mapping[str, Any], keys: Sequence[str]) -> str:
    return ", ".join(f"{name}={brief(config, key)}" for key, name in short_names(keys).items())


def _ticks(groups: Sequence[Group], key: str) -> dict[str, Config]:
    """A configuration for each value of a key, in the order of the values."""
    ordered = sorted((group.config for group in groups), key=lambda config: order(config.get(key)))
    ticks: dict[str, Config] = {}
    for config in ordered:
        ticks.setdefault(comparable(config, key), config)
    return ticks


def _is_number(value: object) -> bool:
    """Whether a value can be drawn on an axis."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and abs(value) < MAX_NUMBER  # type: ignore[arg-type]


def _new_figure(num_lines: int) -> tuple[Figure, Any]:
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axis = figure.subplots()
    colours = color_sequences["tab10" if num_lines <= 10 else "tab20"]
    axis.set_prop_cycle(color=colours)
    return figure, axis


def _add_legend(axis: Any) -> None:
    labels = axis.get_legend_handles_labels()[1]
    if any(labels):
        is_long = len(labels) > MAX_INSIDE
        axis.legend(**({"loc": "upper left", "bbox_to_anchor": (1, 1), "fontsize": 8} if is_long else {}))
