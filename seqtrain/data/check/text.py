"""A data summary for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seqtrain.data.check.summary import AmbiguousWords, DataSummary, SplitSummary, UnknownWords
from seqtrain.errors import name_some, printable_line, shorten
from seqtrain.spec import Classes, Inputs, Numbers

BAR = 40  # characters of the longest bar
NUM_BINS = 10
SHOWN_TARGETS = 100  # the most frequent ones


def render_summary(summary: DataSummary) -> str:
    """The whole summary, a paragraph for each question."""
    inputs = summary.spec.inputs
    paragraphs = [_sizes(summary), _histogram(summary.splits[0], inputs), _targets(summary)]
    unknown = [_unknown(name, counts, inputs.steps) for name, counts in summary.unknown.items()]
    paragraphs.append("\n".join([*_oddities(summary, inputs.sequences), *unknown]))
    if summary.ambiguous is not None:
        paragraphs.append(_ambiguous(summary.ambiguous))
    return "\n\n".join(filter(None, [*paragraphs, _padding(summary)]))


def _sizes(summary: DataSummary) -> str:
    inputs = summary.spec.inputs
    head = ["", inputs.sequences, inputs.steps, "shortest", "median", "95 %", "longest"]
    rows = [head]
    for split in summary.splits:
        quantiles = [str(split.length_quantile(share)) for share in (0, 0.5, 0.95, 1)]
        rows.append([split.name, f"{split.num_sequences:,}", f"{split.num_steps:,}", *quantiles])
    return align(rows)


def _histogram(train: SplitSummary, inputs: Inputs) -> str:
    low, high = int(train.lengths.min()), int(train.lengths.max())
    if low == high:
        return f"all {inputs.sequences} of train have {low} {inputs.steps}"
    width = -(-(high - low + 1) // NUM_BINS)
    counts = ((train.lengths - low) // width).bincount().tolist()
    starts = range(low, high + 1, width)
    rows = [
        [f"{start} to {start + width - 1}", f"{count:,}", bar(count / max(counts))]
        for start, count in zip(starts, counts, strict=True)
    ]
    return f"lengths of the {inputs.sequences} of train\n{align(rows)}"


def _targets(summary: DataSummary) -> str:
    targets = summary.spec.targets
    if isinstance(targets, Numbers):
        return f"targets: {targets.describe()}\n{_numbers(summary, targets)}"
    if not isinstance(targets, Classes):
        return f"targets: {targets.describe()}"
    counts = [split.target_counts for split in summary.splits if split.target_counts is not None]
    shares = [(each / each.sum().clamp(min=1)).tolist() for each in counts]
    order = sorted(range(len(targets.names)), key=lambda number: -shares[0][number])
    rows = [["target", *(f"{split.name}, %" for split in summary.splits), ""]]
    largest = max(shares[0]) or 1
    for number in order[:SHOWN_TARGETS]:
        cells = [f"{100 * share[number]:.2f}" for share in shares]
        rows.append([shorten(targets.names[number]), *cells, bar(shares[0][number] / largest)])
    more = len(order) - SHOWN_TARGETS
    return align(rows) + (f"\n... and {more:,} targets more" if more > 0 else "")


def _numbers(summary: DataSummary, targets: Numbers) -> str:
    rows = [["", "split", "known", "mean", "deviation", "lowest", "highest"]]
    for column, name in enumerate(targets.names[:SHOWN_TARGETS]):
        for split in summary.splits:
            if split.numbers is not None:
                known, *values = split.numbers[:, column].tolist()
                cells = [f"{value:.4g}" for value in values]
                rows.append([shorten(name), split.name, f"{known:,.0f}", *cells])
    more = len(targets.names) - SHOWN_TARGETS
    return align(rows) + (f"\n... and {more:,} targets more" if more > 0 else "")


def _oddities(summary: DataSummary, sequences: str) -> Iterator[str]:
    """What may be wrong: sequences of train in the other splits, targets that train lacks, notes."""
    for name, shared in summary.shared.items():
        if shared is not None:
            size = next(split.num_sequences for split in summary.splits if split.name == name)
            yield f"{shared:,} of {size:,} {sequences} of {name} ({shared / size:.1%}) are in train too"
    for name, targets in summary.missing_targets.items():
        listed = name_some(f"{target} {count:,}" for target, count in targets.items())
        yield f"targets of {name} that train lacks: {listed}"
    yield from (f"note: {note}" for note in summary.notes)


def _unknown(name: str, unknown: UnknownWords, steps: str) -> str:
    share, of = f"{unknown.num_unknown / unknown.num_words:.1%}", f"of the {steps} of {name}"
    if unknown.num_unseen is None:
        return f"{share} {of} are unknown to the model"
    unseen = unknown.num_unseen / unknown.num_words
    return f"{unseen:.1%} {of} do not occur in train, {share} are unknown to the model"


def _ambiguous(ambiguous: AmbiguousWords) -> str:
    lines = [
        f"{ambiguous.num_ambiguous:,} of {ambiguous.num_distinct:,} different words of train "
        f"({ambiguous.share_of_words:.1%} of all words) have more than one tag; the most frequent tag of "
        f"each word is right for {ambiguous.baseline:.1%}"
    ]
    for word, tags in ambiguous.examples:
        lines.append(f"  {word}: {name_some(f'{tag} {count:,}' for tag, count in tags.items())}")
    return "\n".join(lines)


def _padding(summary: DataSummary) -> str:
    padding, batching = summary.padding, summary.batching
    limit = f" and {batching.max_tokens:,} steps" if batching.max_tokens else ""
    return (
        f"{padding.num_batches:,} training batches of at most {batching.batch_size} sequences{limit}: "
        f"{padding.with_buckets:.1%} padding; {padding.shuffled:.1%} if lengths were mixed"
    )


def bar(share: float) -> str:
    return "#" * round(BAR * share)


def align(rows: Sequence[Sequence[str]]) -> str:
    rows = [list(map(printable_line, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        first, *rest = zip(row, widths, strict=True)
        cells = [cell.ljust(width) if set(cell) <= {"#"} else cell.rjust(width) for cell, width in rest]
        lines.append("  ".join([first[0].ljust(first[1]), *cells]).rstrip())
    return "\n".join(lines)
