from __future__ import annotations

import itertools

import torch

from seqtrain.model import CRFHead
from seqtrain.model.heads.bio import illegal_bio

NAMES = ("B-X", "B-Y", "I-X", "I-Y", "O")


def test_what_bio_forbids() -> None:
    transitions, starts = illegal_bio(NAMES)
    forbidden = {(NAMES[row], NAMES[column]) for row, column in transitions.nonzero().tolist()}
    assert forbidden == {
        *(("B-X", "I-Y"), ("I-X", "I-Y"), ("B-Y", "I-X"), ("I-Y", "I-X")),
        *(("O", "I-X"), ("O", "I-Y")),
    }
    assert starts.tolist() == [False, False, True, True, False]


def test_decoded_tags_are_legal_and_otherwise_the_best() -> None:
    torch.manual_seed(0)
    head = CRFHead(input_size=3, num_targets=5, dropout=0.0)
    scores, lengths = torch.randn(64, 6, 5) * 3, torch.randint(1, 7, (64,))
    free = head.decode(scores, lengths)
    transitions, starts = illegal_bio(NAMES)
    head.forbid(transitions, starts)
    best = head.decode(scores, lengths)

    def is_legal(tags: list[int]) -> bool:
        return not starts[tags[0]] and not any(transitions[a, b] for a, b in itertools.pairwise(tags))

    num_changed = 0
    for row, length in enumerate(lengths.tolist()):
        before, after = free[row, :length].tolist(), best[row, :length].tolist()
        assert is_legal(after)
        assert before == after or not is_legal(before)
        num_changed += before != after
    assert num_changed > 32
    assert set(head.state_dict()) == {"linear.weight", "linear.bias", "transition", "start", "end"}


def test_a_target_that_is_not_legal_has_a_finite_loss() -> None:
    head = CRFHead(input_size=3, num_targets=5, dropout=0.0)
    scores, lengths = torch.randn(1, 3, 5), torch.tensor([3])
    expected = head.loss_sum(scores, torch.tensor([[2, 4, 3]]), lengths)  # I-X O I-Y
    head.forbid(*illegal_bio(NAMES))
    loss = head.loss_sum(scores, torch.tensor([[2, 4, 3]]), lengths)
    assert loss.isfinite()
    assert torch.equal(loss, expected)
