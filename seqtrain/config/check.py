"""Check a composed configuration against the schemas, and collect everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import InterpolationKeyError, InterpolationResolutionError, OmegaConfBaseException

from seqtrain.config import lightning_nodes, sequence_nodes, torch_nodes
from seqtrain.config.fit import find_misfits
from seqtrain.config.problems import ConfigError, nearest, not_among, show
from seqtrain.config.schema import Schema
from seqtrain.config.sequence_nodes import ROOT
from seqtrain.config.targets import ROLES, TargetError, schema_of
from seqtrain.config.values import accepts, describe, words_of

__all__ = ["check_config", "find_problems", "plain_tree"]

# Their import fills the table of schemas.
DECLARATIONS = (lightning_nodes, sequence_nodes, torch_nodes)


# A file that says null composes to an empty mapping.
NULLABLE_ROLES = ("callbacks", "logger")


class Unknown:
    """A value that could not be resolved: its problem is reported, and every type accepts it."""


UNKNOWN = Unknown()


def check_config(cfg: DictConfig, trusted_plugins: Collection[str] | None = None) -> None:
    """Raise one ConfigError with all problems of a composed configuration; return where there is none.

    `trusted_plugins` are the packages that `_target_` may name beside the built-in ones. None trusts those
    that the configuration itself names: right for a user's own command, wrong for a file that came
    from somebody else.
    """
    problems = find_problems(cfg, trusted_plugins)
    if problems:
        raise ConfigError(problems)


def find_problems(cfg: DictConfig, trusted_plugins: Collection[str] | None = None) -> list[str]:
    tree, problems = plain_tree(cfg)
    if trusted_plugins is None:
        named = tree.get("plugins")
        trusted_plugins = [name for name in named if isinstance(name, str)] if isinstance(named, list) else []
    checker = _Checker(tree, trusted_plugins)
    problems += checker.problems
    if not problems:
        problems += find_misfits(tree, _choices(cfg))
    return problems


def _choices(cfg: DictConfig) -> dict[str, Any]:
    """What was chosen for each group, where the configuration comes fresh from Hydra."""
    return dict(OmegaConf.select(cfg, "hydra.runtime.choices") or {})


def plain_tree(cfg: DictConfig) -> tuple[dict[str, Any], list[str]]:
    """The configuration as resolved dicts and lists without Hydra's node; and what cannot be resolved."""
    problems: list[str] = []
    keys: list[Any] = [key for key in cfg if key != "hydra"]
    tree = {str(key): _plain(cfg, key, str(key), problems) for key in keys}
    return tree, problems


def _plain(parent: DictConfig | ListConfig, key: Any, path: str, problems: list[str]) -> Any:
    if OmegaConf.is_missing(parent, key):
        problems.append(f"{path}: has no value yet (???); give it one with {path}=VALUE")
        return UNKNOWN
    try:
        value = parent[key]
    except OmegaConfBaseException as error:
        problems.append(f"{path}: {_explain_interpolation(parent, key, error)}")
        return UNKNOWN
    if isinstance(value, DictConfig):
        keys: list[Any] = list(value)
        return {str(each): _plain(value, each, f"{path}.{each}", problems) for each in keys}
    if isinstance(value, ListConfig):
        return [_plain(value, each, f"{path}[{each}]", problems) for each in range(len(value))]
    return value


def _explain_interpolation(parent: DictConfig | ListConfig, key: Any, error: Exception) -> str:
    plain: Any = OmegaConf.to_container(parent, resolve=False)
    written = plain[key]
    if isinstance(error, InterpolationKeyError):
        return f"{written} names a key that does not exist"
    if isinstance(error, InterpolationResolutionError):
        return f"{written} cannot be resolved: {str(error).splitlines()[0]}"
    return str(error).splitlines()[0]


