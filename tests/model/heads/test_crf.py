"""The CRF head against sums and maxima over all sequences of tags, written out."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from seqtrain.model.heads.crf import CRFHead, illegal_bio
from seqtrain.records import IGNORED

NAMES = ("B-X", "B-Y", "I-X", "I-Y", "O")
TAGS, LENGTHS = 3, torch.tensor([4, 1, 3, 2])


@pytest.fixture
def head() -> CRFHead:
    torch.manual_seed(0)
    head = CRFHead(input_size=5, num_targets=TAGS, dropout=0.0).double()
    for parameter in (head.transition, head.start, head.end):
        torch.nn.init.normal_(parameter)
    return head


@pytest.fixture
def scores() -> Tensor:
    torch.manual_seed(1)
    return torch.randn(len(LENGTHS), 4, TAGS, dtype=torch.double)


@torch.no_grad()
def score_by_hand(head: CRFHead, emissions: Tensor, tags: tuple[int, ...]) -> float:
    total = head.start[tags[0]] + head.end[tags[-1]]
    for step, tag in enumerate(tags):
        total = total + emissions[step, tag]
    for before, after in itertools.pairwise(tags):
        total = total + head.transition[before, after]
    return float(total)


def all_scores(head: CRFHead, emissions: Tensor, length: int) -> dict[tuple[int, ...], float]:
    return {
        tags: score_by_hand(head, emissions, tags) for tags in itertools.product(range(TAGS), repeat=length)
    }


def test_score_adds_emissions_and_transitions(head: CRFHead, scores: Tensor) -> None:
    tags = torch.tensor([[0, 1, 2, 1], [2, -100, -100, -100], [1, 1, 0, -100], [0, 2, -100, -100]])
    expected = [
        score_by_hand(head, scores[row], tuple(tags[row, :length].tolist()))
        for row, length in enumerate(LENGTHS.tolist())
    ]
    got = head.score(scores, tags, LENGTHS).tolist()
    assert got == pytest.approx(expected, abs=1e-12)


def test_log_partition_sums_over_all_tags(head: CRFHead, scores: Tensor) -> None:
    every = [all_scores(head, scores[row], length) for row, length in enumerate(LENGTHS.tolist())]
    expected = [float(torch.tensor(list(each.values()), dtype=torch.double).logsumexp(0)) for each in every]
    assert head.log_partition(scores, LENGTHS).tolist() == pytest.approx(expected, abs=1e-9)


def test_loss_is_the_negative_log_likelihood(head: CRFHead, scores: Tensor) -> None:
    tags = torch.randint(TAGS, (len(LENGTHS), 4))
    beyond = torch.arange(4) >= LENGTHS[:, None]
    expected = head.log_partition(scores, LENGTHS) - head.score(scores, tags, LENGTHS)
    loss = head.loss_sum(scores, tags.masked_fill(beyond, IGNORED), LENGTHS).item()
    assert loss == pytest.approx(expected.sum().item(), abs=1e-12)
    assert loss > 0


def test_decode_finds_the_best_of_all_tags_and_their_marginals(head: CRFHead, scores: Tensor) -> None:
    with torch.inference_mode():
        tags = head.decode(scores, LENGTHS)
        confidences = head.confidences(scores, tags, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        by_tags = all_scores(head, scores[row], length)
        assert tuple(tags[row, :length].tolist()) == max(by_tags, key=by_tags.__getitem__)
        weights = torch.tensor(list(by_tags.values()), dtype=torch.double).softmax(0)
        for step in range(length):
            chosen = [tags_[step] == int(tags[row, step]) for tags_ in by_tags]
            marginal = float(weights[torch.tensor(chosen)].sum())
            assert float(confidences[row, step]) == pytest.approx(marginal, abs=1e-9)


def test_padding_changes_nothing(head: CRFHead, scores: Tensor) -> None:
    padded = torch.cat([scores, torch.full((len(LENGTHS), 3, TAGS), 1e6, dtype=torch.double)], dim=1)
    for row, length in enumerate(LENGTHS.tolist()):
        padded[row, length:] = 1e6
    assert torch.equal(head.log_partition(padded, LENGTHS), head.log_partition(scores, LENGTHS))
    expected = head.decode(scores, LENGTHS)
    got = head.decode(padded, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        assert torch.equal(got[row, :length], expected[row, :length])


def test_without_transitions_it_is_a_softmax_per_step(head: CRFHead, scores: Tensor) -> None:
    for parameter in (head.transition, head.start, head.end):
        torch.nn.init.zeros_(parameter)
    tags = torch.randint(TAGS, (len(LENGTHS), 4))
    tags[torch.arange(4) >= LENGTHS[:, None]] = IGNORED
    expected = torch.nn.functional.cross_entropy(scores.flatten(0, 1), tags.flatten(), reduction="sum")
    assert head.loss_sum(scores, tags, LENGTHS).item() == pytest.approx(expected.item(), abs=1e-9)


def test_gradients(head: CRFHead, scores: Tensor) -> None:
    tags = torch.randint(TAGS, (len(LENGTHS), 4))
    assert torch.autograd.gradcheck(
        lambda s, transition: torch.func.functional_call(
            _Loss(head), {"head.transition": transition}, (s, tags)
        ),
        (scores.requires_grad_(), head.transition.detach().clone().requires_grad_()),
    )


class _Loss(torch.nn.Module):
    def __init__(self, head: CRFHead) -> None:
        super().__init__()
        self.head = head

    def forward(self, scores: Tensor, tags: Tensor) -> Tensor:
        return self.head.loss_sum(scores, tags, LENGTHS)


def test_emissions_are_linear_in_the_states(head: CRFHead) -> None:
    states = torch.randn(2, 4, 5, dtype=torch.double)
    got = head(states, states[:, -1], torch.tensor([4, 4]))
    expected = states @ head.linear.weight.T + head.linear.bias
    assert torch.allclose(got.double(), expected, atol=1e-6)


@pytest.mark.parametrize("device", ["cpu", "as on a GPU"])
def test_steps_without_a_target_are_summed_out(
    head: CRFHead, scores: Tensor, device: str, monkeypatch
) -> None:
    if device != "cpu":  # where nobody looks whether a target is missing
        monkeypatch.setattr(Tensor, "any", lambda _: True)
    tags = torch.tensor([[0, IGNORED, IGNORED, 1], [2, 9, 9, 9], [IGNORED, 1, 0, 9], [2, IGNORED, 9, 9]])
    tags[tags == 9] = IGNORED  # padding
    expected = 0.0
    for row, length in enumerate(LENGTHS.tolist()):
        by_tags = all_scores(head, scores[row], length)
        known = tags[row, :length].tolist()
        agreeing = [
            score
            for chosen, score in by_tags.items()
            if all(target in (IGNORED, tag) for tag, target in zip(chosen, known, strict=True))
        ]
        every, some = (torch.tensor(each, dtype=torch.double) for each in (list(by_tags.values()), agreeing))
        expected += float(every.logsumexp(0) - some.logsumexp(0))
    assert head.loss_sum(scores, tags, LENGTHS).item() == pytest.approx(expected, abs=1e-9)


def test_without_any_target_there_is_no_loss(head: CRFHead, scores: Tensor) -> None:
    scores.requires_grad_()
    loss = head.loss_sum(scores, torch.full((len(LENGTHS), 4), IGNORED), LENGTHS)
    loss.backward()
    assert loss.item() == 0
    assert scores.grad is not None
    assert scores.grad.abs().max() < 1e-12


def test_gradients_where_targets_are_missing(head: CRFHead, scores: Tensor) -> None:
    tags = torch.tensor([[0, IGNORED, IGNORED, 1], [IGNORED] * 4, [IGNORED, 1, 0, 0], [2, IGNORED, 0, 0]])
    assert torch.autograd.gradcheck(lambda s: head.loss_sum(s, tags, LENGTHS), (scores.requires_grad_(),))


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
