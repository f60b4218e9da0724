"""Hydra's own node: files may set it, but name no code outside Hydra, its plugins and the user's own."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from omegaconf import DictConfig, OmegaConf

# Launchers, sweepers and callbacks as they come with Hydra, and the classes that its logging is made of.
BUILT = ("hydra._internal.core_plugins", "hydra.experimental.callbacks", "hydra_plugins", "optuna")
LOGGED = ("logging", "colorlog")
STREAMS = ("ext://sys.stdout", "ext://sys.stderr")


def find_foreign_code(hydra: DictConfig, plugins: Collection[str]) -> Iterator[str]:
    """Every key by which a file would have Hydra run something else, as "path: problem".

    Hydra builds these before any of our own checks of `_target_`: a folder that came from somebody else
    must not get round those.
    """
    for path, key, value in _items(OmegaConf.to_container(hydra, resolve=False), "hydra"):
        text = str(value)
        if key == "_target_":
            if not _is_in(text, [*BUILT, *plugins]):
                yield f"{path}: {text} is no part of Hydra or its plugins, and not built"
        elif "_logging." in path and key in ("class", "()"):
            if not _is_in(text, [*LOGGED, *plugins]):
                yield f"{path}: {text} is no class of logging, and not built"
        elif "_logging." in path and text.startswith("ext://") and text not in STREAMS:
            yield f"{path}: got {text!r}, expected one of {', '.join(STREAMS)}"


def _is_in(name: str, packages: Collection[str]) -> bool:
    return any(name.startswith(f"{package}.") for package in packages)


def _items(node: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in pairs:
        where = f"{path}.{key}"
        if isinstance(value, (dict, list)):
            yield from _items(value, where)
        else:
            yield where, key, value
