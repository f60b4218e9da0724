"""Resolve the interpolations of a composed configuration, and name those that cannot be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import InterpolationKeyError, OmegaConfBaseException

from seqtrain.config.aliases import MOVED
from seqtrain.config.hydra_node import keys_of_run
from seqtrain.config.problems import first_line, show

Tree: TypeAlias = dict[Any, Any]


class Unknown:
    """Stands for a value that could not be resolved; that is a problem of its own."""


UNKNOWN = Unknown()


@dataclass
class Resolved:
    """The configuration as plain dicts and lists without Hydra's node, and what cannot be resolved.

    `borrowed` are the paths whose value is written as that of another key.
    """

    tree: Tree = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    borrowed: set[str] = field(default_factory=set)


def resolve_tree(cfg: DictConfig) -> Resolved:
    resolved = Resolved()
    resolved.tree = {key: _resolve(cfg, key, str(key), resolved) for key in keys_of_run(cfg)}
    return resolved


def _resolve(parent: DictConfig | ListConfig, key: Any, path: str, resolved: Resolved) -> Any:
    if OmegaConf.is_missing(parent, key):
        resolved.problems.append(f"{path}: has no value yet (???); give it one with {path}=VALUE")
        return UNKNOWN
    if OmegaConf.is_interpolation(parent, key):
        resolved.borrowed.add(path)
    try:
        value = parent[key]
    except OmegaConfBaseException as error:
        resolved.problems.append(f"{path}: {_explain(parent, key, error)}")
        return UNKNOWN
    if isinstance(value, DictConfig):
        keys: list[Any] = list(value)
        return {each: _resolve(value, each, f"{path}.{each}", resolved) for each in keys}
    if isinstance(value, ListConfig):
        return [_resolve(value, each, f"{path}[{each}]", resolved) for each in range(len(value))]
    if isinstance(value, str) and "${" in value:
        # An escaped one: written to a file and read again, it would be resolved after all.
        resolved.problems.append(f"{path}: got {show(value)}, expected a value without ${{")
        return UNKNOWN
    return MOVED.get(value, value) if key == "_target_" else value


def _explain(parent: DictConfig | ListConfig, key: Any, error: OmegaConfBaseException) -> str:
    plain: Any = OmegaConf.to_container(parent, resolve=False)
    if isinstance(error, InterpolationKeyError):
        return f"{plain[key]} names a key that does not exist"
    return f"{plain[key]} cannot be resolved: {first_line(error)}"
