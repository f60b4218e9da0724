"""What is in the text of a language model, for the terminal and as pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from matplotlib.figure import Figure
from torch import Tensor

from seqtrain.data.batching.streams import Piece
from seqtrain.data.batching.token_dataset import TokenDataset
from seqtrain.data.check.page import describe, draw_memory, draw_panels
from seqtrain.data.check.text import align, bar
from seqtrain.data.corpus import Batching, Corpus
from seqtrain.data.tokens import visible
from seqtrain.errors import shorten
from seqtrain.records import UNKNOWN
from seqtrain.spec import TokenInputs

SHOWN_TOKENS = 20  # the most frequent ones of train


@dataclass(frozen=True)
class TextSummary:
    """What `check_data` shows of a text that is read in streams."""

    inputs: TokenInputs
    tokens: dict[str, Tensor]  # ids, by split
    frequent: dict[str, float]  # shares of train, in percent
    num_streams: int
    pieces: list[Piece]  # of an epoch
    notes: tuple[str, ...]

    @property
    def largest(self) -> Piece:
        """The batch with the most steps."""
        return max(self.pieces, key=lambda piece: piece.num_steps)


def summarize_text(corpus: Corpus, batching: Batching, seed: int = 0) -> TextSummary:
    """Count the tokens of a corpus whose splits are each a `TokenDataset`."""
    inputs, train = corpus.spec.inputs, corpus.splits["train"]
    assert isinstance(inputs, TokenInputs)
    assert isinstance(train, TokenDataset)
    tokens = {name: each.tokens for name, each in corpus.splits.items() if isinstance(each, TokenDataset)}
    counts = tokens["train"].bincount()
    frequent = counts.argsort(descending=True, stable=True)[:SHOWN_TOKENS].tolist()
    shares = {
        visible(inputs.tokens.name(each)): 100 * int(counts[each]) / len(train.tokens)
        for each in frequent
        if counts[each] > 0
    }
    pieces = train.order(batching, seed, 0, 1).batches(0)
    return TextSummary(inputs, tokens, shares, batching.batch_size, pieces, corpus.notes)


def render_text(summary: TextSummary) -> str:
    """The whole summary, a paragraph for each question."""
    inputs = summary.inputs
    rows = [["", inputs.steps, "unknown", ""]]
    for name, ids in summary.tokens.items():
        unknown = int((ids == UNKNOWN).sum())
        rows.append([name, f"{len(ids):,}", f"{unknown:,}", f"{unknown / len(ids):.2%}"])
    largest = max(summary.frequent.values())
    frequent = [
        [shorten(token), f"{share:.2f} %", bar(share / largest)] for token, share in summary.frequent.items()
    ]
    return "\n\n".join(
        [
            align(rows),
            f"{inputs.describe()} in train, the most frequent ones:\n{align(frequent)}",
            *(f"note: {note}" for note in summary.notes),
            _describe_streams(summary),
        ]
    )


def _describe_streams(summary: TextSummary) -> str:
    steps = [piece.num_steps for piece in summary.pieces]
    each = f"{min(steps)} to {max(steps)}" if min(steps) < max(steps) else f"{steps[0]}"
    return (
        f"{summary.num_streams:,} streams of {sum(steps):,} {summary.inputs.steps}; an epoch has "
        f"{len(steps):,} training batches, each the next {each} {summary.inputs.steps} of all streams"
    )


def draw_text_page(summary: TextSummary, title: str, memory: Mapping[str, float]) -> Figure:
    """See `seqtrain.data.check.page.draw_page`."""
    panels = [partial(_draw_frequent, summary), partial(draw_memory, memory)]
    return draw_panels(panels, title, [_describe_streams(summary), *summary.notes])


def _draw_frequent(summary: TextSummary, axis: Any) -> None:
    names = [shorten(token, 12) for token in summary.frequent]
    axis.bar(range(len(names)), list(summary.frequent.values()))
    axis.set_xticks(range(len(names)), names, rotation=90 if max(map(len, names)) > 2 else 0, fontsize=8)
    describe(axis, f"the most frequent {summary.inputs.steps} of train", ylabel="%")
