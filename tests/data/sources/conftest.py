"""A small treebank, and the source that reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from made_up_treebank import conllu

from seqtrain.data import Treebank


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "ud_small"
    folder.mkdir()
    train = conllu("The/DET dog/NOUN Runs/VERB", "the/DET runs/NOUN end/VERB", "run/VERB")
    (folder / "xx_small-ud-train.conllu").write_text(train)
    (folder / "xx_small-ud-dev.conllu").write_text(conllu("RUNS/VERB the/DET cat/NOUN"))
    (folder / "xx_small-ud-test.conllu").write_text(conllu("cat/NOUN", "dog/NOUN runs/VERB"))
    return folder


@pytest.fixture
def source(folder: Path):
    def build(**options: Any) -> Treebank:
        defaults = {"treebank": "ud_small", "batch_size": 2, "eval_batch_size": 2}
        place = folder.parent
        return Treebank(data_dir=place, cache_dir=place / "cache", **{**defaults, **options})

    return build
