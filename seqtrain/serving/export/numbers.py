"""Numbers in the nodes of a graph: windows of series as input, and answers in the units of the data."""

from __future__ import annotations

from collections.abc import Sequence

from seqtrain.serving.export.graph import FLOAT, Graph
from seqtrain.spec import DataSpec, Horizon, Numbers, SeriesInputs, Standardization


def add_series(graph: Graph, inputs: SeriesInputs) -> tuple[str, str]:
    """The input `series` (batch, context, columns); returns features, and the last values of the series.

    Features are (windows, time, features), with a window for each series where these are independent; the
    last values (batch, 1, series), zero where none are subtracted.
    """
    num_series, num_columns = len(inputs.series), len(inputs.columns)
    series = graph.add_input("series", FLOAT, ["batch", inputs.context, num_columns])
    assert inputs.standardization is not None
    mean, deviation = (graph.constant(each, "float32") for each in inputs.standardization)
    scaled = graph.add("Div", graph.add("Sub", series, mean), deviation)
    values = _cut(graph, scaled, 2, 0, num_series)
    last = _cut(graph, values, 1, inputs.context - 1, inputs.context)
    if inputs.subtract_last:
        values = graph.add("Sub", values, last)
    else:
        last = graph.add("Sub", last, last)
    others = [_cut(graph, scaled, 2, num_series, num_columns)] if inputs.covariates else []
    size = num_columns
    if inputs.independent:
        values, others = _separate_series(graph, values, others, num_series)
        size = 1 + len(inputs.covariates)
    rows = graph.add("Concat", values, *others, axis=-1)
    shape = [-1, inputs.context // inputs.fold, inputs.fold * size]
    return graph.add("Reshape", rows, graph.constant(shape)), last


def _separate_series(graph: Graph, values: str, others: list[str], num_series: int) -> tuple[str, list[str]]:
    """(batch, rows, series) to (batch, series, rows, 1); the covariates are repeated for each series."""
    values = graph.add("Unsqueeze", graph.add("Transpose", values, perm=[0, 2, 1]), graph.constant([3]))
    spread = (graph.add("Unsqueeze", each, graph.constant([1])) for each in others)
    others = [graph.add("Concat", *[each] * num_series, axis=1) for each in spread]
    return values, others


def _cut(graph: Graph, values: str, axis: int, start: int, end: int) -> str:
    return graph.add("Slice", values, *(graph.constant([each]) for each in (start, end, axis)))


def add_units(
    graph: Graph, scores: str, spec: DataSpec, num_quantiles: int, last: str
) -> tuple[str, list[int]]:
    """Scores as numbers in the units of the data, quantiles in order; returns them and their last sizes.

    They end in (quantiles,) numbers, for forecasts in (quantiles,) rows ahead, series.
    """
    targets = spec.targets
    assert isinstance(targets, Numbers)
    quantiles = [num_quantiles] if num_quantiles else []
    sizes = [*quantiles, targets.num_targets]
    if isinstance(targets, Horizon):
        scores, sizes = _add_rows(graph, scores, targets, quantiles, last)
    if quantiles:
        axis = -len(sizes)
        ordered = graph.add_many(
            "TopK", [scores, graph.constant(quantiles)], 2, axis=axis, largest=0, sorted=1
        )
        scores = ordered[0]
    return _in_units(graph, scores, targets.standardization), sizes


def _add_rows(
    graph: Graph, scores: str, targets: Horizon, quantiles: Sequence[int], last: str
) -> tuple[str, list[int]]:
    """(batch, (quantiles,) rows ahead, series), counted as the series are."""
    num_series = len(targets.names)
    if targets.independent:
        split = graph.add("Reshape", scores, graph.constant([-1, num_series, *quantiles, targets.length]))
        rows = graph.add("Transpose", split, perm=[0, *range(2, 3 + len(quantiles)), 1])
    else:
        rows = graph.add("Reshape", scores, graph.constant([-1, *quantiles, targets.length, num_series]))
    if quantiles:
        last = graph.add("Unsqueeze", last, graph.constant([1]))
    return graph.add("Add", rows, last), [*quantiles, targets.length, num_series]


def _in_units(graph: Graph, values: str, standardization: Standardization | None) -> str:
    if standardization is None:
        return values
    mean, deviation = (graph.constant(each, "float32") for each in standardization)
    return graph.add("Add", graph.add("Mul", values, deviation), mean)
