"""The letters of words in the nodes of a graph: every distinct spelling is read once, with little padding."""

from __future__ import annotations

from seqtrain.model.encoder import SpellingEncoder
from seqtrain.serving.export.graph import INT32, INT64, Graph, add_recurrent

WIDTHS = (4, 6, 8, 10, 12, 16, 32, 128, 1024)
"""Numbers of letters to which spellings are padded; longer spellings are padded to the longest."""


def add_spellings(graph: Graph, encoder: SpellingEncoder, letters: str, spelling: str) -> str:
    """The final states of the letters' BiLSTM for each word, (batch, time, 2 * hidden_size).

    The operators of a recurrence read every sequence to the end of the longest, so that spellings of similar
    length are read together.

    Args:
        graph: to add to.
        encoder: of spellings.
        letters: (spellings, letters) int64 ids, 0 is padding.
        spelling: (batch, time) int64, the row of `letters` that each word has.
    """
    num_spellings = graph.add("Shape", letters, start=0, end=1)
    letters, counts, groups = _group(graph, letters)
    embedding = graph.weight(encoder.embedding.weight)
    rows, states = [], []
    for group, width in enumerate((*WIDTHS, None)):
        members = graph.add("NonZero", graph.add("Equal", groups, graph.constant(group)))
        # onnxruntime cannot read an empty group: the blank spelling is in all of them.
        chosen = graph.add(
            "Concat", graph.add("Reshape", members, graph.constant([-1])), num_spellings, axis=0
        )
        ids = graph.add("Gather", letters, chosen, axis=0)
        if width is not None:
            ids = graph.add("Slice", ids, *(graph.constant([each]) for each in (0, width, 1)))
        by_step = graph.add("Transpose", graph.add("Gather", embedding, ids), perm=[1, 0, 2])
        lengths = graph.add("Cast", graph.add("Gather", counts, chosen), to=INT32)
        states.append(add_recurrent(graph, encoder.rnn, by_step, lengths).final)
        rows.append(chosen)
    final = graph.add("Transpose", graph.add("Concat", *states, axis=1), perm=[1, 0, 2])
    table = graph.add("Reshape", final, graph.constant([-1, 2 * encoder.rnn.hidden_size]))
    return graph.add("Gather", table, graph.add("Gather", _find_positions(graph, rows), spelling))


def _group(graph: Graph, letters: str) -> tuple[str, str, str]:
    """The spellings, with a blank one at the end; the number of letters of each, at least 1; their groups."""
    first = graph.add("Slice", letters, *(graph.constant([each]) for each in (0, 1, 0)))
    letters = graph.add("Concat", letters, graph.add("Sub", first, first), axis=0)
    present = graph.add("Cast", graph.add("Greater", letters, graph.constant(0)), to=INT64)
    counts = graph.add("ReduceSum", present, graph.constant([1]), keepdims=0)
    counts = graph.add("Max", counts, graph.constant(1))
    longer = graph.add("Greater", graph.add("Unsqueeze", counts, graph.constant([1])), graph.constant(WIDTHS))
    groups = graph.add("ReduceSum", graph.add("Cast", longer, to=INT64), graph.constant([1]), keepdims=0)
    return letters, counts, groups


def _find_positions(graph: Graph, rows: list[str]) -> str:
    """The position of each spelling in the concatenated groups, from the `rows` of each group."""
    order = graph.add("Concat", *rows, axis=0)
    return graph.add_many("TopK", [order, graph.add("Shape", order)], 2, axis=0, largest=0, sorted=1)[1]
