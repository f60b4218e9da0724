"""The GRU of the fast engine: what surrounds its time loops, in both passes."""

from collections.abc import Sequence

from torch import Tensor

from seqtrain.recurrence.cells import State, Weights
from seqtrain.recurrence.engines.blocks import forward_blocks
from seqtrain.recurrence.engines.gru_loop import backward_loop, forward_loop, inference_loop
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
from seqtrain.recurrence.engines.products import make_recurrent_product, multiply_transposed
from seqtrain.recurrence.engines.tanh import Tanh, choose_tanh
from seqtrain.recurrence.walk import PackedWalk


class HandWrittenGRU:
    """The GRU with gradients by hand."""

    name = "gru"

    def forward(self, rows: Tensor, weights: Matrices, state: State, walk: PackedWalk) -> tuple[Saved, State]:
        (h_0,) = state
        num_directions, batch_size, hidden_size = h_0.shape
        tanh = _choose(h_0, walk)
        weights = scale_candidate(weights, hidden_size, tanh.scale)
        projected = project(rows, weights["weight_ih"], weights.get("bias_ih"))
        h = h_0.new_empty(num_directions, batch_size + walk.num_rows, hidden_size)
        h[:, :batch_size] = h_0
        gates = projected.new_empty(num_directions, walk.num_rows, 4 * hidden_size)
        forward_loop(gates, projected, weights["weight_hh"], weights.get("bias_hh"), h, tanh, walk)
        return (gates, h), (walk.take_last(h[:, batch_size:]),)

    def backward(
        self,
        rows: Tensor,
        weights: Matrices,
        saved: Saved,
        d_h: Tensor,
        d_memory: State,
        walk: PackedWalk,
    ) -> Gradients:
        gates, h = saved
        size = h.size(2)
        weight_hh = weights["weight_hh"].roll(size, dims=1)  # to the order n, r, z
        d_h_0 = backward_loop(gates, weight_hh, h, d_h, _choose(h, walk), walk)
        d_recurrent, d_projected = gates[..., : 3 * size], gates[..., size:]
        previous = walk.take_previous(h, 0, walk.num_rows)
        return Gradients(
            projected=d_projected,
            state=(d_h_0,),
            weights={
                "weight_ih": [multiply_transposed(d, x) for d, x in zip(d_projected, rows, strict=True)],
                "weight_hh": [
                    multiply_transposed(d, x).roll(-size, dims=0)
                    for d, x in zip(d_recurrent, previous, strict=True)
                ],
                "bias_ih": sum_over_rows(d_projected),
                "bias_hh": [bias.roll(-size) for bias in sum_over_rows(d_recurrent)],
            },
        )

    def run(self, rows: Blocks, weights: Sequence[Weights], state: State, walk: PackedWalk) -> State:
        (h_0,) = state
        num_directions, _, hidden_size = h_0.shape
        tanh = _choose(h_0, walk)
        stacked = stack_scaled(weights, hidden_size, tanh.scale)
        product = make_recurrent_product(stacked["weight_hh"], stacked.get("bias_hh"), walk)
        h_n = h_0.clone()
        for first, last in forward_blocks(walk, width=4 * num_directions * hidden_size):
            projected = project(rows.read(first, last), stacked["weight_ih"], stacked.get("bias_ih"))
            sizes = walk.batch_sizes[first:last]
            rows.write(first, last, inference_loop(projected, product, h_n, tanh, sizes))
        return (h_n,)


def _choose(like: Tensor, walk: PackedWalk) -> Tanh:
    return choose_tanh(like, like.size(0) * walk.mean_batch_size * like.size(2))
