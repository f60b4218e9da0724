"""`seqtrain report [FOLDER ...]`: a table, or a picture, of many runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from seqtrain.commands.interface import Arguments, exit_code, parse_arguments
from seqtrain.config import ConfigError
from seqtrain.errors import printable, printable_line, shorten
from seqtrain.runs.files import PICTURES, check_output, open_output, save_picture
from seqtrain.runs.report.axes import filter_runs
from seqtrain.runs.report.collect import Run, collect_runs
from seqtrain.runs.report.formats import FORMATS, render
from seqtrain.runs.report.groups import compare_runs
from seqtrain.runs.report.layout import find_imbalances

USAGE = """\
Compare runs: means and sample standard deviations over seeds, one table for each task and data set.

    seqtrain report [FOLDER ...] [metric=...] [by=...] [where=...] [sort=...] [format=...] [output=FILE]
    seqtrain report [FOLDER ...] plot=FILE x=KEY [y=KEY]
    seqtrain report [FOLDER ...] curves=FILE

  FOLDER   folders in which to look for runs (default: runs)
  metric   metrics to show, as in metric=test/accuracy,val/loss; the first is tested and plotted
  by       configuration keys to show, as in by=model,hidden_size (default: all that differ); runs
           that differ in others too keep rows of their own, so that ± is over seeds alone
  where    which runs, as in where=model=lstm,hidden_size>=64 (=, !=, <, <=, >, >=)
  sort     a metric or a key; with a minus in front the largest first (default: the best first)
  format   table (default), markdown, latex, csv or json
  output   a file to write the table to
  plot     a PNG, SVG or PDF file: the metric against x with its spread over seeds, or a heat map of x and y
  curves   a PNG, SVG or PDF file: the dev metric of every run during training

The best configuration is the one with the best mean of the metric that the task monitors on dev.
"""
OPTIONS = ("folder", "metric", "by", "where", "sort", "format", "output", "plot", "x", "y", "curves")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print or write the report; returns the exit code."""
    return exit_code(lambda: _report(list(sys.argv[1:] if arguments is None else arguments)))


def _report(arguments: list[str]) -> None:
    given = parse_arguments(arguments, USAGE, (), OPTIONS, plain="folder", repeatable=("folder",))
    if given is None:
        return
    given.check_choice("format", list(FORMATS))
    _check_outputs(given)
    runs = _collect([Path(folder) for folder in given.all_of("folder")], given)
    if "plot" in given or "curves" in given:
        _draw(runs, given)
    else:
        _write_table(runs, given)


def _check_outputs(given: Arguments) -> None:
    if "plot" in given and "x" not in given:
        raise ConfigError(["x: missing; give the key to plot against, as in x=hidden_size"])
    if "plot" not in given and ("x" in given or "y" in given):
        raise ConfigError(["plot: missing; x and y are for a picture, so give plot=FILE.png"])
    for key, suffixes in (("output", ()), ("plot", PICTURES), ("curves", PICTURES)):
        if key in given:
            check_output(given[key], key, suffixes)


def _collect(folders: Sequence[Path], given: Arguments) -> list[Run]:
    found = collect_runs(folders or [Path("runs")])
    for problem in found.problems:
        print(printable_line(f"seqtrain: warning: {problem}"), file=sys.stderr)
    where = ", ".join(map(str, folders)) or "runs"
    if not found.runs:
        raise ConfigError([f"{where}: no run here; train one first, or give another folder"])
    runs = filter_runs(found.runs, given["where"]) if "where" in given else list(found.runs)
    if not runs:
        condition = shorten(given["where"])
        raise ConfigError([f"where: none of the {len(found.runs)} runs in {where} meets {condition}"])
    return runs


def _write_table(runs: Sequence[Run], given: Arguments) -> None:
    sections = compare_runs(runs, _words(given, "metric"), _words(given, "by"), given.get("sort", ""))
    form = given.get("format", "table")
    text = printable(render(sections, form))
    if form in ("csv", "json"):  # the others have it below their tables
        for section in sections:
            for problem in find_imbalances(section):
                print(printable_line(f"seqtrain: warning: {section.title}: {problem}"), file=sys.stderr)
    if "output" in given:
        with open_output(given["output"]) as file:
            file.write(text.encode())
    else:
        print(text, end="")


def _draw(runs: Sequence[Run], given: Arguments) -> None:
    from seqtrain.runs.report import plots

    metric = given.get("metric", "").partition(",")[0]
    key = "curves" if "curves" in given else "plot"
    if key == "curves":
        figure = plots.draw_curves(runs, metric)
    elif "y" in given:
        figure = plots.draw_heat_map(runs, metric, given["x"], given["y"])
    else:
        figure = plots.draw_metric(runs, metric, given["x"])
    with open_output(given[key], key) as file:
        save_picture(figure, file, Path(given[key]).suffix)


def _words(given: Arguments, key: str) -> list[str]:
    return [word.strip() for word in given.get(key, "").split(",") if word.strip()]
