"""Fixtures that several areas share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder that holds English-EWT and MNIST."""
    name = os.environ.get("SEQTRAIN_DATA_DIR")
    if not name:
        pytest.skip("SEQTRAIN_DATA_DIR is not set: no English-EWT and no MNIST to test with")
    folder = Path(name)
    for part in ("ud_english_ewt", "mnist"):
        if not (folder / part).is_dir():
            pytest.skip(f"{folder} holds no {part}")
    return folder
