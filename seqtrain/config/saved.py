"""The configuration that a run folder keeps, and YAML files of others, read in bounded time and memory.

Such a file may come from an untrusted source. Of a run's configuration only what evaluating the run needs is
read; what is built of it runs no code of the folder's choice, opens no connection and writes no file.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from omegaconf import DictConfig, OmegaConf
from omegaconf._utils import get_yaml_loader  # in every 2.3, to which pyproject.toml keeps OmegaConf

from seqtrain.config.check import find_problems
from seqtrain.config.schemas.lightning import EVALUATOR
from seqtrain.config.schemas.seqtrain import SAVED
from seqtrain.config.targets import schema_of
from seqtrain.config.tree import Tree, children, leaves, resolve_tree
from seqtrain.errors import ConfigError, first_line, show

MAX_BYTES = 1_000_000  # the configuration of a run has about 3,000
MAX_DEPTH = 30
SCHEMAS = {"": SAVED, "trainer": EVALUATOR}  # of what names no class here
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|::")  # fsspec chains file systems with ::


def read_plain_yaml(path: Path) -> Tree:
    """The mapping in a file: texts, numbers, true, false, null, lists and mappings of these.

    Aliases (which can make a small file huge), interpolations, values left open (???) and anything but plain
    values are refused.

    Raises:
        ConfigError: the file cannot be read, or holds something else.
    """
    text = read_bounded_text(path)
    try:
        tree = yaml.load(text, Loader=get_yaml_loader())
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError([_explain(path, error)]) from None
    if not isinstance(tree, dict):
        raise ConfigError([f"{path}: expected keys and values, found {_name(tree)}"])
    problems = [f"{path}: {problem}" for problem in _find_strange_values(tree)]
    if problems:
        raise ConfigError(problems)
    return tree


def read_bounded_text(path: Path, loader: Any = yaml.SafeLoader) -> str:
    """The text of a YAML file that nothing large can be built of.

    Args:
        path: of the file.
        loader: parses the text; libyaml's is faster, and words its errors differently.

    Raises:
        ConfigError: it is no regular file, larger than `MAX_BYTES`, not UTF-8, nested deeper than `MAX_DEPTH`
            or has aliases.
    """
    text = _read_text(path)
    try:
        _refuse_aliases_and_depth(text, loader)
    except yaml.YAMLError as error:
        raise ConfigError([_explain(path, error)]) from None
    return text


def _read_text(path: Path) -> str:
    if not path.is_file():  # a pipe or a device could block its reader forever
        raise ConfigError([f"{path}: {'not a regular file' if path.exists() else 'no such file'}"])
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from None
    if len(content) > MAX_BYTES:
        raise ConfigError([f"{path}: larger than {MAX_BYTES:,} bytes, which is no configuration of a run"])
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(
            [f"{path}: not UTF-8 text: byte {error.start} is {content[error.start]:#x}"]
        ) from None


def _refuse_aliases_and_depth(text: str, loader: Any) -> None:
    """Look at the stream of events, before anything that could be larger than the text is built of it."""
    depth = 0
    for event in yaml.parse(io.StringIO(text), Loader=loader):
        if isinstance(event, yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="aliases are not allowed", problem_mark=event.start_mark)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            problem = f"nested more than {MAX_DEPTH} levels deep"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)


def _explain(path: Path, error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return f"{path}: {first_line(error)}"
    reason = getattr(error, "problem", None) or first_line(error)
    return f"{path}: line {mark.line + 1}, column {mark.column + 1}: {reason}"


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
    elif value is not None and not isinstance(value, (str, int, float)):
        yield f"{path}: got {_name(value)}, expected a plain value"


def _name(value: Any) -> str:
    return {list: "a list", str: "a text", type(None): "nothing"}.get(type(value), type(value).__name__)


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
