"""Hydra's own node: dropped from what a run is given, and searched for code that it must not run."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

# Launchers, sweepers and callbacks as they come with Hydra, and the classes that its logging is made of.
BUILT = ("hydra._internal.core_plugins", "hydra.experimental.callbacks", "hydra_plugins", "seqtrain.sweeps")
LOGGED = ("logging", "colorlog")
STREAMS = ("ext://sys.stdout", "ext://sys.stderr")


def keys_of_run(cfg: DictConfig) -> list[Any]:
    """The keys that belong to the run and not to Hydra."""
    return [key for key in cfg if key != "hydra"]


def without_hydra(cfg: DictConfig) -> DictConfig:
    """A copy without Hydra's node, to change; it accepts new keys."""
    mine = copy.deepcopy(OmegaConf.masked_copy(cfg, keys_of_run(cfg)))
    OmegaConf.set_struct(mine, False)
    return mine


@contextmanager
def hydra_config_of(cfg: DictConfig) -> Iterator[None]:
    """Within it, `${hydra:...}` refers to the `hydra` node of `cfg`."""
    instance = HydraConfig.instance()
    before = instance.cfg
    instance.set_config(cfg)
    try:
        yield
    finally:
        instance.cfg = before


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
