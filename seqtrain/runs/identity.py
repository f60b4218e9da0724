"""The identity of a run: its configuration without paths, and a key derived from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from seqtrain.config.tree import MOVED

RUN_DIR, DATA_DIR = "RUN_DIR", "DATA_DIR"  # placeholders for folders that do not change a run


def without_paths(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with its run folder and its data folder, and paths below them, replaced by words."""
    places = {str(config["run_dir"]): RUN_DIR, str(config["data_dir"]): DATA_DIR}

    def placed(node: Any) -> Any:
        if isinstance(node, Mapping):
            return {key: placed(value) for key, value in node.items()}
        if isinstance(node, str):
            for own, common in places.items():
                if node == own or node.startswith(f"{own}/"):
                    return f"{common}{node[len(own) :]}"
        return node

    return {str(key): placed(value) for key, value in config.items()}


def content_key(config: Mapping[str, Any]) -> str:
    """Four hexadecimal digits of the content; equal configurations in different places have equal keys."""
    text = json.dumps(without_paths(config), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:4]


def plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration as dicts, lists and values, without Hydra's own node."""
    return {str(key): _plain(value) for key, value in config.items() if key != "hydra"}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(each) for each in value]
    return value


def flat(node: Any, path: str = "") -> dict[str, Any]:
    """The leaves of a tree by dotted key; lists and empty mappings are leaves.

    Classes that have moved since a run was written have their present names.
    """
    if not isinstance(node, dict) or not node:
        return {path: MOVED.get(str(node), node) if path.endswith("_target_") else node}
    leaves: dict[str, Any] = {}
    for key, value in node.items():
        leaves |= flat(value, f"{path}.{key}" if path else str(key))
    return leaves
