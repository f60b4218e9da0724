"""What the page and the pictures show, as one record."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import rankdata
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from seqtrain.analysis.examine import ExaminedExample
from seqtrain.analysis.gradients import Distances, gradient_through_time
from seqtrain.analysis.passage import Passage
from seqtrain.analysis.sample import Array
from seqtrain.errors import DataError
from seqtrain.foreign import decode_utf8, is_regular, read_regular
from seqtrain.model import Ensemble, Network
from seqtrain.model.ensemble import first_member
from seqtrain.runs.curves import Curve, read_curves
from seqtrain.runs.folder import RunFolder
from seqtrain.spec import Classes, DataSpec, Numbers, Targets

MAX_TABLE, MAX_DIGITS = 1 << 26, 15  # bytes of confusions.csv, digits of a count in it
MIN_COUNT = 5  # positions on each side; with fewer, the share of pairs is too noisy


@dataclass(frozen=True)
class Report:
    """A run and a sample of sequences that its network was run over; `facts` describe the run in words."""

    name: str
    facts: tuple[tuple[str, str], ...]
    spec: DataSpec
    examples: tuple[ExaminedExample, ...]
    curves: tuple[Curve, ...]
    metrics: dict[str, float]
    confusions: tuple[tuple[int, ...], ...] | None  # on the test split: rows are targets, columns predictions
    values: tuple[str, ...] = ()  # for targets other than classes: the different ones of the examples
    passage: Passage | None = None  # of a language model

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of what is known of every step, "h" first and "gradient" last."""
        return tuple(self.examples[0].signals)

    @property
    def names(self) -> tuple[str, ...]:
        """What the numbers in `targets` and `predictions` of the examples stand for."""
        targets = self.spec.targets
        return targets.names if isinstance(targets, Classes) else self.values

    @cached_property
    def selectivity(self) -> npt.NDArray[np.float64]:
        """(layers, directions, hidden, targets); see `selectivity` below. Without targets for numbers."""
        if isinstance(self.spec.targets, Numbers):
            h = self.examples[0].signals["h"]
            return np.full((*h.shape[:2], h.shape[3], 0), np.nan)
        return selectivity(self.examples, len(self.names))

    @cached_property
    def gradient_through_time(self) -> dict[str, Tensor]:
        """The mean norm of dL/dh by the number of steps to the loss, (steps,), by `layer0/forward`.

        It is that of TensorBoard, see `seqtrain.analysis.gradients`.
        """
        means = {}
        for name in self.examples[0].by_distance:
            rows = [torch.from_numpy(example.by_distance[name]) for example in self.examples]
            distances = Distances(pad_sequence(rows, batch_first=True), torch.tensor([*map(len, rows)]))
            means[name] = gradient_through_time(distances)
        return means


def build_report(
    folder: RunFolder,
    facts: Sequence[tuple[str, str]],
    spec: DataSpec,
    examples: Sequence[ExaminedExample],
    name_value: Callable[[Any, Targets], str],
    passage: Passage | None = None,
) -> Report:
    """Add what the run folder holds: its curves, metrics and confusions, as far as they were written.

    Targets and predictions other than classes become indices of their texts in `Report.values`.
    """
    values: tuple[str, ...] = ()
    confusions = None
    if isinstance(spec.targets, Classes):
        confusions = _read_confusions(folder.confusions_file, len(spec.targets.names))
    else:
        examples, values = _number_values(examples, lambda value: name_value(value, spec.targets))
    return Report(
        name=_name_run(folder.path.resolve()),
        facts=tuple(facts),
        spec=spec,
        examples=tuple(examples),
        curves=tuple(read_curves(folder.path)),
        metrics=folder.load_metrics() if folder.is_done else {},
        confusions=confusions,
        values=values,
        passage=passage,
    )


def _number_values(
    examples: Sequence[ExaminedExample], name: Callable[[Any], str]
) -> tuple[list[ExaminedExample], tuple[str, ...]]:
    numbers: dict[str, int] = {}
    for value in sorted({value for each in examples for value in (*(each.targets or ()), *each.predictions)}):
        numbers.setdefault(name(value), len(numbers))

    def number(values: Sequence[float]) -> tuple[int, ...]:
        return tuple(numbers[name(value)] for value in values)

    numbered = [
        replace(
            each,
            targets=None if each.targets is None else number(each.targets),
            predictions=number(each.predictions),
        )
        for each in examples
    ]
    return numbered, tuple(numbers)


