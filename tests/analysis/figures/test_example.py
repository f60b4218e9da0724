from __future__ import annotations

import torch
from made_up_example import example
from torch import nn

from seqtrain.analysis.figures.example import choose_examples, read_example
from seqtrain.analysis.sample import Sample
from seqtrain.records import IGNORED, SequenceBatch
from seqtrain.recurrence.trace import trace
from seqtrain.spec import Classes, DataSpec, SequenceClasses, StepClasses, VectorInputs


def test_a_sequence_of_numbers_is_named_by_its_class_if_it_has_one() -> None:
    features, lengths = torch.rand(1, 3, 2), torch.tensor([3])
    traced = trace(nn.GRU(2, 4), features, lengths)

    def title(targets: torch.Tensor, kind: type[Classes]) -> str:
        spec = DataSpec(VectorInputs(feature_size=2), kind(("zero", "one")))
        return read_example(Sample(SequenceBatch(features, lengths, targets), spec, None), traced, 0).title

    assert title(torch.tensor([1]), SequenceClasses) == "sequence 1 of the sample (one)"
    assert title(torch.tensor([IGNORED]), SequenceClasses) == "sequence 1 of the sample"
    assert title(torch.tensor([[1, 0, 1]]), StepClasses) == "sequence 1 of the sample"
    assert example().title == "image 1 of the sample (one), read by rows"


def test_the_longest_of_the_short_sequences_are_drawn() -> None:
    assert choose_examples(torch.tensor([3, 90, 20, 24, 5]), 2) == [3, 2]
    assert choose_examples(torch.tensor([784, 784]), 1) == [0]
