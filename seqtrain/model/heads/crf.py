"""A conditional random field as a head: the best sequence of tags, not the best tag of each step."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from seqtrain.records import IGNORED, valid_steps


class CRFHead(nn.Module):
    """Tags of a sequence scored together (Lafferty et al., 2001; here as in Lample et al., 2016).

    The score of tags y for a sequence is the sum over steps of `emission[t, y_t]` and of
    `transition[y_(t-1), y_t]`, with `start[y_1]` and `end[y_T]` at its ends; their probability is the softmax
    over all sequences of tags, which the forward algorithm sums in time linear in steps.

    Args:
        input_size: numbers per step of the backbone's states.
        num_targets: tags.
        dropout: share of the states that is dropped in training.

    Attributes:
        transition: (num_targets, num_targets) the score of the tag of the column after the tag of the row.
        start: (num_targets,) the score of each tag at the first step.
        end: (num_targets,) the score of each tag at the last step.
        allowed_transition: (num_targets, num_targets) what `decode` adds to `transition`: minus infinity for
            what `forbid` has excluded, else 0.
        allowed_start: (num_targets,) what `decode` adds to `start`, likewise.
    """

    def __init__(self, input_size: int, num_targets: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(input_size, num_targets)
        # Zero: at first every order of tags is as likely as any other.
        self.transition = nn.Parameter(torch.zeros(num_targets, num_targets))
        self.start = nn.Parameter(torch.zeros(num_targets))
        self.end = nn.Parameter(torch.zeros(num_targets))
        self.allowed_transition: Tensor
        self.allowed_start: Tensor
        self.register_buffer("allowed_transition", torch.zeros(num_targets, num_targets), persistent=False)
        self.register_buffer("allowed_start", torch.zeros(num_targets), persistent=False)

    def forbid(self, transitions: Tensor, starts: Tensor) -> None:
        """Exclude tag sequences from `decode`, and from nothing else.

        The likelihood stays that of all sequences: a wrong tag in the data makes an excluded sequence the
        target, which would have probability zero and an infinite loss.

        Args:
            transitions: (num_targets, num_targets) bool, true where the tag of the column must not follow the
                tag of the row.
            starts: (num_targets,) bool, true for tags that must not come first.
        """
        self.allowed_transition = torch.zeros_like(self.transition).masked_fill(transitions, -torch.inf)
        self.allowed_start = torch.zeros_like(self.start).masked_fill(starts, -torch.inf)

    def forward(self, states: Tensor, summary: Tensor, lengths: Tensor) -> Tensor:
        """(batch, time, input_size) to emission scores (batch, time, num_targets)."""
        # Sums of scores over a sequence need float32 also under autocast.
        emissions: Tensor = self.linear(self.dropout(states))
        return emissions.to(torch.promote_types(emissions.dtype, torch.float32))

    def loss_sum(self, scores: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
        """The negative log-likelihood of the sequences' targets, summed over the batch.

        Steps whose target is IGNORED are left out: the likelihood of the others is summed over the tags that
        these could have (Tsuboi et al., 2008, Training Conditional Random Fields Using Incomplete
        Annotations).
        """
        missing = _valid(scores, lengths) & (targets == IGNORED)
        # On a GPU this check would synchronize; the general computation takes about as long there.
        if targets.device.type == "cpu" and not missing.any():
            return (self.log_partition(scores, lengths) - self.score(scores, targets, lengths)).sum()
        tags = torch.arange(scores.shape[2], device=scores.device)
        possible = (targets[..., None] == IGNORED) | (targets[..., None] == tags)
        agreeing = scores.masked_fill(~possible, -torch.inf)
        both = self.log_partition(torch.cat([scores, agreeing]), torch.cat([lengths, lengths]))
        of_all, of_agreeing = both.chunk(2)
        return (of_all - of_agreeing).sum()

    def score(self, scores: Tensor, tags: Tensor, lengths: Tensor) -> Tensor:
        """(batch,) the score of one sequence of tags for each sequence; `tags` (batch, time)."""
        valid = _valid(scores, lengths)
        tags = tags.masked_fill(~valid, 0)
        emitted = scores.gather(2, tags[..., None]).squeeze(2)
        moved = self.transition[tags[:, :-1], tags[:, 1:]]
        last = tags.gather(1, (lengths.to(tags.device) - 1)[:, None]).squeeze(1)
        return (
            self.start[tags[:, 0]]
            + torch.where(valid, emitted, 0.0).sum(dim=1)
            + torch.where(valid[:, 1:], moved, 0.0).sum(dim=1)
            + self.end[last]
        )

    def log_partition(self, scores: Tensor, lengths: Tensor) -> Tensor:
        """(batch,) the log-sum-exp of the scores of all sequences of tags."""
        valid = _valid(scores, lengths)
        alpha = self.start + scores[:, 0]  # for every tag: the sum over all beginnings that end in it
        for step in range(1, scores.shape[1]):
            grown = torch.logsumexp(alpha[:, :, None] + self.transition, dim=1) + scores[:, step]
            alpha = torch.where(valid[:, step, None], grown, alpha)
        return torch.logsumexp(alpha + self.end, dim=1)

    def decode(self, scores: Tensor, lengths: Tensor) -> Tensor:
        """(batch, time) the most likely sequence of tags that is allowed (Viterbi)."""
        valid = _valid(scores, lengths)
        transition = self.transition + self.allowed_transition
        best = self.start + self.allowed_start + scores[:, 0]
        stay = torch.arange(scores.shape[2], device=scores.device).expand_as(best)
        origins = []
        for step in range(1, scores.shape[1]):
            value, origin = (best[:, :, None] + transition).max(dim=1)
            alive = valid[:, step, None]
            best = torch.where(alive, value + scores[:, step], best)
            # Beyond a sequence's end, backtracking keeps its tag.
            origins.append(torch.where(alive, origin, stay))
        tag = (best + self.end).argmax(dim=1)
        tags = [tag]
        for origin in reversed(origins):
            tag = origin.gather(1, tag[:, None]).squeeze(1)
            tags.append(tag)
        return torch.stack(tags[::-1], dim=1)

    def confidences(self, scores: Tensor, answers: Tensor, lengths: Tensor) -> Tensor:
        """(batch, time) the marginal probability of each answer; it takes a backward pass."""
        return self.probabilities(scores, lengths).gather(2, answers[..., None]).squeeze(2)

    def probabilities(self, scores: Tensor, lengths: Tensor) -> Tensor:
        """(batch, time, num_targets) the probability of each tag at each step, over all sequences of tags.

        They are the gradient of the log-partition function with respect to the emission scores.
        """
        with torch.inference_mode(False), torch.enable_grad():
            emissions = scores.detach().clone().requires_grad_()
            (marginals,) = torch.autograd.grad(self.log_partition(emissions, lengths).sum(), emissions)
        return marginals


def _valid(scores: Tensor, lengths: Tensor) -> Tensor:
    """(batch, time) bool: within the sequence."""
    return valid_steps(lengths.to(scores.device), scores.shape[1])


def illegal_bio(names: Sequence[str]) -> tuple[Tensor, Tensor]:
    """What BIO forbids: I-X after anything but B-X and I-X, and at the start.

    Returns:
        (names, names) bool, true where the tag of the column must not follow the tag of the row; and (names,)
        bool, true for tags that must not come first.
    """
    starts = [name.startswith("I-") for name in names]
    transitions = [
        [illegal and before[2:] != name[2:] for name, illegal in zip(names, starts, strict=True)]
        for before in names
    ]
    return torch.tensor(transitions), torch.tensor(starts)
