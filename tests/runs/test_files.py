from __future__ import annotations

import os
from pathlib import Path

import pytest

from seqtrain.runs.files import as_typed, atomic_write, write_text


def test_the_content_appears_only_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with atomic_write(path) as file:
        file.write(b"ne")
        file.flush()
        assert path.read_text() == "old"
        assert (tmp_path / "a.txt.partial").read_text() == "ne"
        file.write(b"w")
    assert path.read_text() == "new"
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]


def _fail_halfway(path: Path, error: type[BaseException]) -> None:
    with atomic_write(path) as file:
        file.write(b"half")
        raise error


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_leaves_the_old_content(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(error):
        _fail_halfway(path, error)
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]


def test_a_temporary_file_left_by_a_kill_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.txt.partial").write_text("a longer text of a process that was killed")
    write_text(tmp_path / "a.txt", "caf\u00e9")
    assert (tmp_path / "a.txt").read_bytes() == b"caf\xc3\xa9"
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]


def test_processes_that_write_one_file_have_their_own_temporary_files(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with atomic_write(path, shared=True) as file:
        file.write(b"mine")
        assert (tmp_path / f"a.txt.{os.getpid()}.partial").exists()
    assert path.read_text() == "mine"


def test_file_and_folder_are_flushed_to_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed = []

    def note(descriptor: int) -> None:
        flushed.append(Path(f"/proc/self/fd/{descriptor}").readlink())

    monkeypatch.setattr(os, "fsync", note)
    write_text(tmp_path / "a.txt", "text")
    assert flushed == [tmp_path / "a.txt.partial", tmp_path]


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_text(tmp_path / "none" / "a.txt", "text")


def test_a_path_is_shown_as_it_would_be_typed_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert as_typed(tmp_path / "runs" / "pos") == "runs/pos"
    assert as_typed("runs/pos") == "runs/pos"
    assert as_typed("/elsewhere/runs") == "/elsewhere/runs"
    assert as_typed(tmp_path.parent / "other") == str(tmp_path.parent / "other")
