"""A data summary as a page of pictures."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill
from typing import Any

from matplotlib.figure import Figure

from seqtrain.data.check.summary import DataSummary


def draw_page(summary: DataSummary, title: str, path: Path) -> None:
    """Lengths, targets, padding, and for words what is unknown and ambiguous, as PNG, SVG or PDF."""
    figure = Figure(figsize=(11, 8), layout="constrained")
    figure.suptitle(fill(title, 110), fontsize=11)
    (lengths, targets), (padding, words) = figure.subplots(2, 2)
    _draw_lengths(summary, lengths)
    _draw_targets(summary, targets)
    _draw_padding(summary, padding)
    _draw_words(summary, words)
    figure.savefig(path, dpi=130)


def _draw_lengths(summary: DataSummary, axis: Any) -> None:
    longest = max(split.length_quantile(1) for split in summary.splits)
    for split in summary.splits:
        axis.hist(
            split.lengths.numpy(),
            bins=40,
            range=(0, longest + 1),
            histtype="step",
            density=True,
            label=split.name,
        )
    axis.set(title="lengths", xlabel="steps", ylabel="density")
    axis.legend()


def _draw_targets(summary: DataSummary, axis: Any) -> None:
    """A group of bars for each target, one bar a split."""
    width = 0.8 / len(summary.splits)
    places = range(len(summary.target_names))
    for number, split in enumerate(summary.splits):
        shares = 100 * split.target_counts / split.target_counts.sum().clamp(min=1)
        axis.bar([place + number * width for place in places], shares.tolist(), width, label=split.name)
    axis.set_xticks([place + 0.4 - width / 2 for place in places], summary.target_names, rotation=60)
    axis.set(title="targets", ylabel="%")
    axis.legend()


def _draw_padding(summary: DataSummary, axis: Any) -> None:
    shares = [100 * summary.padding.with_buckets, 100 * summary.padding.shuffled]
    bars = axis.barh(["similar lengths together", "lengths mixed"], shares)
    axis.bar_label(bars, fmt="%.1f %%", padding=3)
    axis.set(title="padding of a training batch", xlabel="%", xlim=(0, max(*shares, 1) * 1.2))


def _draw_words(summary: DataSummary, axis: Any) -> None:
    """Unknown words for words; for other data, the sequences that train shares with the other splits."""
    shares: dict[str, float] = {}
    for name, unknown in summary.unknown.items():
        shares[f"{name}: not in train"] = 100 * unknown.num_unseen / unknown.num_words
        shares[f"{name}: unknown to the model"] = 100 * unknown.num_unknown / unknown.num_words
    if summary.ambiguous is not None:
        shares["train: more than one tag"] = 100 * summary.ambiguous.share_of_words
    sizes = {split.name: split.num_sequences for split in summary.splits}
    for name, shared in summary.shared.items():
        if shared is not None:
            shares[f"{name}: sequences in train too"] = 100 * shared / sizes[name]
    bars = axis.barh(list(shares), list(shares.values()))
    axis.bar_label(bars, fmt="%.1f %%", padding=3)
    title = "words, and sequences in several splits" if summary.unknown else "sequences in several splits"
    axis.set(title=title, xlabel="%", xlim=(0, max([*shares.values(), 1]) * 1.2))
