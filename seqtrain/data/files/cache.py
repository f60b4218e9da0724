"""Results computed from files, cached by the content of the file."""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from seqtrain.data.files.text import open_regular
from seqtrain.runs.files import atomic_write

log = logging.getLogger(__name__)

BLOCK_BYTES = 1 << 20


def cached(
    path: Path,
    kind: str,
    compute: Callable[[], dict[str, Any]],
    cache_dir: str | Path | None = None,
    options: str = "",
) -> dict[str, Any]:
    """The result of `compute` for the file at `path`: tensors, strings and numbers in a dict.

    The result is stored in `cache_dir` (by default the user's cache folder) under `kind` and the sha256 of
    `options` and the file's content, so that it is valid wherever the file is. An entry starts with the
    sha256 of the rest; a damaged one is computed again. If the folder cannot be written, nothing is cached.
    """
    place = cache_folder(cache_dir) / f"{kind}-{_checksum(path, options)}.pt"
    if place.exists():
        try:
            return _read(place)
        except Exception as error:  # damage raises any of a dozen types
            log.warning("ignoring the damaged file %s (%s)", place, type(error).__name__)
    result = compute()
    try:
        _write(result, place)
    except OSError as error:
        log.info("not caching %s: %s", place, error)
    return result


def cache_folder(cache_dir: str | Path | None) -> Path:
    if cache_dir is not None:
        return Path(cache_dir)
    import pooch

    return Path(pooch.os_cache("seqtrain"))


def _checksum(path: Path, options: str) -> str:
    digest = hashlib.sha256(options.encode())
    with open_regular(path) as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _read(place: Path) -> dict[str, Any]:
    with open_regular(place) as file:
        expected, content = file.read(hashlib.sha256().digest_size), file.read()
    if hashlib.sha256(content).digest() != expected:
        raise ValueError("the checksum is wrong")
    return dict(torch.load(io.BytesIO(content), weights_only=True))


def _write(result: dict[str, Any], place: Path) -> None:
    content = io.BytesIO()
    torch.save(result, content)
    place.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(place, shared=True) as file:
        file.write(hashlib.sha256(content.getbuffer()).digest())
        file.write(content.getbuffer())
