import math

import pytest
import torch

from seqtrain.model.heads.tags import TagHead
from seqtrain.records import IGNORED

LENGTHS = torch.tensor([2])
SCORES = torch.tensor([[[math.log(3.0), 0.0], [0.0, 1.0]]])


@pytest.fixture
def head() -> TagHead:
    return TagHead(input_size=3, num_targets=2, dropout=0.0, label_smoothing=0.2)


def test_steps_are_scored_one_by_one(head: TagHead) -> None:
    states = torch.randn(1, 2, 3, generator=torch.Generator().manual_seed(0))
    scores = head(states, (), LENGTHS)
    assert scores.shape == (1, 2, 2)
    torch.testing.assert_close(scores[:, :1], head(states[:, :1], (), LENGTHS - 1))


def test_labels_are_smoothed_in_training_only(head: TagHead) -> None:
    targets = torch.tensor([[0, IGNORED]])
    assert head.train().loss_sum(SCORES, targets, LENGTHS).item() == pytest.approx(
        0.9 * math.log(4 / 3) + 0.1 * math.log(4)
    )
    assert head.eval().loss_sum(SCORES, targets, LENGTHS).item() == pytest.approx(math.log(4 / 3))


def test_the_likeliest_tag_and_its_probability(head: TagHead) -> None:
    tags = head.decode(SCORES, LENGTHS)
    assert tags.tolist() == [[0, 1]]
    confidences = head.confidences(SCORES, tags, LENGTHS)
    assert confidences[0].tolist() == pytest.approx([0.75, 1 / (1 + math.exp(-1))])
