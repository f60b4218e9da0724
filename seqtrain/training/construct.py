"""Construct the object that a checked node of the configuration describes."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, OmegaConf

from seqtrain.config.targets import find_class


def construct(node: DictConfig, **arguments: Any) -> Any:
    """An instance of the class that `node._target_` names, nested nodes constructed first.

    Args:
        node: resolved and checked; its other keys are the constructor's arguments.
        arguments: further arguments; they win over the keys of the node.
    """
    return _construct(OmegaConf.to_container(node), arguments)


def _construct(value: Any, arguments: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_construct(item, {}) for item in value]
    if not isinstance(value, dict):
        return value
    keys = {key: _construct(item, {}) for key, item in value.items() if key != "_target_"}
    return find_class(value["_target_"])(**(keys | arguments)) if "_target_" in value else keys
