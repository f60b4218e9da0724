"""Networks and batches small enough for a computation step by step."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from seqtrain.model import LabelHead, Network, RecurrentBackbone, TagHead
from seqtrain.model.encoder import VectorEncoder
from seqtrain.records import IGNORED, SequenceBatch
from seqtrain.spec import DataSpec, SequenceClasses, VectorInputs

LENGTHS = torch.tensor([9, 3, 6])


def network(head: str, rnn: nn.RNNBase) -> Network:
    backbone = RecurrentBackbone(rnn)
    sizes: dict[str, Any] = {"input_size": backbone.output_size, "num_targets": 3, "dropout": 0.0}
    heads = {"label": LabelHead, "tags": TagHead}
    encoder = VectorEncoder(DataSpec(VectorInputs(feature_size=4), SequenceClasses(("a", "b", "c"))))
    return Network(encoder, backbone, heads[head](**sizes, label_smoothing=0.0)).eval()


def batch(head: str) -> SequenceBatch:
    draw = torch.Generator().manual_seed(0)
    targets = torch.randint(3, (3,) if head == "label" else (3, 9), generator=draw)
    if head == "tags":
        targets[torch.arange(9) >= LENGTHS[:, None]] = IGNORED
    return SequenceBatch(torch.randn(3, 9, 4, generator=draw), LENGTHS, targets)
