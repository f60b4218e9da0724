"""Read a YAML file of plain values that may come from an untrusted source, in bounded time and memory."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from omegaconf._utils import get_yaml_loader  # in every 2.3, to which pyproject.toml keeps OmegaConf

from seqtrain.config.problems import ConfigError, first_line, show
from seqtrain.config.resolve import Tree

MAX_BYTES = 1_000_000  # the configuration of a run has about 3,000
MAX_DEPTH = 30


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
    problems = [f"{path}: {problem}" for problem in _find_strange_values(tree, "")]
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
    place = f"{path}: line {mark.line + 1}, column {mark.column + 1}"
    return f"{place}: {getattr(error, 'problem', None) or first_line(error)}"


def _find_strange_values(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, child in value.items():
            if not isinstance(key, str):
                yield f"{path or 'the top level'}: the key {show(key)} is not a text"
            else:
                yield from _find_strange_values(child, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for number, child in enumerate(value):
            yield from _find_strange_values(child, f"{path}[{number}]")
    elif value == "???":
        yield f"{path}: has no value (???)"
    elif isinstance(value, str) and "${" in value:
        yield f"{path}: got {show(value)}; a run folder's configuration holds no interpolations"
    elif value is not None and not isinstance(value, (str, int, float)):
        yield f"{path}: got {_name(value)}, expected a plain value"


def _name(value: Any) -> str:
    return {list: "a list", str: "a text", type(None): "nothing"}.get(type(value), type(value).__name__)
