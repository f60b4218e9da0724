"""The keys of configurations: which of them differ, how they are named, which runs `where=` chooses."""

from __future__ import annotations

import json
import operator
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from seqtrain.config import ConfigError
from seqtrain.errors import nearest
from seqtrain.foreign import as_value
from seqtrain.runs.report.collect import Run

Config = Mapping[str, Any]  # by dotted key

TARGET = "._target_"
MAX_SHOWN = 200  # letters of a value
ABSENT = object()  # the value of a key that a configuration does not have


def find_axes(configs: Sequence[Config]) -> list[str]:
    """The keys in which configurations differ, without the seed and without what another key implies.

    A key that is constant for each class of its node adds nothing to the class: `bidirectional`
    where an LSTM is compared with a BiLSTM. Numbers are an exception, since they were chosen: a smaller
    `hidden_size` for the BiLSTM. A key that has the value of an earlier one in every run is left out too:
    the peak of a schedule that follows the learning rate.
    """
    keys = [key for key in dict.fromkeys(key for config in configs for key in config) if key != "seed"]
    # Classes first, since they explain the keys of their node, and of these the backbone.
    keys.sort(key=lambda key: (not key.endswith(TARGET), not key.startswith("model.")))
    axes: dict[tuple[str, ...], str] = {}
    for key in keys:
        if _is_constant(configs, key):
            continue
        values = tuple(comparable(config, key) for config in configs)
        if not _is_implied(configs, key):
            axes.setdefault(values, key)
    # Columns keep the order of the nodes in a configuration.
    nodes = dict.fromkeys(each.split(".")[0] for config in configs for each in config)
    rank = {node: number for number, node in enumerate(nodes)}
    return sorted(axes.values(), key=lambda key: (rank[key.split(".")[0]], not key.endswith(TARGET)))


def _is_constant(configs: Sequence[Config], key: str) -> bool:
    first = configs[0].get(key, ABSENT)
    kind = type(first)  # 1, 1.0 and True are equal, but not the same
    return all(type(value := config.get(key, ABSENT)) is kind and value == first for config in configs)


def _is_implied(configs: Sequence[Config], key: str) -> bool:
    """Whether other keys determine this one: the class of its node, or `parameters` the hidden size."""
    if key == "model.hidden_size" and all(config.get("parameters") for config in configs):
        return True
    if key.endswith(TARGET) or all(_is_number(config.get(key)) for config in configs):
        return False
    target = key.rpartition(".")[0] + TARGET
    values: dict[str, set[str]] = {}
    for config in configs:
        values.setdefault(comparable(config, target), set()).add(comparable(config, key))
    return len(values) > 1 and all(len(each) == 1 for each in values.values())


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def comparable(config: Config, key: str) -> str:
    """A text for the value of a key, equal for equal values."""
    return json.dumps(config[key], default=str) if key in config else "absent"


def group_key(config: Config) -> str:
    """A text for a configuration, equal for runs that differ in nothing but their seed."""
    return json.dumps({key: value for key, value in config.items() if key != "seed"}, default=str)


def show_value(config: Config, key: str) -> str:
    """A value as a column shows it: a class by its name alone, a missing key as a dash."""
    value = config.get(key, ABSENT)
    if value is ABSENT:
        return "-"
    if key.endswith("_target_"):
        return str(value).rpartition(".")[2]
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value)


def brief(config: Config, key: str) -> str:
    """The same, short enough for a column or a label."""
    text = show_value(config, key)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}\N{HORIZONTAL ELLIPSIS}"


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """Each key's last word, or the whole key where another has the same; a class by the name of its node."""
    whole = {key: key.removesuffix(TARGET) for key in keys}
    last = {key: name.rpartition(".")[2] for key, name in whole.items()}
    endings = Counter(last.values())
    return {key: last[key] if endings[last[key]] == 1 else whole[key] for key in keys}


def find_key(name: str, configs: Sequence[Config], argument: str) -> str:
    """The dotted key that a person means by `model`, `hidden_size` or `model.hidden_size`. If several keys
    match, it is the only one of them in which the runs differ.

    Raises:
        ConfigError: no key or several keys have this name.
    """
    keys = dict.fromkeys(key for config in configs for key in config)
    for exact in (name, name + TARGET):
        if exact in keys:
            return exact
    ending = [key for key in keys if key.endswith(f".{name}") or key.endswith(f".{name}{TARGET}")]
    varied = [key for key in ending if not _is_constant(configs, key)]
    for found in (ending, varied):
        if len(found) == 1:
            return found[0]
    if ending:
        raise ConfigError([f"{argument}: {name} could be {' or '.join(sorted(ending))}; give the whole key"])
    near = nearest(name, [key.removesuffix(TARGET) for key in keys])
    hint = f"; did you mean {near}?" if near else ""
    raise ConfigError([f"{argument}: no run has the configuration key {name!r}{hint}"])


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
CONDITION = re.compile(r"([\w./]+)(!=|<=|>=|=|<|>)(.+)")


def filter_runs(runs: Sequence[Run], where: str) -> list[Run]:
    """The runs that meet all conditions, as in `model=lstm,model.hidden_size>=64`.

    Raises:
        ConfigError: a condition that cannot be read, or a key that no run has.
    """
    kept = list(runs)
    for text in where.split(","):
        match = CONDITION.fullmatch(text.strip())
        if match is None:
            raise ConfigError([f"where: got {text!r}, expected KEY=VALUE (or !=, <, <=, >, >=)"])
        name, sign, value = match.groups()
        key = find_key(name, [run.config for run in runs], "where")
        try:
            wanted = as_value(value.strip())
        except ValueError as error:
            raise ConfigError([f"where: {name}: {error}"]) from None
        kept = [run for run in kept if _meets(run, key, sign, value, wanted)]
    return kept


def _meets(run: Run, key: str, sign: str, text: str, wanted: Any) -> bool:
    value = run.config.get(key)
    if _is_number(value) and _is_number(wanted):
        return OPERATORS[sign](value, wanted)
    if sign not in ("=", "!="):
        return False
    names = {show_value(run.config, key).lower(), str(value).lower()}
    return (text.lower() in names) == (sign == "=")
