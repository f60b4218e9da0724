"""A data summary as a page of pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from textwrap import fill
from typing import Any

from matplotlib.figure import Figure

from seqtrain.data.check.summary import AmbiguousWords, DataSummary
from seqtrain.errors import name_some, shorten
from seqtrain.spec import Classes

SHOWN_TARGETS = 30  # the most frequent ones of train
LABEL = 24  # letters of a word or a target

Panel = Callable[[Any], None]  # draws into an axis


def draw_page(summary: DataSummary, title: str, memory: Mapping[str, float]) -> Figure:
    """A panel for each question that the data answers.

    Args:
        summary: of the data.
        title: the sizes of the splits.
        memory: of the largest training batch, in MB by what needs it.
    """
    notes = [
        f"targets of {split} that train lacks: {name_some(targets)}"
        for split, targets in summary.missing_targets.items()
    ]
    return draw_panels(list(_panels(summary, memory)), title, [*notes, *summary.notes])


def draw_panels(panels: Sequence[Panel], title: str, notes: Sequence[str]) -> Figure:
    """Two panels in a row, and the notes below them."""
    rows = -(-len(panels) // 2)
    figure = Figure(figsize=(12, 0.8 + 3.6 * rows), layout="constrained")
    figure.suptitle(fill(title, 150), fontsize=10)
    axes = figure.subplots(rows, 2, squeeze=False).flatten()
    for panel, axis in zip(panels, axes, strict=False):
        panel(axis)
        axis.spines[["top", "right"]].set_visible(False)
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    if notes:
        figure.supxlabel("\n".join(fill(note, 130) for note in notes), fontsize=9)
    return figure


def _panels(summary: DataSummary, memory: Mapping[str, float]) -> list[Panel]:
    targets = summary.spec.targets
    panels: list[Panel] = [partial(_draw_targets, summary, targets)] if isinstance(targets, Classes) else []
    padding = summary.padding
    if any(split.lengths.min() < split.lengths.max() for split in summary.splits):
        panels = [partial(_draw_lengths, summary), *panels]
        shares = {"similar lengths together": padding.with_buckets, "lengths mixed": padding.shuffled}
        panels.append(partial(_draw_shares, shares, "padding in training batches"))
    overlap, sequences = _shared_shares(summary), summary.spec.inputs.sequences
    if overlap:
        title = f"{sequences} in several splits"
        if summary.unknown:
            title = f"{summary.spec.inputs.steps}, and {title}"
        panels.append(partial(_draw_shares, overlap, title))
    if summary.ambiguous is not None and summary.ambiguous.examples:
        panels.append(partial(_draw_ambiguous, summary.ambiguous))
    panels.append(partial(draw_memory, memory))
    return panels


def _draw_lengths(summary: DataSummary, axis: Any) -> None:
    longest = max(split.length_quantile(1) for split in summary.splits)
    width = -(-longest // 40)  # a whole number of steps, so that no bin has more lengths than another
    bins = range(1, longest + width + 1, width)
    for split in summary.splits:
        share = [100 / split.num_sequences] * split.num_sequences
        axis.hist(split.lengths.numpy(), bins=bins, weights=share, histtype="step", label=split.name)
    describe(axis, f"lengths in {summary.spec.inputs.steps}", ylabel="% of the split")
    _add_legend(axis)


def _draw_targets(summary: DataSummary, targets: Classes, axis: Any) -> None:
    """A group of bars for each class, one bar a split; the most frequent ones of train first."""
    counts = {each.name: each.target_counts for each in summary.splits if each.target_counts is not None}
    order = counts["train"].argsort(descending=True, stable=True).tolist()
    if len(order) <= 12 and not targets.per_step:
        order.sort()  # classes in their own order
    shown = order[:SHOWN_TARGETS]
    width = 0.8 / len(counts)
    for number, (split, each) in enumerate(counts.items()):
        shares = 100 * each / each.sum().clamp(min=1)
        offset = (number - (len(counts) - 1) / 2) * width
        axis.bar([offset + each for each in range(len(shown))], shares[shown].tolist(), width, label=split)
    names = [shorten(targets.names[number], LABEL) for number in shown]
    is_long = max(map(len, names)) > 2
    axis.set_xticks(range(len(shown)), names, rotation=90 if is_long else 0, fontsize=8)
    more = f" (the {len(shown)} most frequent of {len(order)})" if len(shown) < len(order) else ""
    describe(axis, f"targets{more}", ylabel="% of the split")
    _add_legend(axis)


def _shared_shares(summary: DataSummary) -> dict[str, float]:
    """Unknown and ambiguous words; the sequences that train shares with the other splits."""
    shares: dict[str, float] = {}
    for name, unknown in summary.unknown.items():
        steps = summary.spec.inputs.steps
        if unknown.num_unseen is not None:
            shares[f"{name}: {steps} not in train"] = unknown.num_unseen / unknown.num_words
        shares[f"{name}: {steps} unknown to the model"] = unknown.num_unknown / unknown.num_words
    if summary.ambiguous is not None:
        shares["train: words with several tags"] = summary.ambiguous.share_of_words
    sizes = {split.name: split.num_sequences for split in summary.splits}
    sequences = summary.spec.inputs.sequences
    for name, shared in summary.shared.items():
        if shared is not None:
            shares[f"{name}: {sequences} in train too"] = shared / sizes[name]
    return shares


def _draw_shares(shares: Mapping[str, float], title: str, axis: Any) -> None:
    percent = [100 * share for share in shares.values()]
    bars = axis.barh(list(shares), percent)
    axis.bar_label(bars, fmt="%.1f %%", padding=3)
    describe(axis, title)
    leave_room(axis, max(percent), len(percent))


def _draw_ambiguous(ambiguous: AmbiguousWords, axis: Any) -> None:
    """The words that are most often not of their most frequent tag, with the counts of their tags."""
    words = [shorten(word, LABEL) for word, _ in ambiguous.examples]
    usual = [max(tags.values()) for _, tags in ambiguous.examples]
    other = [sum(tags.values()) - most for most, (_, tags) in zip(usual, ambiguous.examples, strict=True)]
    rows = range(len(words))
    axis.barh(rows, usual)
    bars = axis.barh(rows, other, left=usual)
    common = [list(tags.items())[:3] for _, tags in ambiguous.examples]
    listed = [name_some(f"{shorten(tag, LABEL)} {count:,}" for tag, count in tags) for tags in common]
    axis.bar_label(bars, listed, padding=3, fontsize=8)
    axis.set_yticks(rows, words)
    describe(axis, "words of train with several tags (orange: not the most frequent one)")
    leave_room(axis, max(map(sum, zip(usual, other, strict=True))), len(words), factor=1.8)


def draw_memory(memory: Mapping[str, float], axis: Any) -> None:
    bars = axis.barh(list(memory), list(memory.values()))
    axis.bar_label(bars, fmt="{:,.1f} MB", padding=3)
    describe(axis, "memory of the largest training batch")
    leave_room(axis, max(memory.values()), len(memory))


def describe(axis: Any, title: str, ylabel: str = "") -> None:
    axis.set_title(title, loc="left", fontsize=11)
    axis.set_ylabel(ylabel)


def leave_room(axis: Any, largest: float, num_bars: int, factor: float = 1.2) -> None:
    """Leave room for labels behind the bars, which go from the top to the bottom and stay slim."""
    axis.set_xlim(0, (largest or 1) * factor)
    axis.set_ylim(max(num_bars, 4) - 0.5, -0.5)
    axis.set_xticks([])
    axis.spines["bottom"].set_visible(False)


def _add_legend(axis: Any) -> None:
    """Above the axis, where it hides nothing."""
    axis.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False, fontsize=9)
