"""The way from .npz files to the classes of sequences, or of their time steps."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from seqtrain.errors import printable_line
from seqtrain.predictions import Answer, Predicts


def label_files(predictor: Predicts, sources: Sequence[str], form: str) -> Iterator[str]:
    """The answers to the sequences of files; see `seqtrain.data.read_sequences`.

    Raises:
        DataError: a file cannot be read, or has other features than the model was trained on.
    """
    for source in sources:
        for number, answer in enumerate(predictor.label(Path(source))):
            yield _format(f"{source}[{number}]", answer, form)


def _format(name: str, answer: Answer, form: str) -> str:
    if form == "json":
        plain = {"input": name, "labels": answer.names, "confidences": answer.confidences}
        return json.dumps(plain, ensure_ascii=False) + "\n"
    pairs = zip(answer.names, answer.confidences, strict=True)
    return "".join(printable_line(f"{name}  {label}  {share:.4f}") + "\n" for label, share in pairs)
