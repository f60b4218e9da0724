from __future__ import annotations

import os
from pathlib import Path

import pytest

from seqtrain.config import ConfigError
from seqtrain.runs.find import choose_checkpoint, find_run_folder
from seqtrain.runs.folder import RunFolder


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def add_run(path: str, finished_at: int | None = None) -> None:
    """A run folder, unfinished unless it has a time."""
    folder = Path(path)
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("seed: 0\n")
    if finished_at is not None:
        (folder / "metrics.json").write_text("{}\n")
        os.utime(folder / "metrics.json", (finished_at, finished_at))


def problem(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        find_run_folder(text)
    (found,) = caught.value.problems
    return found


class TestPath:
    @pytest.mark.parametrize("finished_at", [None, 100])
    def test_a_run_folder(self, finished_at: int | None) -> None:
        add_run("runs/pos/lstm/a", finished_at)
        assert find_run_folder("runs/pos/lstm/a").path == Path("runs/pos/lstm/a")

    def test_a_folder_called_latest(self) -> None:
        add_run("latest")
        assert find_run_folder("./latest").path == Path("latest")

    def test_a_folder_that_does_not_exist(self) -> None:
        assert problem("x") == (
            "run_dir: x is not a run folder: it does not exist; give a folder of runs/, or run_dir=latest"
        )

    def test_a_file(self) -> None:
        add_run("a")
        assert problem("a/config.yaml") == (
            "run_dir: a/config.yaml is not a run folder: it is a file; give the folder that holds config.yaml"
        )

    def test_a_folder_of_run_folders(self) -> None:
        add_run("runs/pos/lstm/a")
        add_run("runs/pos/lstm/b")
        assert problem("runs/pos/lstm") == (
            "run_dir: runs/pos/lstm is not a run folder: it holds 2 of them; "
            "give one, such as runs/pos/lstm/b"
        )

    def test_any_other_folder(self) -> None:
        Path("photos").mkdir()
        assert problem("photos") == (
            "run_dir: photos is not a run folder: it has no config.yaml; "
            "give a folder of runs/, or run_dir=latest"
        )


class TestLatest:
    def test_the_run_that_finished_last(self) -> None:
        add_run("runs/pos/lstm/a", 100)
        add_run("runs/digits/gru/b", 300)
        add_run("runs/sweeps/s/0", 200)
        assert find_run_folder("latest").path == Path("runs/digits/gru/b")

    def test_of_a_task_and_a_model(self) -> None:
        add_run("runs/pos/lstm/a", 100)
        add_run("runs/pos/gru/b", 200)
        add_run("runs/digits/gru/c", 300)
        assert find_run_folder("latest:pos/lstm").path == Path("runs/pos/lstm/a")
        assert find_run_folder("latest:pos").path == Path("runs/pos/gru/b")

    def test_unfinished_runs_do_not_count(self) -> None:
        add_run("runs/pos/lstm/a", 100)
        add_run("runs/pos/lstm/b")
        assert find_run_folder("latest").path == Path("runs/pos/lstm/a")

    def test_of_two_that_finished_together_the_last_by_name(self) -> None:
        add_run("runs/pos/lstm/a", 100)
        add_run("runs/pos/lstm/b", 100)
        assert find_run_folder("latest").path == Path("runs/pos/lstm/b")

    def test_none_has_finished(self) -> None:
        add_run("runs/pos/lstm/a")
        assert problem("latest") == (
            "run_dir: there is no finished run under runs; train one first, or give the path of a run folder"
        )

    def test_none_of_this_kind_has_finished(self) -> None:
        add_run("runs/pos/lstm/a", 100)
        add_run("runs/digits/gru/b", 100)
        assert problem("latest:pos/bilstm") == (
            "run_dir: there is no finished run under runs/pos/bilstm; there are digits/gru, pos/lstm"
        )

    @pytest.mark.parametrize("group", ["/etc", "../elsewhere"])
    def test_outside_of_runs(self, group: str) -> None:
        assert problem(f"latest:{group}") == (
            f"run_dir: got latest:{group}, expected latest:TASK/MODEL, a folder of runs/"
        )


def test_the_best_checkpoint_unless_one_is_given(tmp_path: Path) -> None:
    folder, other = RunFolder(tmp_path / "run"), tmp_path / "other.ckpt"
    for path in (folder.best_checkpoint, other):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert choose_checkpoint(folder) == folder.best_checkpoint
    assert choose_checkpoint(folder, str(other)) == other


def test_a_checkpoint_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        choose_checkpoint(RunFolder(tmp_path), tmp_path)
    assert caught.value.problems == (
        f"checkpoint: {tmp_path} does not exist; train first, or give checkpoint=FILE",
    )