class _Checker:
    """One walk over a plain tree; `problems` is what it found."""

    def __init__(self, tree: dict[str, Any], plugins: Collection[str]) -> None:
        self.plugins = plugins
        self.problems: list[str] = []
        self.schemas: dict[str, Schema] = {"": ROOT}
        self.unknown: list[tuple[str, str]] = []
        self._check_keys(tree, "", ROOT)
        for role in ROLES:
            if role == "callbacks" and isinstance(tree.get(role), dict):
                for name, node in tree[role].items():
                    self._check_node(node, f"{role}.{name}", role)
            elif role in tree:
                self._check_node(tree[role], role, role)
        self.problems += [self._explain_unknown(path, owner) for path, owner in self.unknown]

    def _check_node(self, node: Any, path: str, role: str) -> None:
        if not isinstance(node, dict) or (not node and role in NULLABLE_ROLES):
            return
        if "_target_" not in node:
            if role != "part":
                self.problems.append(f"{path}._target_: missing; it names the class to build")
            self._check_parts(node, path)
            return
        if isinstance(node["_target_"], Unknown):
            return
        try:
            schema = schema_of(node["_target_"], role, self.plugins)
        except TargetError as error:
            self.problems.append(f"{path}._target_: {error}")
            self._check_parts(node, path)
            return
        self.schemas[path] = schema
        self._check_keys(node, path, schema)
        self._check_parts(node, path)

    def _check_keys(self, node: Mapping[str, Any], path: str, schema: Schema) -> None:
        prefix = f"{path}." if path else ""
        for key, value in node.items():
            if key == "_target_" or _is_special(key):
                continue
            if key in schema.kinds:
                self._check_value(value, prefix + key, schema.kinds[key])
            elif key in ROLES.get(schema.role, ROLES["part"]).added:
                self.problems.append(f"{prefix}{key}: given by the builder, and not set in a configuration")
            elif not schema.open:
                self.unknown.append((prefix + key, path))
        for key in sorted(schema.required - set(node)):
            self.problems.append(
                f"{prefix}{key}: missing; {schema.target} needs {describe(schema.kinds[key])}"
            )

    def _check_value(self, value: Any, path: str, kind: Any) -> None:
        if isinstance(value, Unknown) or accepts(kind, value):
            return
        words = words_of(kind)
        if words and isinstance(value, str):
            self.problems.append(f"{path}: {not_among(value, words)}")
        else:
            self.problems.append(f"{path}: got {show(value)}, expected {describe(kind)}")

    def _check_parts(self, value: Any, path: str) -> None:
        """Whatever is nested in a node is held to the same rules."""
        for where, part in _children(value, path):
            key = where.rpartition(".")[2]
            if key != "_target_" and _is_special(key):
                self.problems.append(
                    f"{where}: not allowed; a node builds one object from `_target_` and its keys"
                )
            elif isinstance(part, dict) and "_target_" in part:
                self._check_node(part, where, "part")
            else:
                self._check_parts(part, where)

    def _explain_unknown(self, path: str, owner: str) -> str:
        name = path.rpartition(".")[2]
        schema = self.schemas[owner]
        meant = nearest(name, schema.kinds)
        elsewhere = [
            f"{place}.{name}" for place, each in self.schemas.items() if place and name in each.kinds
        ]
        if meant is None and len(elsewhere) == 1:
            hint = f"; did you mean {elsewhere[0]}?"
        elif meant:
            hint = f"; did you mean {owner}.{meant}?" if owner else f"; did you mean {meant}?"
        else:
            hint = f"; there are {', '.join(schema.kinds)}"
        what = f"no such key in {schema.target}" if owner else "no such key or group"
        return f"{path}: {what}{hint}"


def _children(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, child in value.items():
            yield f"{path}.{key}", child
    elif isinstance(value, list):
        for number, child in enumerate(value):
            yield f"{path}[{number}]", child


def _is_special(key: str) -> bool:
    return key.startswith("_") and key.endswith("_")
