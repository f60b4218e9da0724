"""Compare what a training resumes from a checkpoint, which may be made by hand, with what was just built.

Lightning and torch put whatever a checkpoint holds in place of their own states: a text in place of a method,
or a short tensor where native code writes as many numbers as the weight has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
from torch import Tensor
from torch.optim import Optimizer

from seqtrain.errors import show

MAX_COUNT = 1 << 53
# States that have the shape of their weight; fused optimizers write to them without checking it.
LIKE_WEIGHT = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer", "state_sum")
# Of a user's own callbacks no state tells what a later one looks like.
KNOWN_CALLBACKS = ("seqtrain", "pytorch_lightning")


def check_progress(checkpoint: Mapping[str, Any], trainer: pl.Trainer) -> None:
    """Compare the progress of the training and the states of callbacks with those of a trainer after setup.

    Raises:
        ValueError: something has another form.
    """
    loops = _mapping(checkpoint.get("loops"), "loops")
    fit_loop: Any = trainer.fit_loop
    progress = _mapping(loops.get("fit_loop"), "loops.fit_loop")
    if missing := {"epoch_progress", "epoch_loop.batch_progress"} - progress.keys():
        raise ValueError(f"loops.fit_loop has no {min(missing)}")
    for key, like in fit_loop.state_dict().items():
        if key in progress:
            check_like(progress[key], like, f"loops.fit_loop.{key}", whole=True)
    states = _mapping(checkpoint.get("callbacks"), "callbacks")
    callbacks: list[pl.Callback] = trainer.callbacks  # type: ignore[attr-defined]
    for callback in callbacks:
        is_known = type(callback).__module__.partition(".")[0] in KNOWN_CALLBACKS
        if is_known and callback.state_key in states:
            like = {key: _of_one_process(value) for key, value in callback.state_dict().items()}
            check_like(states[callback.state_key], like, f"callbacks.{callback.state_key}")


def check_optimization(checkpoint: dict[str, Any], optimizer: Optimizer, schedule: Any) -> None:
    """Compare the states of the optimizer and of the schedule with those that were just built, and remove
    what the schedule does not have.

    Raises:
        ValueError: something has another form.
    """
    saved = _single(checkpoint.get("optimizer_states"), "optimizer_states")
    check_like(saved.get("param_groups"), optimizer.state_dict()["param_groups"], "optimizer.param_groups")
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    for number, state in _mapping(saved.get("state"), "optimizer.state").items():
        name = f"optimizer.state[{show(number)}]"
        if type(number) is not int or not 0 <= number < len(weights):
            raise ValueError(f"{name} belongs to no weight")
        for key, value in _mapping(state, name).items():
            if key in LIKE_WEIGHT and value is not None and not _has_shape(value, weights[number].shape):
                raise ValueError(f"{name}.{key} does not have the shape of its weight")
            if (
                key == "step"
                and not _is_number(value)
                and not (isinstance(value, Tensor) and value.numel() == 1)
            ):
                raise ValueError(f"{name}.{key} is {_name(value)}, expected a number")
    position = _single(checkpoint.get("lr_schedulers"), "lr_schedulers")
    built = schedule.state_dict()
    for key in position.keys() - built.keys():
        del position[key]  # it would overwrite a method
    check_like(position, built, "schedule")


def check_like(saved: Any, like: Any, name: str, whole: bool = False) -> None:
    """Refuse a state that does not have the form of `like`.

    Args:
        saved: plain values, lists, mappings and tensors. Keys that `like` lacks are not checked, nor is
            anything where either is None; keys may be missing, as in checkpoints of earlier versions. In
            place of one state there may be a list of those of several processes.
        like: a state that was just built.
        name: of the state, for messages.
        whole: whether no key may be missing, and numbers must be whole where those of `like` are.

    Raises:
        ValueError: names what is different.
    """
    if saved is None and not whole:
        return
    are_of_processes = isinstance(saved, list) and isinstance(like, (dict, Tensor)) and not whole
    if are_of_processes:  # that trained together
        for number, state in enumerate(saved):
            check_like(state, like, f"{name}[{number}]", whole)
    elif isinstance(like, dict):
        if whole and (missing := like.keys() - _mapping(saved, name).keys()):
            raise ValueError(f"{name} has no {min(missing)}")
        for key, value in _mapping(saved, name).items():
            if key in like:
                check_like(value, like[key], f"{name}.{key}", whole)
    elif isinstance(like, (list, tuple)):
        if not isinstance(saved, (list, tuple)) or (like and len(saved) != len(like)):
            raise ValueError(f"{name} is {_name(saved)}, expected a list{f' of {len(like)}' if like else ''}")
        for number, (value, other) in enumerate(zip(saved, like, strict=False)):
            check_like(value, other, f"{name}[{number}]", whole)
    elif isinstance(like, Tensor):
        if not _has_shape(saved, like.shape):
            raise ValueError(f"{name} is {_name(saved)}, expected a tensor of the shape {tuple(like.shape)}")
    elif isinstance(like, (bool, str)):
        if type(saved) is not type(like):
            raise ValueError(f"{name} is {_name(saved)}, expected {_name(like)}")
    elif isinstance(like, (int, float)):
        is_whole = type(saved) is int and -1 <= saved < MAX_COUNT
        if not (is_whole if whole else _is_number(saved)):
            raise ValueError(f"{name} is {_name(saved)}, expected {'a count' if whole else 'a number'}")


def _of_one_process(state: Any) -> Any:
    """The first of the states of processes, of which the checkpoint may have more or fewer."""
    is_of_several = isinstance(state, list) and state and isinstance(state[0], (dict, Tensor))
    return state[0] if is_of_several else state


def _mapping(value: Any, name: str) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{name} is {_name(value)}, expected a mapping")
    return value


def _single(value: Any, name: str) -> dict[Any, Any]:
    if not isinstance(value, list) or len(value) != 1:
        raise ValueError(f"{name} is {_name(value)}, expected a list of one")
    return _mapping(value[0], name)


def _has_shape(value: Any, shape: tuple[int, ...]) -> bool:
    return isinstance(value, Tensor) and value.shape == shape


def _is_number(value: Any) -> bool:
    return (type(value) is int and abs(value) < MAX_COUNT) or type(value) is float


def _name(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of the shape {tuple(value.shape)}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return "a mapping" if isinstance(value, dict) else show(value)
