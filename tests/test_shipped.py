from __future__ import annotations

from pathlib import Path

import pytest

from seqtrain import shipped
from seqtrain.shipped import shipped_folder


def test_the_folder_of_the_wheel_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "PACKAGE", tmp_path / "package")
    assert shipped_folder("configs", "other/configs") == tmp_path / "other" / "configs"
    (tmp_path / "package" / "configs").mkdir(parents=True)
    assert shipped_folder("configs", "other/configs") == tmp_path / "package" / "configs"


def test_the_configuration_of_this_clone() -> None:
    assert (shipped_folder("configs", "configs") / "config.yaml").is_file()
