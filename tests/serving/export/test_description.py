from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from seqtrain.errors import DataError
from seqtrain.serving.export.description import Description, beside, read_description

CONTENT = b"a model"
DESCRIPTION = Description(
    labels=("NOUN", "VERB"),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    words={"caf\u00e9": 2},
    characters={"c": 2},
    column="UPOS",
)


def refusal(model: Path, **changes: object) -> str:
    plain = json.loads(beside(model).read_text(encoding="utf-8")) | changes
    beside(model).write_text(json.dumps(plain), encoding="utf-8")
    with pytest.raises(DataError) as refused:
        read_description(model, CONTENT)
    return str(refused.value).removeprefix(f"{beside(model)}: ")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    DESCRIPTION.write(tmp_path / "tagger.json")
    return tmp_path / "tagger.onnx"


def test_what_is_written_is_read(model: Path) -> None:
    assert read_description(model, CONTENT) == DESCRIPTION


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("labels", "NOUN"),
        ("words", {"a": -1}),
        ("characters", None),
        ("image_size", [8]),
        ("num_features", 0),
        ("column", "HEAD"),
        ("unknown", True),
    ],
)
def test_values_of_another_kind_are_refused(model: Path, key: str, value: object) -> None:
    assert refusal(model, **{key: value}) == f"was not written by `seqtrain export`: {key}"


def test_another_version_is_refused(model: Path) -> None:
    assert refusal(model, version=2) == "has version 2, expected 1; export the model again"


def test_further_keys_are_refused(model: Path) -> None:
    assert refusal(model, more=1) == "was not written by `seqtrain export`"
