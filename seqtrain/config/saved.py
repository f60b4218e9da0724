"""The configuration that a run folder keeps, reduced to what evaluating the run needs.

The folder may come from an untrusted source. Nothing else in it is built, and what is built runs no code of
the folder's choice, opens no connection and writes no file.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from seqtrain.config.check import find_problems
from seqtrain.config.plain_yaml import read_plain_yaml
from seqtrain.config.problems import ConfigError, show
from seqtrain.config.resolve import Tree, resolve_tree
from seqtrain.config.schemas.lightning import EVALUATOR
from seqtrain.config.schemas.seqtrain import SAVED
from seqtrain.config.targets import schema_of

SCHEMAS = {"": SAVED, "trainer": EVALUATOR}  # of what names no class here
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|::")  # fsspec chains file systems with ::


def read_saved_config(path: Path, plugins: Collection[str] = ()) -> DictConfig:
    """The checked configuration in a run folder's config.yaml: values only, nothing left to resolve.

    Of the groups it has `task`, `data`, `encoder`, `head` and `model`, and of the trainer what concerns
    evaluation. `data.cache_dir` is left out: a doctored cache would change the metrics. `data.download` is
    false wherever the source has it: only the user decides to connect to a server.

    Args:
        path: of the file.
        plugins: packages whose classes it may name besides the built-in ones; those that the file itself
            lists do not count.

    Raises:
        ConfigError: with all problems.
    """
    tree = _needed_for_evaluation(read_plain_yaml(path))
    resolved = resolve_tree(OmegaConf.create(tree))  # replaces old names of classes
    problems = [*_find_urls(resolved.tree, ""), *find_problems(resolved, plugins, given=SCHEMAS)]
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


def _find_urls(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, child in value.items():
            yield from _find_urls(child, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for number, child in enumerate(value):
            yield from _find_urls(child, f"{path}[{number}]")
    elif isinstance(value, str) and URL.search(value):
        yield f"{path}: got {show(value)}, expected a local path"
