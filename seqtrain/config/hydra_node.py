"""Hydra's own node: dropped from what a run is given, and searched for code that it must not run."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

# Launchers and sweepers as they come with Hydra and its plugins, and what its own logging is made of. Nothing
# here writes to a file or a socket of a configuration's choice.
BUILT = ("hydra._internal.core_plugins", "hydra_plugins", "seqtrain.sweeps")
LOGGED = (
    "logging.StreamHandler",
    "logging.FileHandler",
    "logging.NullHandler",
    "logging.Formatter",
    "colorlog.ColoredFormatter",
)
LOG_FILE = "${hydra.runtime.output_dir}/${hydra.job.name}.log"
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
    """Every key by which a file would make Hydra run or write something of its choice, as "path: problem".

    Hydra acts on these before any of our own checks of `_target_`, and the file may come from an untrusted
    source.
    """
    plain = OmegaConf.to_container(hydra, resolve=False)
    for path, key, value in _items(plain, "hydra"):
        text = str(value)
        if key == "_target_":
            if not _is_in(text, [*(() if ".callbacks." in path else BUILT), *plugins]):
                yield f"{path}: {text} is not part of Hydra or its plugins; refused"
        elif "_logging." in path:
            yield from _find_foreign_logging(path, str(key), text, plugins)
        elif path.startswith("hydra.job.env_set."):
            yield f"{path}: not set here; set environment variables in your shell"
        elif path == "hydra.job.name" and "/" in text:
            yield f"{path}: got {text!r}, expected a name without /"


def _find_foreign_logging(path: str, key: str, text: str, plugins: Collection[str]) -> Iterator[str]:
    if key in ("class", "()"):
        if text not in LOGGED and not _is_in(text, plugins):
            yield f"{path}: {text} is not one of {', '.join(LOGGED)}; refused"
    elif key == "filename" and text != LOG_FILE:
        yield f"{path}: got {text!r}, expected {LOG_FILE}"
    elif text.startswith("ext://") and text not in STREAMS:
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
