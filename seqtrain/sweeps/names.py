"""Names of sweeps and of their jobs, made of what varies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from seqtrain.runs.identity import content_key
from seqtrain.runs.report.axes import short_names

LONGEST = 120  # characters; file systems allow 255 bytes, and a path has other parts


def name_sweep(task: str, axes: Iterable[str]) -> str:
    """`digits-model,hidden_size,seed`: the same for other values, so that the same folder is found again."""
    return "-".join(filter(None, [task, _clean(",".join(short_names(list(axes)).values()))]))


def name_job(values: Mapping[str, str], config: Mapping[str, Any]) -> str:
    """`model=lstm,hidden_size=64,seed=1-3f2a`: the values of the axes, and the key of all of the content."""
    names = short_names(list(values))
    readable = ",".join(f"{names[key]}={value}" for key, value in values.items())
    return "-".join(filter(None, [_clean(readable), content_key(config)]))


def _clean(name: str) -> str:
    """Without characters that a shell or a file system would interpret."""
    return re.sub(r"[^\w.,=+-]+", "_", name)[:LONGEST]
