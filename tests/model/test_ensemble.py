"""Several networks as one: each learns as if alone, and they answer by the mean of their probabilities."""

from __future__ import annotations

import pytest
import torch

from seqtrain.model import Ensemble, Network
from seqtrain.training.build import build_data
from seqtrain.training.network import build_network


@pytest.fixture(params=["digits", "pos"])
def made(compose, request):
    cfg = compose("members=3", "model=bilstm", task=request.param)
    data = build_data(cfg)
    data.setup()
    torch.manual_seed(0)
    return build_network(cfg, data.spec), data.corpus.splits["train"].batch(range(7))


def test_members_differ_and_all_their_numbers_count(made) -> None:
    network, _ = made
    assert isinstance(network, Ensemble)
    first, second, third = network.members
    assert not torch.equal(first.head.linear.weight, second.head.linear.weight)
    assert not torch.equal(second.head.linear.weight, third.head.linear.weight)
    assert network.num_parameters == 3 * first.num_parameters


def test_the_answer_is_the_mean_of_probabilities(made) -> None:
    network, batch = made
    network.eval()
    with torch.inference_mode():
        scores, outputs = network(batch)
        alone = [member(batch) for member in network.members]
    mean = torch.stack([each.softmax(-1) for each, _ in alone]).mean(0)
    torch.testing.assert_close(scores.exp(), mean)
    assert len(outputs) == 3
    for output, (_, (own,)) in zip(outputs, alone, strict=True):
        assert torch.equal(output.final_state.h_n, own.final_state.h_n)
    answers = network.head.decode(scores, batch.lengths)
    assert torch.equal(answers, mean.argmax(-1))
    confidences = network.head.confidences(scores, answers, batch.lengths)
    torch.testing.assert_close(confidences, mean.amax(-1))


def test_in_evaluation_the_loss_is_that_of_the_common_answer(made) -> None:
    network, batch = made
    network.eval()
    with torch.inference_mode():
        scores, _ = network(batch)
        loss = network.loss_sum(scores, batch)
    valid = batch.targets >= 0
    expected = -scores[valid].gather(-1, batch.targets[valid][:, None]).sum()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_in_training_each_learns_from_its_own_loss(made) -> None:
    network, batch = made
    assert network.training
    torch.manual_seed(1)  # the same dropout for all together as for one after the other
    loss, _ = network.training_loss(batch)
    loss.backward()
    torch.manual_seed(1)
    losses = []
    for member in network.members:
        together = [p.grad.clone() for p in member.parameters()]
        member.zero_grad()
        own, _ = member.training_loss(batch)
        (own / 3).backward()
        losses.append(own.item())
        for grad, parameter in zip(together, member.parameters(), strict=True):
            torch.testing.assert_close(grad, parameter.grad)
    assert loss.item() == pytest.approx(sum(losses) / 3, rel=1e-6)


def test_one_member_is_the_network_itself(compose) -> None:
    cfg = compose("members=1")
    data = build_data(cfg)
    data.setup()
    assert type(build_network(cfg, data.spec)) is Network
