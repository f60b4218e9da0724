"""What BiLSTM refuses, and how it says so: the argument, what came, what was expected, the remedy.

The kinds of exception are those of torch.nn.LSTM for the same mistake.
"""

import torch
from torch import Tensor

from seqtrain.recurrence import CELLS, State, explain_backend


def check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int):
            raise TypeError(f"{name} must be an int, got: {size!r} ({type(size).__name__})")
        if size <= 0:
            raise ValueError(f"{name} must be 1 or more, got: {size}")


def check_flags(**flags: bool) -> None:
    for name, flag in flags.items():
        if not isinstance(flag, bool):
            raise TypeError(f"{name} must be True or False, got: {flag!r} ({type(flag).__name__})")


def check_dropout(dropout: float) -> None:
    number = isinstance(dropout, (int, float)) and not isinstance(dropout, bool)
    if not number or not 0 <= dropout <= 1:
        raise ValueError(
            f"dropout must be a number from 0 to 1, the probability of zeroing an element, got: {dropout!r}"
        )


def check_cell_and_backend(cell: str, backend: str) -> None:
    if cell not in CELLS:
        raise ValueError(f"cell must be one of {', '.join(CELLS)}, got: {cell!r}")
    problem = explain_backend(backend, cell)
    if problem is not None:
        raise ValueError(problem)


def check_padded(input: object, input_size: int, batch_first: bool, weight: Tensor) -> None:
    """Refuse input that is not (time, features) or a batch of such, in the weight's dtype and place."""
    if not isinstance(input, Tensor):
        raise TypeError(f"input must be a Tensor or a PackedSequence, got: {type(input).__name__}")
    batched = "(batch, time, input_size)" if batch_first else "(time, batch, input_size)"
    if input.dim() not in (2, 3):
        raise ValueError(
            f"input must have 3 dimensions, {batched}, or 2 for one sequence, (time, input_size), "
            f"got {input.dim()}: {tuple(input.shape)}"
        )
    time = 1 if batch_first and input.dim() == 3 else 0
    if input.size(time) == 0:
        raise RuntimeError(f"input must have at least one time step, got: {tuple(input.shape)}")
    _check_features("input", input, input_size, weight)


def check_packed(data: Tensor, input_size: int, weight: Tensor) -> None:
    """Refuse a PackedSequence whose rows are not (rows, features) in the weight's dtype and place."""
    if data.dim() != 2:
        raise RuntimeError(
            f"a packed input's data must have 2 dimensions, (rows, input_size), got {data.dim()}: "
            f"{tuple(data.shape)}"
        )
    _check_features("a packed input's data", data, input_size, weight)


def _check_features(name: str, input: Tensor, input_size: int, weight: Tensor) -> None:
    features = input.size(-1)
    if features != input_size:
        raise RuntimeError(
            f"{name} must have input_size={input_size} features in its last dimension, got {features}: "
            f"{tuple(input.shape)}. Change the input, or build the layer with input_size={features}."
        )
    if input.device != weight.device:
        raise RuntimeError(
            f"{name} is on {input.device}, but the weights are on {weight.device}. "
            f"Move the input, input.to('{weight.device}'), or the layer, layer.to('{input.device}')."
        )
    if input.dtype != weight.dtype and not torch.is_autocast_enabled(input.device.type):
        raise ValueError(
            f"{name} has dtype {input.dtype}, but the weights have {weight.dtype}. "
            f"Convert the input, input.to({weight.dtype}), or the layer, layer.to({input.dtype})."
        )


def check_state(hx: object, names: tuple[str, ...], shape: tuple[int, ...], weight: Tensor) -> State:
    """Refuse an hx that is not one tensor of this shape, dtype and place per state; give it as a tuple."""
    starts = [f"{name}_0" for name in names]
    given = (hx,) if len(names) == 1 else hx
    if not isinstance(given, (tuple, list)) or len(given) != len(names) or not _all_tensors(given):
        pair = f"the pair ({', '.join(starts)}), each {shape}"
        expected = pair if len(names) > 1 else f"the tensor {starts[0]}, {shape}"
        raise RuntimeError(f"hx must be {expected}, got: {_describe(hx)}")

    legend = "(num_layers * num_directions, batch, hidden_size)"
    if len(shape) == 2:
        legend = "(num_layers * num_directions, hidden_size), as the input is unbatched"
    for name, tensor in zip(starts, given, strict=True):
        if tensor.shape != shape:
            raise RuntimeError(f"{name} must be {shape}: {legend}, got: {tuple(tensor.shape)}")
        if tensor.device != weight.device:
            raise RuntimeError(
                f"{name} is on {tensor.device}, but the weights are on {weight.device}. Move it there."
            )
        if tensor.dtype != weight.dtype and not torch.is_autocast_enabled(weight.device.type):
            raise RuntimeError(
                f"{name} has dtype {tensor.dtype}, but the weights have {weight.dtype}. "
                f"Convert it: {name}.to({weight.dtype})."
            )
    return tuple(given)


def _all_tensors(given: tuple[object, ...] | list[object]) -> bool:
    return all(isinstance(state, Tensor) for state in given)


def _describe(hx: object) -> str:
    if isinstance(hx, (tuple, list)):
        return f"a {type(hx).__name__} of {len(hx)} ({', '.join(type(s).__name__ for s in hx)})"
    return f"a {type(hx).__name__}"
