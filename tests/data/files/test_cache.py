from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch

from seqtrain.data.files.downloads import cached


class Counted:
    """Computes something of a file, and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> dict[str, Any]:
        self.times += 1
        return {"numbers": torch.arange(3), "names": ["a", "b"]}


@pytest.fixture
def compute() -> Counted:
    return Counted()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_text("content")
    return path


def test_the_same_content_is_computed_once_wherever_it_lies(tmp_path: Path, file: Path, compute) -> None:
    copy = tmp_path / "copy"
    copy.write_text("content")
    for path in (file, file, copy):
        result = cached(path, "kind-1", compute, tmp_path / "cache")
        assert result["numbers"].tolist() == [0, 1, 2]
        assert result["names"] == ["a", "b"]
    assert compute.times == 1


def test_other_content_another_kind_and_other_options_are_computed(
    tmp_path: Path, file: Path, compute
) -> None:
    cached(file, "kind-1", compute, tmp_path / "cache")
    cached(file, "kind-2", compute, tmp_path / "cache")
    cached(file, "kind-1", compute, tmp_path / "cache", options="../XPOS")
    file.write_text("other content")
    cached(file, "kind-1", compute, tmp_path / "cache")
    assert compute.times == 4
    assert len(list((tmp_path / "cache").iterdir())) == 4


@pytest.mark.parametrize("damage", [b"", b"garbage", "cut off", "changed"])
def test_a_damaged_file_is_made_anew(
    tmp_path: Path, file: Path, compute, damage: bytes | str, caplog: pytest.LogCaptureFixture
) -> None:
    cached(file, "kind-1", compute, tmp_path / "cache")
    (kept,) = (tmp_path / "cache").iterdir()
    content = kept.read_bytes()
    changed = content.replace(torch.arange(3).numpy().tobytes(), torch.arange(1, 4).numpy().tobytes())
    assert changed != content
    kept.write_bytes({"cut off": content[:-200], "changed": changed}.get(damage, damage))
    with caplog.at_level(logging.WARNING):
        assert cached(file, "kind-1", compute, tmp_path / "cache")["numbers"].tolist() == [0, 1, 2]
    assert caplog.messages[0].startswith(f"ignoring the damaged file {kept} (")
    cached(file, "kind-1", compute, tmp_path / "cache")
    assert compute.times == 2


def test_a_kept_file_runs_no_code(tmp_path: Path, file: Path, compute) -> None:
    cached(file, "kind-1", compute, tmp_path / "cache")
    (kept,) = (tmp_path / "cache").iterdir()
    torch.save({"numbers": Counted()}, kept)
    assert cached(file, "kind-1", compute, tmp_path / "cache")["names"] == ["a", "b"]


def test_a_folder_that_cannot_be_written_is_done_without(file: Path, compute) -> None:
    for _ in range(2):
        assert cached(file, "kind-1", compute, file / "below a file")["names"] == ["a", "b"]
    assert compute.times == 2


def test_half_a_file_is_never_left(tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(KeyboardInterrupt):
        cached(file, "kind-1", Counted(), tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_the_user_has_one_cache_folder(tmp_path: Path, file: Path, compute, monkeypatch) -> None:
    monkeypatch.setattr("pooch.os_cache", lambda name: tmp_path / "user" / name)
    cached(file, "kind-1", compute)
    assert len(list((tmp_path / "user" / "seqtrain").glob("kind-1-*.pt"))) == 1
