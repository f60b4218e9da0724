"""The configuration that a run folder keeps, which may come from an untrusted source.

Only what evaluating the run needs is built, and it runs no code of the folder's choice, opens no connection
and writes no file.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from seqtrain.config.check import find_problems
from seqtrain.config.schemas.lightning import EVALUATOR
from seqtrain.config.schemas.seqtrain import SAVED
from seqtrain.config.targets import schema_of
from seqtrain.config.tree import Tree, children, leaves, resolve_tree
from seqtrain.errors import ConfigError, DataError, show
from seqtrain.foreign import read_yaml

SCHEMAS = {"": SAVED, "trainer": EVALUATOR}  # of the mappings that name no class here
URL = re.compile(r"[A-Za-z0-9+.-]://|::")  # fsspec chains file systems with ::


def read_plain_yaml(path: Path) -> Tree:
    """The mapping in a file: see `read_yaml`; keys are texts or numbers, and nothing is left to resolve.

    Raises:
        ConfigError: the file cannot be read, is a link, or holds something else.
    """
    try:
        tree = read_yaml(path, follow=False)
    except DataError as error:
        raise ConfigError([str(error)]) from None
    if not isinstance(tree, dict):
        raise ConfigError([f"{path}: expected keys and values, found {_name(tree)}"])
    problems = [f"{path}: {problem}" for problem in _find_strange_values(tree)]
    if problems:
        raise ConfigError(problems)
    return tree


def _find_strange_values(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else ():
            if not isinstance(key, (str, int, float)):
                yield f"{path or 'the top level'}: the key {show(key)} is neither a text nor a number"
        for child_path, child in children(value, path):
            yield from _find_strange_values(child, child_path)
    elif value == "???":
        yield f"{path}: has no value (???)"
    elif isinstance(value, str) and "${" in value:
        yield f"{path}: got {show(value)}; a run folder's configuration holds no interpolations"


def _name(value: Any) -> str:
    return {list: "a list", str: "a text", type(None): "nothing"}.get(type(value), type(value).__name__)


def read_saved_config(path: Path, plugins: Collection[str] = ()) -> DictConfig:
    """The checked configuration in a run folder's config.yaml: values only, nothing left to resolve.

    Of the groups it has `task`, `data`, `encoder`, `head` and `model`, and of the trainer what concerns
    evaluation. `data.cache_dir` is left out: a doctored cache would change the metrics. `data.download` is
    false wherever the source has it: only the user decides to connect to a server.

    Args:
        path: of the file.
        plugins: packages whose classes it may name besides the built-in ones; plugins that the file itself
            lists do not count.

    Raises:
        ConfigError: with all problems.
    """
    tree = _needed_for_evaluation(read_plain_yaml(path))
    resolved = resolve_tree(OmegaConf.create(tree))  # replaces old names of classes
    problems = [*_find_urls(resolved.tree), *find_problems(resolved, plugins, given=SCHEMAS)]
    if problems:
        raise ConfigError(problems)
    data = resolved.tree["data"]
    if "download" in schema_of(data["_target_"], "data", plugins).kinds:
        data["download"] = False
    return OmegaConf.create(resolved.tree)


def _needed_for_evaluation(tree: Tree) -> Tree:
    needed = {key: value for key, value in tree.items() if key in SAVED.kinds}
    if isinstance(needed.get("trainer"), dict):
        needed["trainer"] = {k: v for k, v in needed["trainer"].items() if k in EVALUATOR.kinds}
    if isinstance(needed.get("data"), dict):
        needed["data"] = {k: v for k, v in needed["data"].items() if k != "cache_dir"}
    return needed


def _find_urls(tree: Tree) -> Iterator[str]:
    for path, value in leaves(tree):
        if isinstance(value, str) and URL.search(value):
            yield f"{path}: got {show(value)}, expected a local path"
