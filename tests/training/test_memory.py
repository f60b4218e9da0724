from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from seqtrain.model import LabelHead, Network, RecurrentBackbone, VectorEncoder
from seqtrain.records import SequenceBatch
from seqtrain.spec import DataSpec, SequenceClasses, VectorInputs
from seqtrain.training.memory import measure_memory


def network(hidden_size: int) -> Network:
    spec = DataSpec(VectorInputs(feature_size=3), SequenceClasses(("a", "b")))
    encoder = VectorEncoder(spec=spec)
    backbone = RecurrentBackbone(torch.nn.LSTM(3, hidden_size, batch_first=True))
    head = LabelHead(input_size=hidden_size, num_targets=2, pooling="last", dropout=0.0, label_smoothing=0.0)
    return Network(encoder, backbone, head)


def batch(num: int, steps: int) -> SequenceBatch:
    inputs, targets = torch.zeros(num, steps, 3), torch.zeros(num, dtype=torch.int64)
    return SequenceBatch(inputs, torch.full((num,), steps), targets)


def test_weights_gradients_and_two_moments() -> None:
    model = network(5)
    num = sum(each.numel() for each in model.parameters())
    assert measure_memory(model, batch(2, 4)).weights == 4 * 4 * num


def test_of_a_long_batch_two_beginnings_are_run(monkeypatch) -> None:
    long = replace(batch(4, 4000), lengths=torch.tensor([4000, 30, 20, 10]))
    estimated = measure_memory(network(16), long).activations
    monkeypatch.setattr("seqtrain.training.memory.MOST_POSITIONS", 1 << 20)
    whole = measure_memory(network(16), long).activations
    monkeypatch.setattr("seqtrain.training.memory.MOST_POSITIONS", 1 << 10)
    assert measure_memory(network(16), long).activations == pytest.approx(whole, rel=0.01)
    assert estimated == whole


def test_activations_grow_with_the_steps_of_the_batch() -> None:
    few, many = (measure_memory(network(16), batch(8, steps)).activations for steps in (10, 40))
    assert 3 * few < many < 5 * few
