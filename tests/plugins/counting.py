"""A task of one's own: how many ones are among the bits of a sequence?"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from matplotlib.figure import Figure
from torch import nn

from seqtrain.data import Batching, Corpus, VectorDataset
from seqtrain.spec import DataSpec, Targets, VectorInputs
from seqtrain.tasks import Task


@dataclass(frozen=True)
class Amounts(Targets):
    """A number for each sequence."""

    unit: str

    per_step: ClassVar[bool] = False
    each: ClassVar[str] = "an amount for each sequence"

    @property
    def num_targets(self):
        return 1

    def describe(self):
        return f"amounts of {self.unit}"


class Bits:
    """Sequences of eight bits, and the number of ones in each."""

    def __init__(self, batch_size):
        self.batching = Batching(batch_size, max_tokens=None, eval_batch_size=256)

    def load(self):
        bits = (torch.arange(256)[:, None] >> torch.arange(8)) & 1
        bits = bits[torch.randperm(256, generator=torch.Generator().manual_seed(0))]
        inputs, ones = bits[:, :, None].float(), bits.sum(dim=1).float()

        def part(start, stop):
            return VectorDataset(inputs[start:stop], torch.full((stop - start,), 8), ones[start:stop])

        splits = {"train": part(0, 192), "dev": part(192, 224), "test": part(224, 256)}
        return Corpus(DataSpec(VectorInputs(feature_size=1), Amounts("ones")), splits)


class AmountHead(nn.Module):
    """A number for each sequence, by the squared error."""

    def __init__(self, input_size, num_targets):
        super().__init__()
        self.linear = nn.Linear(input_size, num_targets)

    def forward(self, states, summary, lengths):
        """(batch, time, input_size) and (batch, input_size) to (batch,)"""
        return self.linear(summary).squeeze(-1)

    def loss_sum(self, scores, targets, lengths):
        return (scores.float() - targets).square().sum()

    def decode(self, scores, lengths):
        return scores


class Counting(Task):
    """The number of something in a sequence."""

    targets = Amounts

    def name_unit(self, spec):
        return "sequences"

    def name_value(self, value, targets):
        return f"{value:.2f}"

    def show(self, given, answer, form, spec):
        if form == "json":
            return f'{{"input": "{given.name}", "{spec.targets.unit}": {answer.names[0]}}}\n'
        return super().show(given, answer, form, spec)

    def draw(self, answered, metrics):
        figure = Figure(figsize=(3, 3))
        axes = figure.subplots()
        axes.scatter(answered.batch.targets, answered.predictions, s=4)
        axes.set(xlabel=answered.spec.targets.unit, ylabel="prediction")
        return {"amounts": figure}
