"""Where a recurrence starts from: the weights of a backbone before training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqtrain.recurrence.cells import Cell, Weights
from seqtrain.recurrence.trace import collect_weights, find_cell


class Initialization:
    """The first weights of a recurrent module; None keeps torch's own, U(-1/sqrt(H), 1/sqrt(H)).

    Args:
        orthogonal: whether the recurrent matrix of every gate starts orthogonal (Saxe et al., 2014), so that
            what it carries neither grows nor shrinks.
        forget_bias: the bias of the gate that keeps the memory, an LSTM's forget gate, b_ih + b_hh (Gers et
            al., 2000; Jozefowicz et al., 2015, advise 1): above 0 it remembers before it has learnt what to
            forget. A gate that replaces the memory gets the negative.
        chrono_steps: the longest span, in steps, that the recurrence should start able to remember; forget
            biases are drawn as log U(1, chrono_steps - 1), and those of a gate that writes, an LSTM's input
            gate, are their negatives (Tallec and Ollivier, 2018). A recurrence without a gate that keeps the
            memory stays as it is, so that it can be compared with recurrences that have one.
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
                raise ValueError(f"orthogonal: {_name(rnn)} has no weight_hh to set")
            for weight in recurrent:
                for gate in weight.chunk(weight.shape[0] // weight.shape[1]):
                    nn.init.orthogonal_(gate)
        if self.forget_bias is None and self.chrono_steps is None:
            return
        cell = _find_cell_with_forget_bias(rnn)
        if cell is None and self.chrono_steps is not None:
            return
        if cell is None:
            raise ValueError(
                f"forget_bias: {_name(rnn)} here has no bias of a gate that keeps the memory; "
                "an LSTM or a GRU with bias has one"
            )
        for layer in collect_weights(rnn, cell):
            for direction in layer:
                self._set_forget_bias(cell, direction)

    def _set_forget_bias(self, cell: Cell, weights: Weights) -> None:
        name = next(name for name in cell.biases if name in weights)
        bias = torch.empty_like(weights[name].chunk(len(cell.find_blocks(name)))[0])
        if self.chrono_steps is None:
            assert self.forget_bias is not None
            bias.fill_(self.forget_bias)
        else:
            bias.uniform_(1, max(self.chrono_steps - 1, 1)).log_()
            _set_bias(cell, weights, "writes", -bias)
        _set_bias(cell, weights, "keeps", bias)
        _set_bias(cell, weights, "replaces", -bias)


def _name(rnn: nn.Module) -> str:
    return str(getattr(rnn, "cell", type(rnn).__name__))


def _find_cell_with_forget_bias(rnn: nn.Module) -> Cell | None:
    try:
        cell = find_cell(rnn)
    except (TypeError, ValueError):
        return None
    gate = cell.find_gate("keeps") or cell.find_gate("replaces")
    if gate is None or not getattr(rnn, "bias", True) or not _find_biases(cell, gate.name):
        return None
    return cell


def _find_biases(cell: Cell, gate: str) -> list[str]:
    """The parameters with rows for this gate whose sum is its bias."""
    return [name for name in cell.biases if gate in cell.find_blocks(name)]


def _set_bias(cell: Cell, weights: Weights, memory: str, value: Tensor) -> None:
    """Set the bias of the gate that does this to the memory, if there is one."""
    gate = cell.find_gate(memory)
    if gate is None:
        return
    for number, name in enumerate(_find_biases(cell, gate.name)):
        blocks = cell.find_blocks(name)
        rows = weights[name].chunk(len(blocks))[blocks.index(gate.name)]
        # the biases are added up, so the first one holds the whole value
        rows.copy_(value if number == 0 else torch.zeros_like(value))
