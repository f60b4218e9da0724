from __future__ import annotations

from pathlib import Path

import pytest

import seqtrain
from seqtrain.serving.predictor import Predictor


@pytest.fixture(scope="module")
def tagger(trained_pos: Path) -> Predictor:
    return seqtrain.load(trained_pos)


@pytest.fixture(scope="module")
def classifier(trained_digits: Path) -> Predictor:
    return seqtrain.load(trained_digits)
