"""From what Hydra composes to a plain tree: keys overridden, interpolations resolved, old names replaced."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from hydra.core.config_loader import ConfigLoader
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import InterpolationKeyError, OmegaConfBaseException

from seqtrain.errors import first_line, nearest, show

Tree: TypeAlias = dict[Any, Any]

# Where classes that configurations name have moved to: run folders and files written earlier stay valid.
MOVED = {
    **{
        f"{module}.{name}": f"seqtrain.tasks.{name}"
        for module in ("seqtrain.task", "seqtrain.training", "seqtrain.training.task")
        for name in ("SequenceClassification", "SequenceTagging")
    },
    **{
        f"seqtrain.callbacks.{name}": f"seqtrain.training.{name}"
        for name in ("LastCheckpoint", "ProgressBar", "HiddenStateTelemetry", "TrainingCurves")
    },
    **{
        f"seqtrain.telemetry.{name}": f"seqtrain.training.{name}"
        for name in (
            "HealthWarnings",
            "HiddenStateTelemetry",
            "PredictionTelemetry",
            "RecurrenceTelemetry",
            "RunPage",
            "TensorBoard",
            "TrainingCurves",
            "WeightTelemetry",
        )
    },
}


def with_new_names(tree: Tree) -> Tree:
    """A configuration that an earlier version saved, with the current names of classes."""
    return {key: _renamed(key, value) for key, value in tree.items()}


def _renamed(key: Any, value: Any) -> Any:
    if isinstance(value, dict):
        return with_new_names(value)
    if isinstance(value, list):
        return [_renamed(key, item) for item in value]
    return MOVED.get(value, value) if key == "_target_" else value


def children(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """What a mapping or a list contains, with dotted paths; nothing for any other value."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield (f"{path}.{key}" if path else str(key)), child
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield f"{path}[{index}]", child


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value below this one that is neither a mapping nor a list, with dotted paths."""
    for child_path, child in children(value, path):
        if isinstance(child, (dict, list)):
            yield from leaves(child, child_path)
        else:
            yield child_path, child


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
            override = None
        if override is not None and override.key_or_group:
            overrides.append(override)
        else:
            problems.append(_explain_argument(argument))
    return overrides, problems


def _explain_argument(argument: str) -> str:
    key, equals, value = argument.partition("=")
    if not equals:
        return f"{argument}: no value; write {argument}=VALUE"
    if not key.strip("+~"):
        return f"{argument}: no key before the ="
    return f"{key}: {value} cannot be read; quote a value with , : = [ ] {{ }} ( or ) in it: {key}='...'"


def find_sweep_problems(overrides: Sequence[Override]) -> list[str]:
    """Problems with keys that have several values: a single run takes one value per key."""
    several = [(each.key_or_group, each.get_value_string()) for each in overrides if each.is_sweep_override()]
    return [
        f"{key}: got several values, {value}; add -m to run each, or write [{value}] for a list"
        for key, value in several
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


def apply_override(cfg: DictConfig, override: Override) -> list[str]:
    """Set or delete one key of `cfg` in place, adding it if it does not exist; return the problems."""
    key = override.key_or_group
    if "/" in key or override.package:
        return [f"{key}: no such group"]
    parent, _, name = key.rpartition(".")
    node = _node_at(cfg, parent)
    if node is not None and (node._is_none() or not node):
        return [f"{key}: {parent} is null, so it has no keys"]
    if override.is_delete():
        present = node if isinstance(node, DictConfig) else {}
        if name in present:
            del present[name]
            return []
        meant = nearest(name, [str(each) for each in present])
        prefix = f"~{parent}." if parent else "~"
        return [f"{key}: nothing to delete" + (f"; did you mean {prefix}{meant}?" if meant else "")]
    try:
        OmegaConf.update(cfg, key, override.value(), merge=True, force_add=True)
    except (OmegaConfBaseException, ValueError, TypeError, AttributeError, AssertionError) as error:
        return [f"{key}: {first_line(error)}"]
    return []


def _node_at(cfg: DictConfig, path: str) -> Any:
    """The node at a dotted path, "" being `cfg` itself, as it is written; None where there is none."""
    node: Any = cfg
    for key in path.split(".") if path else ():
        if not isinstance(node, DictConfig) or node._is_none() or key not in tuple(node):
            return None
        node = node._get_node(key)
    return node


def keys_of_run(cfg: DictConfig) -> list[Any]:
    """The keys that belong to the run and not to Hydra."""
    return [key for key in cfg if key != "hydra"]


def without_hydra(cfg: DictConfig) -> DictConfig:
    """A copy without Hydra's node, to change; it accepts new keys."""
    mine = copy.deepcopy(OmegaConf.masked_copy(cfg, keys_of_run(cfg)))
    OmegaConf.set_struct(mine, False)
    return mine


@contextmanager
def hydra_config_of(cfg: DictConfig) -> Iterator[None]:
    """Let `${hydra:...}` refer to the `hydra` node of `cfg`."""
    instance = HydraConfig.instance()
    before = instance.cfg
    instance.set_config(cfg)
    try:
        yield
    finally:
        instance.cfg = before


class Unknown:
    """Stands for a value that could not be resolved, which is reported as a problem of its own."""


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
        resolved.problems.append(f"{path}: {_explain_interpolation(parent, key, error)}")
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


def _explain_interpolation(parent: DictConfig | ListConfig, key: Any, error: OmegaConfBaseException) -> str:
    plain: Any = OmegaConf.to_container(parent, resolve=False)
    if isinstance(error, InterpolationKeyError):
        return f"{plain[key]} names a key that does not exist"
    return f"{plain[key]} cannot be resolved: {first_line(error)}"
