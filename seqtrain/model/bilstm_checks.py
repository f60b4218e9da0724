"""Validation of BiLSTM's arguments and inputs.

Each message names the argument, the value received, what was expected and, where there is one, the remedy.
The exception types are those that torch.nn.LSTM raises for the same mistake.
"""

import numbers
from collections.abc import Mapping
from typing import SupportsIndex

from torch import Tensor

from seqtrain.recurrence import CELLS, explain_backend
from seqtrain.recurrence.modes import autocast_dtype


def read_size(name: str, size: SupportsIndex) -> int:
    """Return a size as an int; NumPy integers are accepted, too."""
    if isinstance(size, bool) or not hasattr(size, "__index__"):
        raise TypeError(f"{name} must be an int, got: {size!r} ({type(size).__name__})")
    number = size.__index__()
    if number <= 0:
        raise ValueError(f"{name} must be 1 or more, got: {number}")
    return number


def check_flags(**flags: bool) -> None:
    for name, flag in flags.items():
        if not isinstance(flag, bool):
            raise TypeError(f"{name} must be True or False, got: {flag!r} ({type(flag).__name__})")


def read_bidirectional(bidirectional: object) -> bool:
    """Return the flag as a bool; torch.nn.LSTM accepts 0 and 1 for this one as well."""
    if isinstance(bidirectional, str) or bidirectional not in (0, 1):
        kind = type(bidirectional).__name__
        raise TypeError(f"bidirectional must be True or False, got: {bidirectional!r} ({kind})")
    return bool(bidirectional)


def check_dropout(dropout: object, name: str = "dropout") -> None:
    is_number = isinstance(dropout, numbers.Real) and not isinstance(dropout, bool)
    if not is_number or not 0 <= float(dropout) <= 1:  # type: ignore[arg-type]
        raise ValueError(
            f"{name} must be a number from 0 to 1, the probability of zeroing an element, got: {dropout!r}"
        )


def check_weight_drop(weight_drop: float, cell: str) -> None:
    check_dropout(weight_drop, "weight_drop")
    if weight_drop > 0 and "weight_hh" not in CELLS[cell].shapes(1, 1, bias=False):
        raise ValueError(
            f"weight_drop must be 0 with cell={cell!r}, which has no weight_hh to drop, got: {weight_drop!r}"
        )


def check_proj_size(proj_size: int) -> None:
    if proj_size != 0:
        raise ValueError(
            f"proj_size must be 0, got: {proj_size!r}. BiLSTM does not implement projections of h: "
            "put a torch.nn.Linear after it, or use torch.nn.LSTM."
        )


def check_cell_and_backend(cell: str, backend: str) -> None:
    if cell not in CELLS:
        raise ValueError(
            f"cell must be one of {', '.join(CELLS)}, got: {cell!r}. "
            "A cell of your own is known once its module has been imported."
        )
    problem = explain_backend(backend, cell)
    if problem is not None:
        raise ValueError(problem)


def check_padded(input: object, input_size: int, batch_first: bool, weight: Tensor) -> None:
    """Check that input is (time, features) or a batch of those, with the weights' dtype and device."""
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
    """Check that a PackedSequence's data is (rows, features), with the weights' dtype and device."""
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
    if input.dtype != weight.dtype and autocast_dtype(input.device.type) is None:
        raise ValueError(
            f"{name} has dtype {input.dtype}, but the weights have {weight.dtype}. "
            f"Convert the input, input.to({weight.dtype}), or the layer, layer.to({input.dtype})."
        )


def check_state(hx: object, shapes: Mapping[str, tuple[int, ...]], weight: Tensor) -> None:
    """Check that hx has a tensor for each state, with its shape and the weights' dtype and device."""
    given = (hx,) if len(shapes) == 1 else hx
    if not isinstance(given, (tuple, list)) or len(given) != len(shapes) or not _all_tensors(given):
        raise RuntimeError(f"hx must be {_describe_states(shapes)}, got: {_describe(hx)}")

    for (state, shape), tensor in zip(shapes.items(), given, strict=True):
        name, size = (
            f"{state}_0",
            "hidden_size" if shape[-1] == next(iter(shapes.values()))[-1] else shape[-1],
        )
        legend = f"(num_layers * num_directions, batch, {size})"
        if len(shape) == 2:
            legend = f"(num_layers * num_directions, {size}), as the input is unbatched"
        if tensor.shape != shape:
            raise RuntimeError(f"{name} must be {shape}: {legend}, got: {tuple(tensor.shape)}")
        if tensor.device != weight.device:
            raise RuntimeError(
                f"{name} is on {tensor.device}, but the weights are on {weight.device}. Move it there."
            )
        if tensor.dtype != weight.dtype and autocast_dtype(weight.device.type) is None:
            raise RuntimeError(
                f"{name} has dtype {tensor.dtype}, but the weights have {weight.dtype}. "
                f"Convert it: {name}.to({weight.dtype})."
            )


def _describe_states(shapes: Mapping[str, tuple[int, ...]]) -> str:
    starts = [f"{name}_0" for name in shapes]
    if len(shapes) == 1:
        return f"the tensor {starts[0]}, {shapes[next(iter(shapes))]}"
    what = "pair" if len(shapes) == 2 else "tuple"
    if len(set(shapes.values())) == 1:
        return f"the {what} ({', '.join(starts)}), each {next(iter(shapes.values()))}"
    each = (f"{start} {shape}" for start, shape in zip(starts, shapes.values(), strict=True))
    return f"the {what} ({', '.join(each)})"


def _all_tensors(given: tuple[object, ...] | list[object]) -> bool:
    return all(isinstance(state, Tensor) for state in given)


def _describe(hx: object) -> str:
    if isinstance(hx, (tuple, list)):
        return f"a {type(hx).__name__} of {len(hx)} ({', '.join(type(s).__name__ for s in hx)})"
    return f"a {type(hx).__name__}"
