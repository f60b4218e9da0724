"""Where a recurrence starts from: the weights of a backbone before training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqtrain.model.bilstm import BiLSTM

FORGETFUL = ("lstm", "lstm_layernorm", "lstm_peephole")  # cells of the BiLSTM with a forget gate of their own


class Initialization:
    """The first weights of a recurrent module; None keeps torch's own, U(-1/sqrt(H), 1/sqrt(H)).

    Args:
        orthogonal: whether the recurrent matrix of every gate starts orthogonal (Saxe et al., 2014), so that
            what it carries neither grows nor shrinks.
        forget_bias: an LSTM's bias of the forget gate, b_ih + b_hh (Gers et al., 2000; Jozefowicz et al.,
            2015, advise 1): above 0 it remembers before it has learnt what to forget.
        chrono_steps: the longest span, in steps, that an LSTM should start able to remember; forget biases
            are drawn as log U(1, chrono_steps - 1) and input biases are their negatives (Tallec and
            Ollivier, 2018).
    """

    def __init__(self, orthogonal: bool, forget_bias: float | None, chrono_steps: int | None) -> None:
        if forget_bias is not None and chrono_steps is not None:
            raise ValueError("forget_bias and chrono_steps set the same bias; give one of the two")
        self.orthogonal = orthogonal
        self.forget_bias = forget_bias
        self.chrono_steps = chrono_steps

    @torch.no_grad()
    def apply(self, rnn: nn.Module) -> None:
        """Set the first weights of `rnn`, a torch.nn.RNN, LSTM or GRU, or a BiLSTM.

        Raises:
            ValueError: an option that this module has no weights for.
        """
        weights = dict(rnn.named_parameters())
        if self.orthogonal:
            recurrent = [weight for name, weight in weights.items() if name.startswith("weight_hh")]
            if not recurrent:
                raise ValueError(f"orthogonal: {type(rnn).__name__} has no weight_hh to set")
            for weight in recurrent:
                for gate in weight.chunk(weight.shape[0] // weight.shape[1]):
                    nn.init.orthogonal_(gate)
        if self.forget_bias is None and self.chrono_steps is None:
            return
        name = "forget_bias" if self.chrono_steps is None else "chrono_steps"
        if not _has_forget_gate(rnn) or "bias_ih_l0" not in weights:
            raise ValueError(
                f"{name}: {type(rnn).__name__} here has no bias of a forget gate; LSTMs with bias have"
            )
        for suffix in (key.removeprefix("bias_ih") for key in weights if key.startswith("bias_ih")):
            self._set_forget_gate(weights[f"bias_ih{suffix}"], weights[f"bias_hh{suffix}"])

    def _set_forget_gate(self, bias_ih: Tensor, bias_hh: Tensor) -> None:
        # torch's order of gates: input, forget, cell, output. The biases are added: one carries all.
        (input_ih, forget_ih, *_), (input_hh, forget_hh, *_) = bias_ih.chunk(4), bias_hh.chunk(4)
        forget_hh.zero_()
        if self.chrono_steps is None:
            assert self.forget_bias is not None
            forget_ih.fill_(self.forget_bias)
        else:
            forget_ih.copy_(torch.empty_like(forget_ih).uniform_(1, max(self.chrono_steps - 1, 1)).log_())
            input_hh.zero_()
            input_ih.copy_(-forget_ih)


def _has_forget_gate(rnn: nn.Module) -> bool:
    return isinstance(rnn, nn.LSTM) or (isinstance(rnn, BiLSTM) and rnn.cell in FORGETFUL)
