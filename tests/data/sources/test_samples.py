from __future__ import annotations

from pathlib import Path

import pytest

from seqtrain import shipped
from seqtrain.data import Treebank, sample_dir


def test_the_sample_is_found_by_its_name(tmp_path: Path) -> None:
    folder = sample_dir("pos_sample")
    assert folder is not None
    assert len(list(folder.glob("*.conllu"))) == 3
    assert sample_dir("another") is None
    source = Treebank(
        data_dir=tmp_path, treebank="pos_sample", batch_size=16, eval_batch_size=256, cache_dir=tmp_path
    )
    splits = source.load().splits
    assert [len(splits[name].lengths) >= 100 for name in ("train", "dev", "test")] == [True] * 3


def test_an_installed_package_looks_into_itself_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site-packages" / "seqtrain"
    monkeypatch.setattr(shipped, "PACKAGE", package)
    inside, beside = package / "samples" / "a", package.parent / "data" / "samples" / "a"
    beside.mkdir(parents=True)
    assert sample_dir("a") == beside
    inside.mkdir(parents=True)
    assert sample_dir("a") == inside
