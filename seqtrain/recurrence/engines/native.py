"""The engine in native code: all time steps of an LSTM or a GRU in one call of kernel.cpp."""

import ctypes
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.weak import WeakIdKeyDictionary

from seqtrain.recurrence.cells import Cell, State, Weights
from seqtrain.recurrence.engines.kernel import explain_kernel, load_kernel
from seqtrain.recurrence.engines.reference import differentiate_reference
from seqtrain.recurrence.modes import is_any_batched, is_dispatched, without_autocast
from seqtrain.recurrence.walk import PackedWalk

NATIVE_CELLS = {"lstm": 0, "gru": 1}
"""The cells that kernel.cpp implements, and its numbers for them."""
_PARAMETERS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
_NUM_CONSTANTS = 4  # arguments of `_Layer.apply` before the first tensor


def explain_native_layer(cell: Cell, x: Tensor, weights: Sequence[Weights], state: State) -> str | None:
    """Explain why the native engine cannot run this layer; None if it can."""
    if cell.name not in NATIVE_CELLS:
        return f"it has cell='lstm' and 'gru' only, got: cell={cell.name!r}"
    if problem := explain_kernel():
        return problem
    for tensor in (x, *state, *(weight for direction in weights for weight in direction.values())):
        if not tensor.is_cpu:
            return f"it runs on the CPU only, got a tensor on: {tensor.device}"
        if tensor.dtype != torch.float32:
            return f"it computes in torch.float32 only, got: {tensor.dtype}"
        if type(tensor) not in (Tensor, nn.Parameter):
            return f"it reads plain tensors only, got: {type(tensor).__name__}"
    return "a dispatch mode of torch must see every operation" if is_dispatched() else None


def native_layer(
    cell: Cell, x: Tensor, weights: Sequence[Weights], state: State, walk: PackedWalk
) -> tuple[Tensor, State]:
    """Run one layer that `explain_native_layer` does not refuse; see `seqtrain.recurrence` for shapes."""
    names = tuple(weights[0])
    tensors = (x, *state, *(direction[name] for direction in weights for name in names))
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
        output, *final = _Layer.apply(cell, names, len(state), walk, *tensors)  # type: ignore[no-untyped-call]
        return output, tuple(final)
    return _Batch.read(cell, x, weights, state, walk).run(_pack_once)


def differentiate_native(
    cell: Cell,
    x: Tensor,
    weights: Sequence[Weights],
    state: State,
    walk: PackedWalk,
    gradients: Sequence[Tensor | None],
) -> list[Tensor]:
    """Gradients of x, of the states and of all weights from those of the output and the final states."""
    batch = _Batch.read(cell, x, weights, state, walk)
    kept = batch.new_kept()
    output, _ = batch.run(_pack, kept)
    wanted = [True] * (1 + len(state) + len(weights) * len(weights[0]))
    found = batch.differentiate(output, kept, gradients, wanted)
    return [gradient for gradient in found if gradient is not None]