def _name_run(folder: Path) -> str:
    """`pos/bilstm/2026-11-21_10-00-00`: the path below the folder `runs`, or just the folder's own name."""
    below = folder.as_posix().rpartition("/runs/")[2]
    return below if below != folder.as_posix() else folder.name


def _read_confusions(path: Path, num_classes: int) -> tuple[tuple[int, ...], ...] | None:
    """The counts of a run folder, which may be someone else's."""
    if not is_regular(path):
        return None
    lines = decode_utf8(read_regular(path, MAX_TABLE), path).splitlines()
    try:
        rows = tuple(tuple(map(_count, row[1:])) for row in csv.reader(lines[1:]))
    except (ValueError, csv.Error) as error:
        raise DataError(f"cannot be read as a table of counts: {error}", path) from None
    if {len(row) for row in rows} != {num_classes} or len(rows) != num_classes:
        raise DataError(f"expected {num_classes} rows of as many counts", path)
    return rows


def _count(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a count of {len(text):,} digits")
    return int(text)


def describe_run(network: Network | Ensemble, data_name: str, num_examples: int) -> list[tuple[str, str]]:
    """Names and values, for the head of the page."""
    member = first_member(network)
    facts = [("model", _describe_layers(getattr(member.backbone, "rnn", member.backbone)))]
    if isinstance(network, Ensemble):
        facts.append(("shown", f"the first of {len(network.members)} members"))
    facts.append(("parameters", f"{network.num_parameters:,}"))
    facts.append(("data", data_name))
    facts.append(("examples", str(num_examples)))
    return facts


def _describe_layers(rnn: Any) -> str:
    layers = "1 layer" if rnn.num_layers == 1 else f"{rnn.num_layers} layers"
    directions = "forward and backward" if rnn.bidirectional else "forward"
    cell = getattr(rnn, "cell", "lstm")
    variant = "" if cell == "lstm" else f" ({cell})"
    return f"{type(rnn).__name__}{variant}, {layers} of {rnn.hidden_size} units, {directions}"


def selectivity(examples: Sequence[ExaminedExample], num_targets: int) -> npt.NDArray[np.float64]:
    """The area under the ROC curve of every unit for every target, over the examples with known targets.

    That is the probability that the unit is higher at a random position of the target than at a random other
    one, ties counting half: 1 is a unit that is always higher, 0 one that is always lower, 0.5 is chance.
    With a target for each step the positions are the steps; with one for the sequence they are the sequences,
    and the unit is read where its direction ends.

    Returns:
        (layers, directions, hidden, num_targets); NaN where fewer than 5 positions have the target, or
        fewer than 5 have not.
    """
    known = [example for example in examples if example.targets is not None]
    shape = (*examples[0].signals["h"].shape[:2], examples[0].signals["h"].shape[3])
    if not known:
        return np.full((*shape, num_targets), np.nan)
    states = np.concatenate([_read_states(example) for example in known], axis=2)
    targets = np.concatenate([np.array(example.targets) for example in known])
    is_known = targets >= 0  # not a tag that train lacks
    states, targets = states[:, :, is_known], targets[is_known]
    columns = states.transpose(0, 1, 3, 2).reshape(-1, len(targets))
    areas = np.stack([_areas(rankdata(column), targets, num_targets) for column in columns])
    return areas.reshape(*shape, num_targets)


def _read_states(example: ExaminedExample) -> Array:
    """(layers, directions, positions, hidden)"""
    h = example.signals["h"]
    assert example.targets is not None
    if len(example.targets) == example.num_steps > 1:
        return h
    ends = [h[:, 0, -1], h[:, 1, 0]] if h.shape[1] == 2 else [h[:, 0, -1]]
    return np.stack(ends, axis=1)[:, :, None]


def _areas(
    ranks: npt.NDArray[np.float64], targets: npt.NDArray[np.int64], num_targets: int
) -> npt.NDArray[np.float64]:
    """The Mann-Whitney statistic of each target, as a share of all pairs."""
    num = np.bincount(targets, minlength=num_targets)
    sums = np.bincount(targets, weights=ranks, minlength=num_targets)
    others = len(targets) - num
    wins = sums - num * (num + 1) / 2
    enough = (num >= MIN_COUNT) & (others >= MIN_COUNT)
    areas: npt.NDArray[np.float64] = np.full(num_targets, np.nan)
    areas[enough] = wins[enough] / (num * others)[enough]
    return areas
