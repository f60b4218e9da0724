"""`where=`: which runs to report on."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

import yaml  # type: ignore[import-untyped]

from seqtrain.config import ConfigError
from seqtrain.runs.report.axes import find_key, show_value
from seqtrain.runs.report.collect import Run

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
        key = find_key(name, dict.fromkeys(key for run in runs for key in run.config), "where")
        kept = [run for run in kept if _meets(run, key, sign, value)]
    return kept


def _meets(run: Run, key: str, sign: str, text: str) -> bool:
    there, wanted = run.config.get(key), yaml.safe_load(text)
    if _is_number(there) and _is_number(wanted):
        return OPERATORS[sign](there, wanted)
    if sign not in ("=", "!="):
        return False
    names = {show_value(run.config, key).lower(), str(there).lower()}
    return (text.lower() in names) == (sign == "=")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
