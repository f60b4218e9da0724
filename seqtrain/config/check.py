"""Check a composed configuration against the schemas and collect all problems."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig

from seqtrain.config.fit import files_with_key, find_conflicts, find_mismatches, find_unused
from seqtrain.config.schemas.schema import Schema, accepts, coerce, describe, explain
from seqtrain.config.schemas.seqtrain import ROOT
from seqtrain.config.targets import NESTED, ROLES, TargetError, import_plugins, schema_of, takes_newer_key
from seqtrain.config.tree import UNKNOWN, Resolved, Tree, children, resolve_tree
from seqtrain.errors import ConfigError, nearest, show

NULLABLE_ROLES = ("callbacks", "logger", "metrics")
# What other libraries call our keys, where the spelling gives no hint.
SYNONYMS = {
    "epochs": "trainer.max_epochs",
    "num_epochs": "trainer.max_epochs",
    "n_epochs": "trainer.max_epochs",
    "steps": "trainer.max_steps",
    "learning_rate": "optimizer.lr",
    "batch": "data.batch_size",
    "layers": "model.num_layers",
    "hidden": "model.hidden_size",
    "device": "trainer.accelerator",
    "gpu": "trainer=gpu",
    "gpus": "trainer.devices",
    "cuda": "trainer=gpu",
    "early_stopping": "callbacks=early_stopping",
    "patience": "callbacks=early_stopping callbacks.early_stopping.patience",
}
MAX_OWNERS = 3  # suggested for a key that is given without its group


@dataclass(frozen=True)
class Node:
    """A mapping whose keys are checked, its path in the configuration and its role there."""

    path: str
    role: str
    keys: Tree

    def child(self, key: object) -> str:
        return f"{self.path}.{key}" if self.path else str(key)


def check_config(cfg: DictConfig, trusted_plugins: Collection[str] = ()) -> None:
    """Check a composed configuration.

    Args:
        cfg: may contain interpolations; they are resolved for the check.
        trusted_plugins: packages that `_target_` may name besides the built-in ones. The configuration's own
            `plugins` are not trusted, since the configuration may come from an untrusted source.

    Raises:
        ConfigError: with all problems.
    """
    problems = find_problems(resolve_tree(cfg), trusted_plugins)
    if problems:
        raise ConfigError(problems)


def find_problems(
    resolved: Resolved,
    plugins: Collection[str],
    choices: Mapping[str, Any] | None = None,
    given: Mapping[str, Schema] | None = None,
    overridden: Collection[str] = (),
) -> list[str]:
    """All problems of a configuration, each as "path: problem".

    Args:
        resolved: the configuration.
        plugins: packages that `_target_` may name besides the built-in ones; they are imported, since they
            may register cells.
        choices: the file chosen in each group, if known, for use in messages.
        given: schemas by path for mappings without `_target_`; must include that of the root ("").
        overridden: the dotted keys that the command line sets; these must have an effect.
    """
    tree = resolved.tree
    schemas = dict(given or {"": ROOT})
    problems = [*resolved.problems, *import_plugins(plugins), *_special_keys(tree, ""), *_find_strays(tree)]
    nodes = [Node("", "root", tree), *_nodes(tree)]
    for node in nodes:
        try:
            if node.path not in schemas:
                schemas[node.path] = schema = _schema(node, plugins)
                node.keys["_target_"] = schema.target  # a built-in class may have been named by another path
        except TargetError as error:
            problems.append(f"{node.path}._target_: {error}")
    for node in nodes:
        if node.path in schemas:
            problems += check_keys(node, schemas)
    problems += find_mismatches(tree, choices or {})
    return _without_echoes(problems, resolved.borrowed) or [
        *find_conflicts(tree),
        *find_unused(tree, overridden),
    ]


def _without_echoes(problems: list[str], borrowed: Collection[str]) -> list[str]:
    """Report a problem of an interpolated value only once, at the key that the value comes from."""
    pairs = [problem.partition(": ")[::2] for problem in problems]
    own = {text for path, text in pairs if path not in borrowed}
    return [f"{path}: {text}" for path, text in pairs if path not in borrowed or text not in own]


def _nodes(tree: Tree) -> Iterator[Node]:
    """Every mapping that is a node, or should be one."""
    for role in ROLES:
        value = tree.get(role)
        if not isinstance(value, dict) or (not value and role in NULLABLE_ROLES):
            continue  # a file that holds null composes to an empty mapping
        if _maps_names(role, value):
            for name, child in value.items():
                yield from _nodes_in(child, f"{role}.{name}", role)
        else:
            yield from _nodes_in(value, role, role)


def _maps_names(role: str, group: Tree) -> bool:
    """Whether a group maps names to nodes; `logger` may also be a single one."""
    return role in ("callbacks", "metrics") or (role == "logger" and "_target_" not in group)


def _find_strays(tree: Tree) -> Iterator[str]:
    """Values in a group that maps names, where only nodes belong."""
    for role in NULLABLE_ROLES:
        group = tree.get(role)
        if isinstance(group, dict) and _maps_names(role, group):
            for name, value in group.items():
                if not isinstance(value, dict) and value is not None and value is not UNKNOWN:
                    yield f"{role}.{name}: got {show(value)}, expected keys with a _target_, or null"


def _nodes_in(value: Any, path: str, role: str) -> Iterator[Node]:
    if isinstance(value, dict) and (role not in NESTED or "_target_" in value):
        yield Node(path, role, value)
    inner = "component" if role in ("trainer", "callbacks", "logger", "component") else "submodule"
    for child_path, child in children(value, path):
        yield from _nodes_in(child, child_path, inner)


def _schema(node: Node, plugins: Collection[str]) -> Schema:
    if "_target_" not in node.keys:
        choose = f"; choose one with {node.path}=..." if node.path == node.role else ""
        raise TargetError(f"missing; it names the class to build{choose}")
    return schema_of(node.keys["_target_"], node.role, plugins)


def check_keys(node: Node, schemas: Mapping[str, Schema]) -> Iterator[str]:
    """The problems of one node's keys; whole numbers become floats where the schema of its path says so."""
    schema = schemas[node.path]
    elsewhere = {**(ROLES[node.role].elsewhere if node.role in ROLES else {}), **schema.elsewhere}
    for key, value in list(node.keys.items()):
        path = node.child(key)
        if _is_special(key) or value is UNKNOWN:
            continue
        if key in elsewhere:
            yield f"{path}: {elsewhere[key]}"
        elif key in schema.kinds:
            if accepts(schema.kinds[key], value):
                node.keys[key] = coerce(schema.kinds[key], value)
            else:
                yield f"{path}: {explain(schema.kinds[key], value)}"
        elif not schema.open and not takes_newer_key(schema.target, str(key)):
            yield _explain_unknown(node, str(key), schemas)
    for key in [each for each in schema.kinds if each in schema.required and each not in node.keys]:
        needed = f"{schema.target} needs {describe(schema.kinds[key])}"
        if node.role == "root" and key in ROLES:
            needed = f"choose one with {key}=..."
        yield f"{node.child(key)}: missing; {needed}"


