"""Check a composed configuration against the schemas and collect all problems."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig

from seqtrain.config.fit import find_conflicts, find_mismatches, find_unused
from seqtrain.config.problems import ConfigError, nearest, not_among, show
from seqtrain.config.resolve import UNKNOWN, Resolved, Tree, resolve_tree
from seqtrain.config.schemas.schema import Schema
from seqtrain.config.schemas.seqtrain import ROOT
from seqtrain.config.schemas.values import accepts, coerce, describe, remedy_of, words_of
from seqtrain.config.targets import NESTED, ROLES, TargetError, import_plugins, schema_of, takes_newer_key

NULLABLE_ROLES = ("callbacks", "logger", "metrics")
# What other libraries call a key of ours, of which the spelling is no hint.
MEANT = {
    "epochs": "trainer.max_epochs",
    "num_epochs": "trainer.max_epochs",
    "n_epochs": "trainer.max_epochs",
    "steps": "trainer.max_steps",
    "learning_rate": "optimizer.lr",
    "batch": "data.batch_size",
    "layers": "model.num_layers",
    "hidden": "model.hidden_size",
    "device": "trainer.accelerator",
}
ROOT_ELSEWHERE = {"search": "needs -m: a search starts one run for each trial"}


@dataclass(frozen=True)
class Place:
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
            may make cells known.
        choices: the file chosen in each group, if known, for use in messages.
        given: schemas by path for mappings without `_target_`; must include that of the root ("").
        overridden: the dotted keys that the command line sets; these must have an effect.
    """
    tree = resolved.tree
    schemas = dict(given or {"": ROOT})
    problems = [*resolved.problems, *import_plugins(plugins), *_special_keys(tree, "")]
    places = [Place("", "root", tree), *_places(tree)]
    for place in places:
        try:
            if place.path not in schemas:
                schemas[place.path] = schema = _schema(place, plugins)
                place.keys["_target_"] = schema.target  # a built-in class may have been named by another path
        except TargetError as error:
            problems.append(f"{place.path}._target_: {error}")
    for place in places:
        if place.path in schemas:
            problems += _check_keys(place, schemas)
    problems += find_mismatches(tree, choices or {})
    return _without_echoes(problems, resolved.borrowed) or [
        *find_conflicts(tree),
        *find_unused(tree, overridden),
    ]


def _without_echoes(problems: list[str], borrowed: Collection[str]) -> list[str]:
    """Report a problem of an interpolated value only once, at the key that the value comes from."""
    parts = [problem.partition(": ") for problem in problems]
    own = {text for path, _, text in parts if path not in borrowed}
    return [f"{path}: {text}" for path, _, text in parts if path not in borrowed or text not in own]


def _places(tree: Tree) -> Iterator[Place]:
    """Every mapping that is a node, or should be one."""
    for role in ROLES:
        node = tree.get(role)
        if not isinstance(node, dict) or (not node and role in NULLABLE_ROLES):
            continue  # a file that holds null composes to an empty mapping
        if role in ("callbacks", "metrics") or (role == "logger" and _is_named(node)):
            for name, child in node.items():
                yield from _node_and_parts(child, f"{role}.{name}", role)
        else:
            yield from _node_and_parts(node, role, role)


def _is_named(node: Tree) -> bool:
    """Whether the mapping under `logger` maps names to loggers, rather than being a single logger."""
    return "_target_" not in node and all(value is None or isinstance(value, dict) for value in node.values())


def _node_and_parts(value: Any, path: str, role: str) -> Iterator[Place]:
    if isinstance(value, dict) and (role not in NESTED or "_target_" in value):
        yield Place(path, role, value)
    inner = "part" if role in ("trainer", "callbacks", "logger", "part") else "submodule"
    for where, child in _children(value, path):
        yield from _node_and_parts(child, where, inner)


def _schema(place: Place, plugins: Collection[str]) -> Schema:
    if "_target_" not in place.keys:
        choose = f"; choose one with {place.path}=..." if place.path == place.role else ""
        raise TargetError(f"missing; it names the class to build{choose}")
    return schema_of(place.keys["_target_"], place.role, plugins)


def _check_keys(place: Place, schemas: Mapping[str, Schema]) -> Iterator[str]:
    schema = schemas[place.path]
    role = ROLES[place.role].elsewhere if place.role in ROLES else ROOT_ELSEWHERE
    elsewhere = {**role, **schema.elsewhere}
    for key, value in list(place.keys.items()):
        path = place.child(key)
        if _is_special(key) or value is UNKNOWN:
            continue
        if key in elsewhere:
            yield f"{path}: {elsewhere[key]}"
        elif key in schema.kinds:
            if accepts(schema.kinds[key], value):
                place.keys[key] = coerce(schema.kinds[key], value)
            else:
                yield f"{path}: {_explain_value(value, schema.kinds[key])}"
        elif not schema.open and not takes_newer_key(schema.target, str(key)):
            yield _explain_unknown(place, str(key), schemas)
    for key in schema.kinds:
        if key in schema.required and key not in place.keys:
            needed = f"choose one with {key}=..." if place.role == "root" and key in ROLES else None
            needed = needed or f"{schema.target} needs {describe(schema.kinds[key])}"
            yield f"{place.child(key)}: missing; {needed}"


def _explain_value(value: Any, kind: Any) -> str:
    words = words_of(kind)
    if words and isinstance(value, str):
        remedy = remedy_of(kind)
        return not_among(value, words) + (f"; {remedy}" if remedy else "")
    return f"got {show(value)}, expected {describe(kind)}"


def _explain_unknown(place: Place, key: str, schemas: Mapping[str, Schema]) -> str:
    schema = schemas[place.path]
    what = f"no such key in {schema.target}" if place.path else "no such key or group"
    meant = nearest(key, schema.kinds)
    owners = [path for path, other in schemas.items() if path and key in other.kinds]
    if key in MEANT:
        hint = f"did you mean {MEANT[key]}?"
    elif meant and (place.path or not owners):
        hint = f"did you mean {place.child(meant)}?"
    elif len(owners) == 1:
        hint = f"did you mean {owners[0]}.{key}?"
    else:
        hint = f"there are {', '.join(schema.kinds)}"
    return f"{place.child(key)}: {what}; {hint}"


def _special_keys(value: Any, path: str) -> Iterator[str]:
    """Problems with Hydra's special keys (`_args_`, `_partial_`, ...), which would bypass the checks."""
    for where, child in _children(value, path):
        if isinstance(value, dict) and where.endswith("_") and _is_special(where.rpartition(".")[2]):
            if not where.endswith("_target_"):
                yield f"{where}: not allowed; a node has _target_ and the keys of its class"
        else:
            yield from _special_keys(child, where)


def _children(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, child in value.items():
            yield (f"{path}.{key}" if path else str(key)), child
    elif isinstance(value, list):
        for number, child in enumerate(value):
            yield f"{path}[{number}]", child


def _is_special(key: object) -> bool:
    return isinstance(key, str) and key.startswith("_") and key.endswith("_")
