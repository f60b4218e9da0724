"""Which files an export may replace: those of an earlier one, and nothing else. Needs no torch."""

from __future__ import annotations

import hashlib
from pathlib import Path

from seqtrain.config import ConfigError
from seqtrain.errors import DataError
from seqtrain.serving.export.description import beside, open_description, read_description

SEAL = "# Written by seqtrain export; sha256 of the lines above: "
SUFFIXES = (".onnx", ".pt2")  # of the formats, which write the same names beside their model


def seal(script: str) -> str:
    """The script with a last line that tells whether it was changed."""
    return f"{script}{SEAL}{_digest(script.encode())}\n"


def check_replaceable(model: Path) -> None:
    """Refuse to write a model where it, or what is written beside it, would replace a file of the user's.

    An earlier export is recognized by its content: the JSON file is a description, with the checksum of the
    model, and the script ends with a checksum of its own.

    Raises:
        ConfigError: with each file in the way; nothing has been written.
    """
    problems = [
        f"output: {model.stem}.json and {model.stem}.py belong to {other}; give another name"
        for other in map(model.with_suffix, SUFFIXES)
        if other != model and other.exists()
    ]
    if not problems:
        checks = {model: _is_model, beside(model): _is_description, model.with_suffix(".py"): _is_script}
        problems = [
            f"output: {path} would be replaced, and it is not what an earlier export wrote; move it, or give "
            "another name"
            for path, is_own in checks.items()
            if (path.exists() or path.is_symlink()) and not (path.is_file() and is_own(path))
        ]
    if problems:
        raise ConfigError(problems)


def _is_model(path: Path) -> bool:
    try:
        read_description(path, path.read_bytes())
    except DataError:
        return False
    return True


def _is_description(path: Path) -> bool:
    try:
        open_description(path)
    except DataError:
        return False
    return True


def _is_script(path: Path) -> bool:
    script, found, digest = path.read_bytes().rpartition(SEAL.encode())
    return bool(found) and digest.strip() == _digest(script).encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
