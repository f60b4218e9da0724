"""A backbone of one's own: a diagonal state-space model (Gupta et al. 2022, arXiv 2203.14343)."""

import torch
from torch import nn


class Diagonal(nn.Module):
    """s_t = lambda s_(t-1) + u_t and y_t = Re(c s_t), with complex states and u_t = W x_t + b.

    Args:
        input_size: numbers per step of the features.
        hidden_size: complex states, and numbers per step of the output.
    """

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.output_size = hidden_size
        self.enter = nn.Linear(input_size, hidden_size)
        self.decay = nn.Parameter(torch.linspace(-4, 0, hidden_size))
        self.frequency = nn.Parameter(torch.linspace(0, 2, hidden_size))
        self.leave = nn.Parameter(torch.randn(hidden_size, 2))

    def forward(self, features, lengths, state=None):
        """(batch, time, input_size) and (batch,) to states, a summary, and the final state (batch, H)."""
        lengths = lengths.to(features.device)
        steps = torch.arange(features.shape[1], device=features.device)
        rate = torch.complex(-nn.functional.softplus(self.decay), self.frequency)  # the logarithm of lambda
        gap = steps[:, None] - steps
        powers = (rate * gap.clamp(min=0)[..., None]).exp() * (gap >= 0)[..., None]
        states = torch.einsum("tsh,bsh->bth", powers, self.enter(features).to(powers.dtype))
        if state is not None:
            states = states + (rate * (steps + 1)[:, None]).exp() * state[:, None]
        final = states[torch.arange(features.shape[0], device=lengths.device), lengths - 1]
        leave = torch.view_as_complex(self.leave)
        inside = steps < lengths[:, None]
        return (states * leave).real * inside[..., None], (final * leave).real, final
