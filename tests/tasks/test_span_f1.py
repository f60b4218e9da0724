from __future__ import annotations

import pytest
import torch

from seqtrain.spec import StepClasses
from seqtrain.tasks.span_f1 import SpanF1, TagMetrics

NAMES = ("B-X", "B-Y", "I-X", "I-Y", "O")


def ids(*rows: str) -> torch.Tensor:
    """Rows of tags, padded with -100."""
    numbers = [torch.tensor([NAMES.index(tag) for tag in row.split()]) for row in rows]
    return torch.nn.utils.rnn.pad_sequence(numbers, batch_first=True, padding_value=-100)


def test_a_span_is_correct_with_both_ends_and_its_type() -> None:
    metric = SpanF1(NAMES)
    targets = ids("B-X I-X O B-Y", "B-Y I-Y")
    predictions = ids("B-X I-X O B-X", "B-Y O O O")  # the first is correct; wrong type; wrong end
    metric.update(predictions, targets, torch.tensor([4, 2]))
    metric.update(ids("O B-X"), ids("O B-X"), torch.tensor([2]))
    expected = {"span_precision": 2 / 4, "span_recall": 2 / 4, "span_f1": 2 / 4}
    assert metric.compute() == pytest.approx(expected)


def test_an_i_that_continues_nothing_begins_a_span_as_in_conlleval() -> None:
    metric = SpanF1(NAMES)
    metric.update(ids("O I-X I-X", "B-X I-Y"), ids("O B-X I-X", "B-X B-Y"), torch.tensor([3, 2]))
    assert metric.compute()["span_f1"] == 1.0


def test_without_spans_all_is_zero() -> None:
    metric = SpanF1(NAMES)
    metric.update(ids("O O"), ids("O O"), torch.tensor([2]))
    assert metric.compute() == {"span_precision": 0.0, "span_recall": 0.0, "span_f1": 0.0}


def test_only_tags_that_mark_spans_have_this_metric() -> None:
    assert TagMetrics(StepClasses(NAMES), {}).spans is None
    metrics = TagMetrics(StepClasses(NAMES, tag_scheme="iob"), {})
    metrics.update(torch.tensor([0]), torch.tensor([0]), torch.tensor(0.0))
    assert metrics.spans is not None
    metrics.spans.update(ids("B-X"), ids("B-X"), torch.tensor([1]))
    assert metrics.compute()["span_f1"] == 1.0
    metrics.reset()
    assert metrics.spans.num_correct.update_count == 0


def test_without_seqeval_the_metric_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqtrain.tasks.span_f1.find_spec", lambda _: None)
    assert TagMetrics(StepClasses(NAMES, tag_scheme="bio"), {}).spans is None


def test_words_without_a_target_are_left_out() -> None:
    metric = SpanF1(NAMES)
    targets = ids("B-X I-X O B-Y", "O B-Y")
    targets[0, 1] = targets[1, 0] = -100
    # Whatever is predicted there, the first sentence has spans in two words, the second in one.
    metric.update(ids("B-X B-Y O B-Y", "B-X I-Y"), targets, torch.tensor([4, 2]))
    assert metric.compute() == {"span_precision": 1.0, "span_recall": 1.0, "span_f1": 1.0}
    assert metric.num_targets.compute() == 3