class _Layer(torch.autograd.Function):
    """One layer as one node of the graph."""

    @staticmethod
    def forward(
        ctx: Any, cell: Cell, names: tuple[str, ...], num_states: int, walk: PackedWalk, *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.cell, ctx.names, ctx.num_states, ctx.walk, ctx.is_intact = cell, names, num_states, walk, True
        ctx.set_materialize_grads(False)
        batch = _read_batch(ctx, tensors)
        kept = batch.new_kept()
        output, final = batch.run(_pack, kept)
        # a copy: whoever gets the output may write to it, as to torch.nn.LSTM's
        ctx.save_for_backward(*tensors, output.clone(), kept)
        return output, *final

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        with without_autocast("cpu"):
            return *[None] * _NUM_CONSTANTS, *_differentiate(ctx, gradients)


def _differentiate(ctx: Any, gradients: Sequence[Tensor | None]) -> list[Tensor | None]:
    *tensors, output, kept = ctx.saved_tensors  # read once: a checkpoint hands them out only once
    if torch.is_grad_enabled() or is_any_batched(gradients):
        x, weights, state = _regroup(ctx, tensors)
        return differentiate_reference(ctx.cell, x, weights, state, ctx.walk, gradients)
    batch = _read_batch(ctx, tensors)
    is_intact, ctx.is_intact = ctx.is_intact, False
    if not is_intact:  # a second pass through a retained graph: the first one overwrote `kept`
        kept = batch.new_kept()
        batch.run(_pack, kept)
    # .data: that it is overwritten is noted in is_intact, and autograd must not object
    return batch.differentiate(output, kept.data, gradients, ctx.needs_input_grad[_NUM_CONSTANTS:])


def _read_batch(ctx: Any, tensors: Sequence[Tensor]) -> "_Batch":
    return _Batch.read(ctx.cell, *_regroup(ctx, tensors), ctx.walk)


def _regroup(ctx: Any, tensors: Sequence[Tensor]) -> tuple[Tensor, Sequence[Weights], State]:
    x, *rest = tensors
    names, flat = ctx.names, rest[ctx.num_states :]
    starts = range(0, len(flat), len(names))
    weights = [dict(zip(names, flat[start : start + len(names)], strict=True)) for start in starts]
    return x, weights, tuple(rest[: ctx.num_states])


@dataclass(frozen=True)
class _Batch:
    """One layer on one batch, as kernel.cpp takes it: every size checked, every tensor contiguous."""

    cell: int
    sizes: tuple[int, int, int, int, int]
    """Features in and out, directions, steps, sequences: I, H, D, T, B."""
    batch_sizes: Tensor | None
    x: Tensor
    weights: list[Tensor | None]
    """_PARAMETERS of each direction; None for biases that the layer does not have."""
    state: State

    @classmethod
    def read(
        cls, cell: Cell, x: Tensor, weights: Sequence[Weights], state: State, walk: PackedWalk
    ) -> "_Batch":
        num_directions, batch_size, hidden_size = state[0].shape
        num_steps, input_size = len(walk.batch_sizes), x.size(1)
        shapes = cell.shapes(input_size, hidden_size, bias=len(weights[0]) == len(_PARAMETERS))
        batch_sizes = None
        if walk.batch_sizes.count(batch_size) != num_steps:
            batch_sizes = torch.tensor(walk.batch_sizes)
        return cls(
            NATIVE_CELLS[cell.name],
            (input_size, hidden_size, num_directions, num_steps, batch_size),
            batch_sizes,
            _check(x, (walk.num_rows, input_size)),
            [
                _check(direction[name], shapes[name]) if name in shapes else None
                for direction in weights
                for name in _PARAMETERS
            ],
            tuple(_check(each, (num_directions, batch_size, hidden_size)) for each in state),
        )

    def new_kept(self) -> Tensor:
        """Memory for what a backward pass needs of each row, (D, N, size)."""
        _, hidden_size, num_directions, *_ = self.sizes
        size = load_kernel().seqtrain_kept_size(self.cell, hidden_size)
        return self.x.new_empty(num_directions, len(self.x), size)

    def run(self, pack: Callable[["_Batch"], Tensor], kept: Tensor | None = None) -> tuple[Tensor, State]:
        """Output (N, D * H) and final states."""
        _, hidden_size, num_directions, *_ = self.sizes
        packed = pack(self)
        output = self.x.new_empty(len(self.x), num_directions * hidden_size)
        final = tuple(torch.empty_like(each) for each in self.state)
        pointers = (self.batch_sizes, packed, self.x, *_h_and_c(self.state), output, *_h_and_c(final), kept)
        self._call(load_kernel().seqtrain_forward, *map(_pointer, pointers))
        return output, final

    def differentiate(
        self, output: Tensor, kept: Tensor, gradients: Sequence[Tensor | None], wanted: Sequence[bool]
    ) -> list[Tensor | None]:
        """Gradients of x, the states and the weights; None for those that are not wanted.

        Overwrites `kept`.
        """
        d_output, *d_final = gradients
        d_output = torch.zeros_like(output) if d_output is None else _check(d_output, output.shape)
        d_state = tuple(_copy(d, like) for d, like in zip(d_final, self.state, strict=True))
        d_x = torch.empty_like(self.x) if wanted[0] else None
        wants_weights = any(wanted[1 + len(d_state) :])
        d_weights = [
            torch.empty_like(weight) if wants_weights and weight is not None else None
            for weight in self.weights
        ]
        pointers = [self.x, *_h_and_c(self.state), output, kept, d_output, *_h_and_c(d_state), d_x]
        self._call(
            load_kernel().seqtrain_backward,
            _pointer(self.batch_sizes),
            _pointers(self.weights),
            *map(_pointer, pointers),
            _pointers(d_weights),
        )
        pairs = zip(self.weights, d_weights, strict=True)
        return [d_x, *d_state, *(d for weight, d in pairs if weight is not None)]

    def _call(self, function: Callable[..., int], *pointers: object) -> None:
        _raise_failure(function(self.cell, *self.sizes, torch.get_num_threads(), *pointers))


def _raise_failure(code: int) -> None:
    if code == 1:
        raise MemoryError("not enough memory for the time loop of a recurrent layer")
    if code == 2:
        raise ValueError(
            "batch_sizes must begin with the number of sequences, be positive, and not grow from step to step"
        )


def _pack(batch: _Batch) -> Tensor:
    """The weights in the order in which the forward pass reads them, (D, ...)."""
    input_size, hidden_size, num_directions, *_ = batch.sizes
    kernel = load_kernel()
    size = kernel.seqtrain_packed_size(batch.cell, input_size, hidden_size)
    packed = batch.x.new_empty(num_directions, size)
    sizes = (input_size, hidden_size, num_directions, torch.get_num_threads())
    _raise_failure(kernel.seqtrain_pack(batch.cell, *sizes, _pointers(batch.weights), packed.data_ptr()))
    return packed


_packed_cache: MutableMapping[Tensor, tuple[Any, Tensor, Tensor]] = WeakIdKeyDictionary()
"""By a layer's first weight, of its last pass without gradients: shapes, packed weights, copy of them all."""


def _pack_once(batch: _Batch) -> Tensor:
    """The same, but cached as long as the bytes of the weights stay the same.

    A tensor's version counter would not do: writing to p.data does not change it.
    """
    weights = [weight for weight in batch.weights if weight is not None]
    if not isinstance(weights[0], nn.Parameter):
        return _pack(batch)
    shapes = batch.cell, batch.sizes[:3], len(weights)  # two layers may share their first weight only
    found = _packed_cache.get(weights[0])
    if found is not None and found[0] == shapes and _equals(weights, found[2]):
        return found[1]
    copy, packed = torch.cat([weight.flatten() for weight in weights]), _pack(batch)
    _packed_cache[weights[0]] = shapes, packed, copy
    return packed


def _equals(weights: list[Tensor], copy: Tensor) -> bool:
    sizes = (ctypes.c_int64 * len(weights))(*(4 * weight.numel() for weight in weights))
    return bool(load_kernel().seqtrain_equals_copy(len(weights), _pointers(weights), sizes, copy.data_ptr()))


def _check(tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The tensor, or a contiguous copy; the kernel would read beyond the end of a smaller one."""
    if tensor.shape != shape or tensor.dtype != torch.float32 or not tensor.is_cpu:
        raise ValueError(
            f"expected torch.float32 of shape {tuple(shape)} on the CPU, "
            f"got: {tensor.dtype} of shape {tuple(tensor.shape)} on {tensor.device}"
        )
    if not tensor.data_ptr():  # no memory: a zero tensor of autograd's, or no elements
        return torch.zeros(shape)
    return tensor if tensor.is_contiguous() and not tensor.is_neg() else tensor.resolve_neg().contiguous()


def _copy(gradient: Tensor | None, like: Tensor) -> Tensor:
    """The gradient, or zeros, in new memory, which the kernel overwrites."""
    copy = torch.zeros_like(like)
    return copy if gradient is None else copy.copy_(_check(gradient, like.shape))


def _h_and_c(state: Sequence[Tensor]) -> tuple[Tensor, Tensor | None]:
    """h and c, which a GRU does not have."""
    return state[0], state[1] if len(state) == 2 else None


def _pointer(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def _pointers(tensors: Sequence[Tensor | None]) -> Any:
    return (ctypes.c_void_p * len(tensors))(*map(_pointer, tensors))
