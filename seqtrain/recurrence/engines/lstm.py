"""The LSTM of the fast engine: what surrounds its time loops, in both passes."""

from collections.abc import Sequence

import torch
from torch import Tensor

from seqtrain.recurrence.cells import State, Weights
from seqtrain.recurrence.engines.blocks import forward_blocks
from seqtrain.recurrence.engines.handwritten import (
    Blocks,
    Gradients,
    Matrices,
    Saved,
    project,
    scale_candidate,
    stack_scaled,
    sum_over_rows,
)
from seqtrain.recurrence.engines.lstm_gates import choose_gates
from seqtrain.recurrence.engines.lstm_inference import inference_loop
from seqtrain.recurrence.engines.lstm_loop import backward_loop, forward_loop
from seqtrain.recurrence.engines.products import multiply_transposed
from seqtrain.recurrence.engines.tanh import Tanh, choose_tanh
from seqtrain.recurrence.walk import PackedWalk


class HandWrittenLSTM:
    """The LSTM with gradients by hand."""

    name = "lstm"

    def forward(self, rows: Tensor, weights: Matrices, state: State, walk: PackedWalk) -> tuple[Saved, State]:
        h_0, c_0 = state
        num_directions, batch_size, hidden_size = h_0.shape
        tanh = _choose(c_0, walk)
        weights = scale_candidate(weights, hidden_size, tanh.scale)
        projected = project(rows, weights["weight_ih"], _sum_biases(weights))
        h = h_0.new_empty(num_directions, batch_size + walk.num_rows, hidden_size)
        c = c_0.new_empty(h.shape)
        h[:, :batch_size] = h_0
        torch.mul(c_0, tanh.scale, out=c[:, :batch_size])
        gates = projected if projected.dtype == c.dtype else torch.empty_like(projected, dtype=c.dtype)
        forward_loop(gates, projected, weights["weight_hh"], h, c, tanh, walk)
        c_n = walk.take_last(c[:, batch_size:]).div_(tanh.scale)
        return (gates, h, c), (walk.take_last(h[:, batch_size:]), c_n)

    def backward(
        self,
        rows: Tensor,
        weights: Matrices,
        saved: Saved,
        d_h: Tensor,
        d_memory: State,
        walk: PackedWalk,
    ) -> Gradients:
        gates, h, c = saved
        (d_c,) = d_memory
        weight_hh = weights["weight_hh"]
        d_h_0 = backward_loop(gates, weight_hh, c, d_h, d_c, _choose(c, walk), walk)
        d_a = gates.to(rows.dtype)
        previous = walk.take_previous(h, 0, walk.num_rows)
        d_bias = sum_over_rows(d_a)
        return Gradients(
            projected=d_a,
            state=(d_h_0, d_c),
            weights={
                "weight_ih": [multiply_transposed(d, x) for d, x in zip(d_a, rows, strict=True)],
                "weight_hh": [multiply_transposed(d, x) for d, x in zip(d_a, previous, strict=True)],
                "bias_ih": d_bias,
                "bias_hh": [bias.clone() for bias in d_bias],
            },
        )

    def run(self, rows: Blocks, weights: Sequence[Weights], state: State, walk: PackedWalk) -> State:
        h_0, c_0 = state
        num_directions, _, hidden_size = h_0.shape
        tanh = _choose(c_0, walk)
        stacked = stack_scaled(weights, hidden_size, tanh.scale)
        gates = choose_gates(
            stacked["weight_ih"],
            stacked["weight_hh"],
            _sum_biases(stacked),
            walk.mean_batch_size,
            len(walk.batch_sizes),
        )
        h_n, c_n = h_0.clone(), torch.mul(c_0, tanh.scale)
        for first, last in forward_blocks(walk, width=4 * num_directions * hidden_size):
            sizes = walk.batch_sizes[first:last]
            h = inference_loop(gates, gates.project(rows, first, last, sizes), h_n, c_n, tanh, sizes)
            rows.write(first, last, h)
        return h_n, c_n.div_(tanh.scale)


def _sum_biases(weights: Matrices) -> Tensor | None:
    """b_ih + b_hh (D, 4H), None in a layer without biases."""
    return weights["bias_ih"] + weights["bias_hh"] if "bias_ih" in weights else None


def _choose(like: Tensor, walk: PackedWalk) -> Tanh:
    return choose_tanh(like, like.size(0) * walk.mean_batch_size * like.size(2))
