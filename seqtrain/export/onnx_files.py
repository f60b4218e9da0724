"""Write a trained network as an ONNX file, with its description and an example beside it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from seqtrain.export.description import Description, beside
from seqtrain.export.examples import write_example
from seqtrain.export.network import build_onnx
from seqtrain.model import CRFHead, Ensemble, Network
from seqtrain.records import DataSpec, Vocabulary
from seqtrain.runs.files import atomic_write, write_text


def export_onnx(network: Network | Ensemble, spec: DataSpec, path: Path) -> list[Path]:
    """Write `path` and, beside it, a JSON file with vocabularies and labels and an example in Python.

    Returns:
        The files that were written.

    Raises:
        ConfigError: a part of the network cannot be expressed in ONNX.
        OSError: a file cannot be written.
    """
    content = build_onnx(network, spec)
    description = Description(
        labels=spec.target_names,
        sha256=hashlib.sha256(content).hexdigest(),
        words=_ids(spec.words),
        characters=_ids(spec.characters),
        image_size=spec.image_size,
        num_features=spec.feature_size if spec.image_size is None else None,
        column=spec.column,
    )
    with atomic_write(path) as file:
        file.write(content)
    description.write(beside(path))
    example = write_example(path.stem, description, isinstance(network.head, CRFHead))
    script = path.with_suffix(".py")
    write_text(script, example)
    return [path, beside(path), script]


def _ids(vocabulary: Vocabulary | None) -> dict[str, int] | None:
    return None if vocabulary is None else dict(vocabulary.index())
