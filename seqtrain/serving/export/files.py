"""Write a trained network as one file, with its description and an example beside it, and replace nothing but
what an earlier export wrote. torch is imported when a network is given."""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from seqtrain.errors import ConfigError, DataError
from seqtrain.foreign import MAX_BYTES, read_regular
from seqtrain.runs.files import atomic_write, write_text
from seqtrain.serving.export.accepted import MAX_MODEL
from seqtrain.serving.export.description import beside, describe, open_description, read_description
from seqtrain.serving.export.examples import ONNX, TORCH, Runtime, write_example
from seqtrain.spec import DataSpec

if TYPE_CHECKING:
    from seqtrain.model import Ensemble, Network

SEAL = "# Written by seqtrain export; sha256 of the lines above: "
SUFFIXES = (".onnx", ".pt2")  # of the formats, which write the same names beside their model


def export_onnx(
    network: Network | Ensemble, spec: DataSpec, path: Path, quantize: bool = False
) -> list[Path]:
    """Write an ONNX file and, beside it, a JSON file with vocabularies and labels and an example in Python.

    Args:
        network: as trained.
        spec: of its data.
        path: of the file.
        quantize: whether its weights are int8, in a quarter of the bytes; see `quantize_int8`.

    Returns:
        The files that were written.

    Raises:
        ConfigError: a part of the network cannot be expressed in ONNX, or a file of that name is not an
            earlier export's; nothing has been written.
        RunError: a weight is nan or infinite.
        OSError: a file cannot be written.
    """
    from seqtrain.serving.export.network import build_onnx  # needs the package onnx

    _check(network, path)
    content = build_onnx(network, spec)
    if quantize:
        from seqtrain.serving.export.quantize import quantize_int8

        content = quantize_int8(content)
    return _write(content, network, spec, path, ONNX)


def export_torch(network: Network | Ensemble, spec: DataSpec, path: Path) -> list[Path]:
    """The same for a program of torch.export; see `export_onnx`."""
    from torch.export import save

    from seqtrain.serving.export.program import build_program

    _check(network, path)
    content = BytesIO()
    save(build_program(network, spec), content)
    return _write(content.getvalue(), network, spec, path, TORCH)


def _check(network: Network | Ensemble, path: Path) -> None:
    from seqtrain.training.checkpoint import check_finite

    check_replaceable(path)
    check_finite(network.state_dict(), "network")


def _write(
    content: bytes, network: Network | Ensemble, spec: DataSpec, path: Path, runtime: Runtime
) -> list[Path]:
    from seqtrain.model import CRFHead

    quantiles = tuple(getattr(network.head, "quantiles", ()))
    description = describe(spec, hashlib.sha256(content).hexdigest(), quantiles)
    with atomic_write(path) as file:
        file.write(content)
    description.write(beside(path))
    has_crf, per_step = isinstance(network.head, CRFHead), spec.targets.per_step
    example = write_example(path.name, description, has_crf, runtime, per_step)
    script = path.with_suffix(".py")
    write_text(script, seal(example))
    return [path, beside(path), script]


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
        read_description(path, read_regular(path, MAX_MODEL))
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
    try:
        script, found, digest = read_regular(path, MAX_BYTES).rpartition(SEAL.encode())
    except DataError:
        return False
    return bool(found) and digest.strip() == _digest(script).encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