def _explain_unknown(node: Node, key: str, schemas: Mapping[str, Schema]) -> str:
    schema = schemas[node.path]
    what = f"no such key in {schema.target}" if node.path else "no such key or group"
    meant = nearest(key, schema.kinds)
    owners = [f"{path}.{key}" for path, other in schemas.items() if path and key in other.kinds]
    files = files_with_key(node.path, key) if node.path == node.role else ""
    if files:
        hint = f"it is a key of {node.path}={files}"
        hint += f"; did you mean {SYNONYMS[key]}?" if key in SYNONYMS else ""
    elif key in SYNONYMS:
        hint = f"did you mean {SYNONYMS[key]}?"
    elif meant and (node.path or not owners):
        hint = f"did you mean {node.child(meant)}?"
    elif 1 <= len(owners) <= MAX_OWNERS:
        hint = f"did you mean {' or '.join(owners)}?"
    else:
        hint = f"there are {', '.join(schema.kinds)}"
    return f"{node.child(key)}: {what}; {hint}"


def _special_keys(value: Any, path: str) -> Iterator[str]:
    """Problems with Hydra's special keys (`_args_`, `_partial_`, ...), which would bypass the checks."""
    for child_path, child in children(value, path):
        key = child_path.rpartition(".")[2]
        if not _is_special(key):
            yield from _special_keys(child, child_path)
        elif key != "_target_":
            yield f"{child_path}: not allowed; a node has _target_ and the keys of its class"


def _is_special(key: object) -> bool:
    return isinstance(key, str) and key.startswith("_") and key.endswith("_")
