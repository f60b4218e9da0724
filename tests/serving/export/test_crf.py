from __future__ import annotations

import numpy as np
import pytest
import torch

from seqtrain.model import CRFHead
from seqtrain.serving.export.crf import CRF


@pytest.fixture
def head() -> CRFHead:
    torch.manual_seed(0)
    head = CRFHead(2, 4, dropout=0.0)
    for parameter in (head.transition, head.start, head.end):
        torch.nn.init.normal_(parameter)
    head.forbid(torch.eye(4, dtype=torch.bool), torch.tensor([True, False, False, False]))
    return head


@pytest.mark.parametrize("num_steps", [1, 2, 9])
def test_the_same_as_the_head(head: CRFHead, num_steps: int) -> None:
    crf = CRF(
        *(each.detach().numpy() for each in (head.transition, head.start, head.end)),
        head.allowed_transition.numpy(),
        head.allowed_start.numpy(),
    )
    emissions = torch.randn(1, num_steps, 4)
    lengths = torch.tensor([num_steps])
    assert crf.decode(emissions[0].numpy()).tolist() == head.decode(emissions, lengths)[0].tolist()
    np.testing.assert_allclose(
        crf.marginals(emissions[0].numpy()), head.marginals(emissions, lengths)[0].numpy(), atol=1e-6
    )
