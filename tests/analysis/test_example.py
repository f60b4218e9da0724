from __future__ import annotations

import torch
from made_up_example import example
from torch import nn

from seqtrain.analysis.examine import ExaminedExample
from seqtrain.analysis.example import choose_examples, read_example
from seqtrain.analysis.sample import Sample
from seqtrain.records import IGNORED, SequenceBatch
from seqtrain.recurrence.trace import trace
from seqtrain.spec import Classes, DataSpec, SequenceClasses, StepClasses, VectorInputs


def test_a_sequence_of_numbers_is_named_by_its_class_if_it_has_one() -> None:
    features, lengths = torch.rand(1, 3, 2), torch.tensor([3])
    traced = trace(nn.GRU(2, 4), features, lengths)

    def title(targets: torch.Tensor, kind: type[Classes]) -> str:
        spec = DataSpec(VectorInputs(feature_size=2), kind(("zero", "one")))
        return read_example(Sample(SequenceBatch(features, lengths, targets), spec, None), traced, 0).name

    assert title(torch.tensor([1]), SequenceClasses) == "sequence 1 of the sample (one)"
    assert title(torch.tensor([IGNORED]), SequenceClasses) == "sequence 1 of the sample"
    assert title(torch.tensor([[1, 0, 1]]), StepClasses) == "sequence 1 of the sample"
    assert example().name == "image 1 of the sample (one), read by rows"


def test_the_longest_of_the_short_sequences_are_drawn() -> None:
    assert choose_examples(torch.tensor([3, 90, 20, 24, 5]), 2) == [3, 2]
    assert choose_examples(torch.tensor([784, 784]), 1) == [0]


def test_one_sequence_of_a_batch_is_read() -> None:
    features, lengths = torch.rand(2, 3, 2), torch.tensor([3, 2])
    traced = trace(nn.LSTM(2, 4, num_layers=2, bidirectional=True), features, lengths)
    spec = DataSpec(VectorInputs(feature_size=2), SequenceClasses(("zero", "one")))
    made = read_example(Sample(SequenceBatch(features, lengths, torch.tensor([1, 0])), spec, None), traced, 1)
    assert made.inputs is not None
    assert made.inputs.tolist() == features[1, :2].T.tolist()
    assert made.labels == ["0", "1"]
    for layer, directions in enumerate(traced.layers):
        for direction, part in enumerate(directions):
            for name, values in (part.states | part.gates).items():
                assert made.parts[name][layer, direction].tolist() == values[1, :2].tolist()


def test_what_is_shown_is_in_single_precision(tagged: list[ExaminedExample]) -> None:
    assert tagged[0].reach is not None
    assert {str(part.dtype) for part in (*tagged[0].parts.values(), tagged[0].reach)} == {"float32"}
