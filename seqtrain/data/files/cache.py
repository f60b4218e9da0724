"""What was computed from a file, kept by the file's content."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from seqtrain.runs.files import atomic_write

log = logging.getLogger(__name__)


def cached(
    path: Path, kind: str, compute: Callable[[], dict[str, Any]], cache_dir: str | Path | None = None
) -> dict[str, Any]:
    """What `compute` makes of the file at `path`: tensors, strings and numbers in a dict.

    The result is kept in `cache_dir` (by default the user's cache folder) under `kind` and the sha256 of the
    file's content, so that it is right wherever the file lies. A kept result that cannot be read is made
    anew; a folder that cannot be written is done without.
    """
    place = cache_folder(cache_dir) / f"{kind}-{hashlib.sha256(path.read_bytes()).hexdigest()}.pt"
    if place.exists():
        try:
            return dict(torch.load(place, weights_only=True))
        except Exception as error:  # damage shows as any of a dozen types
            log.warning("ignoring the damaged file %s (%s)", place, type(error).__name__)
    result = compute()
    try:
        _write(result, place)
    except OSError as error:
        log.info("not keeping %s: %s", place, error)
    return result


def cache_folder(cache_dir: str | Path | None) -> Path:
    if cache_dir is not None:
        return Path(cache_dir)
    import pooch

    return Path(pooch.os_cache("seqtrain"))


def _write(result: dict[str, Any], place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(place, shared=True) as file:
        torch.save(result, file)
