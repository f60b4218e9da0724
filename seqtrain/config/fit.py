"""What fits together: contradictions between groups that are valid by themselves, settings without effect.

What each class goes with is declared with its schema; see `seqtrain.config.schemas.schema`.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from seqtrain.config.schemas.schema import SCHEMAS, Schema, Tree, schema_at
from seqtrain.config.schemas.seqtrain import find_bad_monitor
from seqtrain.foreign import read_yaml
from seqtrain.shipped import CONFIG_DIR

MAX_COUNT = 1_000  # of members or layers: a network of more would take hours to build
BYTES_PER_PARAMETER = 8  # a float32 weight and its gradient; most optimizers keep more beside them


def find_mismatches(tree: Tree, choices: Mapping[str, Any]) -> Iterator[str]:
    """Data or heads that do not suit the task, encoders that do not suit the data, as "path: problem".

    Classes of the user's own are not checked.

    Args:
        tree: the configuration.
        choices: the file chosen in each group, where known.
    """
    pairs = (("data", "task", "targets"), ("head", "task", "targets"), ("encoder", "data", "inputs"))
    reported: set[str] = set()
    for group, other, what in pairs:
        schema, wanted = schema_at(tree, group), schema_at(tree, other)
        if schema is None or wanted is None or other in reported:
            continue
        mine, theirs = getattr(schema, what), getattr(wanted, what)
        if _agree(mine, theirs):
            continue
        reported.add(group)
        here, elsewhere = _name(group, schema, choices), _name(other, wanted, choices)
        fitting = tasks_of(schema.inputs, mine) if group == "data" else files_of(other, what, mine)
        yield (
            f"{group}: {elsewhere} needs {group}={files_of(group, what, theirs)}; "
            f"{here} goes with {other}={fitting}"
        )


def find_conflicts(tree: Tree) -> Iterator[str]:
    """Contradictions in a tree whose keys and values are each valid by themselves, as "path: problem"."""
    contradictions = [schema.answer("contradictions", node, tree) or () for _, node, schema in _nodes(tree)]
    callbacks = {f"callbacks.{name}": node for name, node in (tree.get("callbacks") or {}).items() if node}
    monitors = [find_bad_monitor(*each, tree) for each in {"task": tree["task"], **callbacks}.items()]
    yield from dict.fromkeys(itertools.chain(*contradictions, *monitors))
    size = _features(tree)
    given = tree["model"].get("input_size")
    if size is not None and given not in (None, size.features):
        yield f"model.input_size: got {given}, but {size.reason}; leave it null, or write {size.features}"
    yield from find_excess(tree, size.features if size else given)


def find_unused(tree: Tree, overridden: Collection[str]) -> Iterator[str]:
    """The keys among `overridden` that do nothing beside the other values, as "path: problem"."""
    for path, node, schema in _nodes(tree):
        for key, why in schema.answer("unused", node, tree) or ():
            if f"{path}.{key}" in overridden:
                yield f"{path}.{key}: {why}"


def find_warnings(tree: Tree) -> Iterator[str]:
    """Settings of a checked configuration that are allowed but do nothing."""
    for _, node, schema in _nodes(tree):
        yield from schema.answer("idle", node, tree) or ()


def _nodes(node: Any, path: str = "") -> Iterator[tuple[str, Tree, Schema]]:
    """Every built-in class of the configuration or below one of its nodes: path, keys and schema."""
    if not isinstance(node, dict):
        return
    target = node.get("_target_")
    if isinstance(target, str) and target in SCHEMAS:
        yield path, node, SCHEMAS[target]
    for key, child in node.items():
        yield from _nodes(child, f"{path}.{key}" if path else str(key))


def _features(tree: Tree) -> Any:
    """The features per time step that reach the model; None if only the data or a user's class knows."""
    encoder = schema_at(tree, "encoder")
    return None if encoder is None else encoder.answer("output_size", tree["encoder"], tree)


def _name(group: str, schema: Schema, choices: Mapping[str, Any]) -> str:
    return f"{group}={choices.get(group) or schema.target.rpartition('.')[2]}"


def _agree(mine: str | None, theirs: str | None) -> bool:
    """Whether two sets of kinds, see `Schema`, have one in common; None stands for all kinds."""
    return mine is None or theirs is None or not set(mine.split("|")).isdisjoint(theirs.split("|"))


def files_of(group: str, what: str, value: str) -> str:
    """The shipped files of a group whose class has these `inputs` or `targets`, joined by |."""
    return "|".join(name for name, schema in _shipped(group) if _agree(getattr(schema, what), value))


def tasks_of(inputs: str | None, targets: str | None) -> str:
    """The shipped tasks that predict these targets with an encoder of these inputs, joined by |."""
    fitting = [name for name, task in _shipped("task") if _agree(task.targets, targets)]
    encoders = dict(_shipped("encoder"))
    return "|".join(name for name in fitting if _agree(encoders[_encoder_of(name)].inputs, inputs))


def _encoder_of(task: str) -> str:
    """The encoder that the file of a task chooses."""
    defaults = read_yaml(CONFIG_DIR / "task" / f"{task}.yaml")["defaults"]
    return next(str(each["override /encoder"]) for each in defaults if "override /encoder" in each)


def files_with_key(group: str, key: str) -> str:
    """The shipped files of a group whose class has this key, joined by |."""
    return "|".join(name for name, schema in _shipped(group) if key in schema.kinds)


def _shipped(group: str) -> Iterator[tuple[str, Schema]]:
    for path in sorted((CONFIG_DIR / group).glob("*.yaml")):
        content = read_yaml(path)
        schema = schema_at({group: content.get(group, content)}, group)
        if schema is not None:
            yield path.stem, schema


def find_excess(tree: Tree, input_size: int | None) -> Iterator[str]:
    """A network that cannot fit into the memory of this machine, as "path: problem".

    Args:
        tree: the configuration.
        input_size: of the model; None where it is not known yet.
    """
    layers, members = tree["model"].get("num_layers", 1), tree.get("members", 1)
    for path, count in (("model.num_layers", layers), ("members", members)):
        if isinstance(count, int) and count > MAX_COUNT:
            yield f"{path}: got {count:,}, expected at most {MAX_COUNT:,}"
            return
    needed = [(group, _bytes_needed(tree, group, input_size or 1)) for group in ("encoder", "model")]
    path, most = max(needed, key=lambda each: each[1])
    total, available = members * sum(each for _, each in needed), memory_of_machine()
    if tree.get("parameters") is not None:
        path, members, total = "parameters", 1, tree["parameters"] * BYTES_PER_PARAMETER
    if available is None or total <= available:
        return
    if members > 1 and most <= available:
        path, what = "members", f"{members:,} networks need"
    else:
        what = "its weights and their gradients need"
    yield f"{path}: {what} at least {_show_gb(total)} of memory, and this machine has {_show_gb(available)}"


def _bytes_needed(tree: Tree, group: str, input_size: int) -> int:
    schema = schema_at(tree, group)
    count = 0 if schema is None else schema.answer("num_parameters", tree[group], input_size) or 0
    return int(count) * BYTES_PER_PARAMETER


def memory_of_machine() -> int | None:
    """Bytes; None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # not on Windows
        return None


def _show_gb(number: int) -> str:
    return f"{number / 1e9:,.0f} GB" if number >= 1e10 else f"{number / 1e9:.1f} GB"
