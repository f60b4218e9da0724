"""Write a trained network as one file, with its description and an example beside it."""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path

from seqtrain.model import CRFHead, Ensemble, Network
from seqtrain.runs.files import atomic_write, write_text
from seqtrain.serving.export.description import beside, describe
from seqtrain.serving.export.earlier import check_replaceable, seal
from seqtrain.serving.export.examples import ONNX, TORCH, Runtime, write_example
from seqtrain.spec import DataSpec
from seqtrain.training.checkpoint import check_finite


def export_onnx(network: Network | Ensemble, spec: DataSpec, path: Path) -> list[Path]:
    """Write an ONNX file and, beside it, a JSON file with vocabularies and labels and an example in Python.

    Returns:
        The files that were written.

    Raises:
        ConfigError: a part of the network cannot be expressed in ONNX, or a file of that name is not an
            earlier export's; nothing has been written.
        RunError: a weight is nan or infinite.
        OSError: a file cannot be written.
    """
    from seqtrain.serving.export.network import build_onnx  # needs the package onnx

    check_replaceable(path)
    check_finite(network.state_dict(), "network")
    return _write(build_onnx(network, spec), network, spec, path, ONNX)


def export_torch(network: Network | Ensemble, spec: DataSpec, path: Path) -> list[Path]:
    """The same for a program of torch.export; see `export_onnx`."""
    from torch.export import save

    from seqtrain.serving.export.program import build_program

    check_replaceable(path)
    check_finite(network.state_dict(), "network")
    content = BytesIO()
    save(build_program(network, spec), content)
    return _write(content.getvalue(), network, spec, path, TORCH)


def _write(
    content: bytes, network: Network | Ensemble, spec: DataSpec, path: Path, runtime: Runtime
) -> list[Path]:
    description = describe(spec, hashlib.sha256(content).hexdigest())
    with atomic_write(path) as file:
        file.write(content)
    description.write(beside(path))
    example = write_example(path.name, description, isinstance(network.head, CRFHead), runtime)
    script = path.with_suffix(".py")
    write_text(script, seal(example))
    return [path, beside(path), script]
