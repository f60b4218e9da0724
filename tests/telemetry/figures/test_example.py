from __future__ import annotations

import torch
from made_up_example import example
from torch import nn

from seqtrain.records import IGNORED, DataSpec, SequenceBatch
from seqtrain.recurrence.trace import trace
from seqtrain.telemetry.figures.example import choose_examples, read_example
from seqtrain.telemetry.sample import Sample


def test_a_sequence_of_numbers_is_named_by_its_class_if_it_has_one() -> None:
    features, lengths = torch.rand(1, 3, 2), torch.tensor([3])
    traced = trace(nn.GRU(2, 4), features, lengths)
    titles = [
        read_example(
            Sample(SequenceBatch(features, lengths, targets), DataSpec(("zero", "one"), 2), None), traced, 0
        ).title
        for targets in (torch.tensor([1]), torch.tensor([[1, 0, 1]]), torch.tensor([IGNORED]))
    ]
    assert titles == ["sequence 1 of the sample (one)", *["sequence 1 of the sample"] * 2]
    assert example().title == "image 1 of the sample (one), read by rows"


def test_the_longest_of_the_short_sequences_are_drawn() -> None:
    assert choose_examples(torch.tensor([3, 90, 20, 24, 5]), 2) == [3, 2]
    assert choose_examples(torch.tensor([784, 784]), 1) == [0]
