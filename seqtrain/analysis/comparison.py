"""Two runs on one page: what they differ in, their curves and gradients, and the same sequences in both."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import zip_longest
from string import Template

import numpy as np
from matplotlib.figure import Figure

from seqtrain.analysis.examine import ExaminedExample
from seqtrain.analysis.figures.canvas import WIDTH, to_png
from seqtrain.analysis.figures.run import draw_gradients, draw_pair
from seqtrain.analysis.figures.sequence import draw_trace
from seqtrain.analysis.report import Report
from seqtrain.config import ConfigError
from seqtrain.errors import printable_line
from seqtrain.runs.logs import is_of_each
from seqtrain.runs.report.axes import TARGET, brief, find_axes
from seqtrain.runs.report.collect import Run

NAMES = ("A", "B")
SHOWN = 8  # sequences


@dataclass(frozen=True)
class Side:
    """One of the two runs, with what it does with the sequences."""

    run: Run
    report: Report

    def answers(self, example: ExaminedExample) -> list[str]:
        """The predictions by name, one for each step or a single one."""
        return [self.report.names[number] for number in example.predictions]


def render_comparison(sides: tuple[Side, Side]) -> tuple[str, int]:
    """The HTML, complete in itself and without scripts, and how many sequences it shows.

    Raises:
        ConfigError: the runs were not given the same sequences.
    """
    pairs = list(zip(*(side.report.examples for side in sides), strict=False))
    if len({len(side.report.examples) for side in sides}) > 1 or not all(_are_same(*pair) for pair in pairs):
        raise ConfigError(
            [
                "run_dir: the two runs read different data, or split it differently; give text= or input= "
                "with examples=0"
            ]
        )
    shown = _choose(sides, pairs)
    page = Template((files("seqtrain.analysis") / "page" / "comparison.html").read_text(encoding="utf-8"))
    text = page.substitute(
        title=_escape(" and ".join(side.report.name for side in sides)),
        names="".join(
            f'<p><b class="{name}">{name}</b> {_escape(side.report.name)}</p>'
            for name, side in zip(NAMES, sides, strict=True)
        ),
        differences=_table(_differences(sides)),
        metrics=_table(_metrics(sides)),
        whole="".join(map(_image, _draw_whole(sides))),
        sequences="".join(_section(sides, *pair) for pair in shown),
    )
    return text, len(shown)


def _are_same(one: ExaminedExample, other: ExaminedExample) -> bool:
    """Whether two runs were given the same sequence, which they may read in different ways."""
    if one.words is not None or other.words is not None:
        return one.words == other.words
    if one.image is not None and other.image is not None:
        return np.array_equal(one.image, other.image)
    return one.inputs is not None and other.inputs is not None and np.array_equal(one.inputs, other.inputs)


def _choose(
    sides: tuple[Side, Side], pairs: Sequence[tuple[ExaminedExample, ...]]
) -> list[tuple[ExaminedExample, ...]]:
    """The sequences that were given, then those that the runs answer differently, then others."""

    def rank(pair: tuple[ExaminedExample, ...]) -> tuple[bool, bool]:
        one, other = (side.answers(example) for side, example in zip(sides, pair, strict=True))
        return pair[0].name.startswith("dev"), one == other

    return sorted(pairs, key=rank)[:SHOWN]


Rows = list[tuple[str, str, str]]


def _differences(sides: tuple[Side, Side]) -> Rows:
    """What the networks are, and the keys in which the configurations differ."""
    first, second = (side.report.facts for side in sides)
    facts = [(name, value, dict(second).get(name, "-")) for name, value in first]
    one, other = (side.run.config for side in sides)
    axes = [axis for axis in find_axes([one, other]) if axis != f"model{TARGET}"]  # a fact says it
    seeds = ["seed"] if one.get("seed") != other.get("seed") else []
    keys = ((axis.removesuffix(TARGET), brief(one, axis), brief(other, axis)) for axis in [*axes, *seeds])
    return [*facts, *keys]


def _metrics(sides: tuple[Side, Side]) -> Rows:
    one, other = (side.run.metrics for side in sides)
    names = [name for name in dict.fromkeys([*one, *other]) if not is_of_each(name)]
    return [(name, *(_number(metrics.get(name)) for metrics in (one, other))) for name in names]  # type: ignore[misc]


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"


def _draw_whole(sides: tuple[Side, Side]) -> Iterator[Figure]:
    """Curves and gradients through time, of both in one chart."""
    by_name = dict(zip(NAMES, sides, strict=True))
    monitors = [str(side.run.config.get("task.monitor", "val/loss")) for side in sides]
    charts = dict.fromkeys(
        [("train/loss", "val/loss"), *((each,) for each in monitors if each != "val/loss")]
    )
    curves = {name: side.report.curves for name, side in by_name.items()}
    yield draw_pair(curves, list(charts))
    gradients = {
        f"{name}, {direction}": norms
        for name, side in by_name.items()
        for direction, norms in side.report.gradient_through_time.items()
    }
    if gradients:
        yield draw_gradients(gradients)


def _section(sides: tuple[Side, Side], *examples: ExaminedExample) -> str:
    answers = [side.answers(example) for side, example in zip(sides, examples, strict=True)]
    figures = "".join(
        f'<div><b class="{name}">{name}</b>{_image(draw_trace(example, width=WIDTH))}</div>'
        for name, example in zip(NAMES, examples, strict=True)
    )
    heading = f"<h2>{_escape(examples[0].name)}</h2>"
    return (
        f'<section>{heading}{_answers(sides, examples, answers)}<div class="pair">{figures}</div></section>'
    )


def _answers(
    sides: tuple[Side, Side], examples: Sequence[ExaminedExample], answers: Sequence[Sequence[str]]
) -> str:
    """A column for each answer, with the targets where they are known; differing ones are marked."""
    known, names = examples[0].targets, sides[0].report.names
    targets = None if known is None else [names[each] if each >= 0 else "?" for each in known]
    is_of_steps = len(answers[0]) == len(examples[0].labels)
    rows: list[tuple[str, Sequence[str]]] = [("", examples[0].labels if is_of_steps else [""])]
    rows += [("target", targets)] if targets is not None else []
    rows += list(zip(NAMES, answers, strict=True))
    one, other = answers
    marks = [len(one) == len(other) and one[column] != other[column] for column in range(len(one))]
    body = "".join(_row(name, values, marks if name in NAMES else ()) for name, values in rows)
    return f'<div class="wide"><table>{body}</table></div>'


def _row(name: str, values: Sequence[str], marks: Sequence[bool]) -> str:
    marked = zip_longest(values, marks, fillvalue=False)
    cells = (f"<td{' class=differs' if mark else ''}>{_escape(str(value))}</td>" for value, mark in marked)
    return f"<tr><th>{name}</th>{''.join(cells)}</tr>"


def _table(rows: Rows) -> str:
    head = "".join(f'<th class="{name}">{name}</th>' for name in NAMES)
    body = "".join(
        f"<tr{' class=differs' if one != other else ''}><th>{_escape(name)}</th>"
        f"<td>{_escape(one)}</td><td>{_escape(other)}</td></tr>"
        for name, one, other in rows
    )
    return f"<table><tr><th></th>{head}</tr>{body}</table>"


def _image(figure: Figure) -> str:
    data = base64.b64encode(to_png(figure)).decode()
    return f'<img src="data:image/png;base64,{data}" alt="{_escape(figure.get_suptitle())}">'


def _escape(text: str) -> str:
    return html.escape(printable_line(text))
