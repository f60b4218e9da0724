"""Parse the overrides of single keys and apply them one by one, so that every invalid one is reported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, Node, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from seqtrain.config.problems import first_line, nearest


def parse_overrides(
    arguments: Sequence[str], loader: ConfigLoader | None = None
) -> tuple[list[Override], list[str]]:
    """The overrides that can be parsed, and a problem for each argument that cannot.

    `loader` expands the pattern in `group=glob(...)`.
    """
    parser = OverridesParser.create(config_loader=loader)
    overrides, problems = [], []
    for argument in arguments:
        try:
            (override,) = parser.parse_overrides([argument])
        except HydraException:
            problems.append(_explain(argument))
            continue
        if override.key_or_group:
            overrides.append(override)
        else:
            problems.append(_explain(argument))
    return overrides, problems


def find_sweep_problems(overrides: Sequence[Override]) -> list[str]:
    """Problems with keys that have several values: a single run takes one value per key."""
    return [
        f"{key}: got several values, {value}; add -m to run each, or write [{value}] for a list"
        for key, value in (
            (each.key_or_group, each.get_value_string()) for each in overrides if each.is_sweep_override()
        )
    ]


def without_sweeps(overrides: Sequence[Override]) -> list[Override]:
    return [each for each in overrides if not each.is_sweep_override()]


def keys_set_by(overrides: Sequence[Override]) -> set[str]:
    """The dotted keys of the values that these overrides set."""
    values = {each.key_or_group: each.value() for each in overrides if not each.is_delete()}
    return {path for key, value in values.items() for path in _paths_in(key, value)}


def _paths_in(path: str, value: Any) -> Iterator[str]:
    yield path
    if isinstance(value, dict):
        for key, child in value.items():
            yield from _paths_in(f"{path}.{key}", child)


def lay_over(cfg: DictConfig, override: Override) -> list[str]:
    """Set or delete one key of `cfg` in place, adding it if it does not exist; return the problems."""
    key = override.key_or_group
    if "/" in key or override.package:
        return [f"{key}: no such group"]
    parent = key.rpartition(".")[0]
    exists, value = find_value(cfg, parent)
    if parent and exists and not value:
        return [f"{key}: {parent} is null, so that it has no keys"]
    if override.is_delete():
        return _delete(cfg, key)
    try:
        OmegaConf.update(cfg, key, override.value(), merge=True, force_add=True)
    except (OmegaConfBaseException, ValueError, TypeError, AttributeError, AssertionError) as error:
        return [f"{key}: {first_line(error)}"]
    return []


def find_value(cfg: DictConfig, path: str) -> tuple[bool, Any]:
    """Whether the key exists, and its value; interpolations are not resolved."""
    node: Any = cfg
    for key in path.split("."):
        if not isinstance(node, DictConfig) or node._is_none() or key not in tuple(node):
            return False, None
        node = node._get_node(key)
    empty = isinstance(node, Node) and node._is_none()
    return True, None if empty else node


def _delete(cfg: DictConfig, key: str) -> list[str]:
    parent, _, name = key.rpartition(".")
    node = find_value(cfg, parent)[1] if parent else cfg
    present = [str(each) for each in node] if isinstance(node, DictConfig) else []
    if name in present:
        del node[name]
        return []
    meant = nearest(name, present)
    prefix = f"~{parent}." if parent else "~"
    return [f"{key}: nothing to delete" + (f"; did you mean {prefix}{meant}?" if meant else "")]


def _explain(argument: str) -> str:
    key, equals, value = argument.partition("=")
    if not equals:
        return f"{argument}: no value; write {argument}=VALUE"
    if not key.strip("+~"):
        return f"{argument}: no key before the ="
    return f"{key}: {value} cannot be read; quote a value with , : = [ ] {{ }} ( or ) in it: {key}='...'"
