from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from choosing import choose_run_folder, chosen_folder
from omegaconf import DictConfig

from seqtrain.config import ConfigError
from seqtrain.runs import find
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

    def test_runs_with_a_folder_of_their_own(self, tmp_path: Path) -> None:
        add_run("runs/mine", 100)
        add_run("elsewhere/theirs", 200)
        assert find_run_folder("latest").path == find_run_folder("latest:mine").path == Path("runs/mine")
        assert find_run_folder("latest:elsewhere").path == Path("elsewhere/theirs")
        assert find_run_folder(f"latest:{tmp_path}/elsewhere").path == tmp_path / "elsewhere" / "theirs"
        assert problem("latest:pos") == "run_dir: there is no finished run under runs/pos; there are mine"

    def test_without_runs_no_other_folder_is_searched(self) -> None:
        add_run("elsewhere/theirs", 200)
        assert problem("latest").startswith("run_dir: there is no finished run under runs; ")


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


Begin = Callable[..., RunFolder]


class TestChoice:
    def test_a_first_run_gets_the_folder_of_its_configuration(self, cfg: DictConfig) -> None:
        folder = choose_run_folder(cfg, is_given=False)
        assert folder.path == Path(cfg.run_dir)
        assert folder.path.is_dir()

    def test_two_runs_of_one_second_get_two_folders(self, cfg: DictConfig) -> None:
        folders = [choose_run_folder(cfg, is_given=False).path for _ in range(3)]
        assert [each.name for each in folders] == [f"2024-01-01_00-00-00{end}" for end in ("", "_2", "_3")]

    def test_an_unfinished_run_goes_on(self, cfg: DictConfig, begin: Begin) -> None:
        unfinished = begin("2023-01-01_00-00-00")
        assert choose_run_folder(cfg, is_given=False).path == unfinished.path
        assert not Path(cfg.run_dir).exists()

    def test_the_latest_of_several_goes_on(self, cfg: DictConfig, begin: Begin) -> None:
        begin("2023-01-01_00-00-00")
        latest = begin("2023-02-01_00-00-00")
        begin("2023-03-01_00-00-00", seed=1)
        assert choose_run_folder(cfg, is_given=False).path == latest.path

    def test_a_finished_run_stays_alone(self, cfg: DictConfig, begin: Begin) -> None:
        begin("2023-01-01_00-00-00").write_metrics({"val/accuracy": 1.0})
        assert choose_run_folder(cfg, is_given=False).path == Path(cfg.run_dir)

    @pytest.mark.parametrize(
        "changed", [{"seed": 1}, {"model": {"hidden_size": 5}}, {"logger": {}}, {"more": 1}]
    )
    def test_a_run_of_another_configuration_stays_alone(
        self, cfg: DictConfig, begin: Begin, changed: dict
    ) -> None:
        begin("2023-01-01_00-00-00", **changed)
        assert choose_run_folder(cfg, is_given=False).path == Path(cfg.run_dir)

    def test_a_run_that_runs_now_stays_alone(self, cfg: DictConfig, begin: Begin) -> None:
        other = begin("2023-01-01_00-00-00")
        with other.locked():
            assert choose_run_folder(cfg, is_given=False).path == Path(cfg.run_dir)
        assert choose_run_folder(cfg, is_given=False).path == other.path

    @pytest.mark.parametrize("content", [b"a: [", b"seed: \x00", b"\xff\xfe", b"- a\n"])
    def test_a_run_whose_configuration_cannot_be_read_is_skipped(
        self, cfg: DictConfig, begin: Begin, caplog: pytest.LogCaptureFixture, content: bytes
    ) -> None:
        unfinished = begin("2023-01-01_00-00-00")
        broken = begin("2023-02-01_00-00-00")
        broken.config_file.write_bytes(content)
        assert choose_run_folder(cfg, is_given=False).path == unfinished.path
        (message,) = caplog.messages
        assert message.startswith(
            f"seqtrain: warning: skipped in the search for a run to resume: {broken.config_file}:"
        )

    def test_a_run_that_starts_from_a_checkpoint_is_a_new_one(self, cfg: DictConfig, begin: Begin) -> None:
        begin("2023-01-01_00-00-00")
        cfg.checkpoint = "somewhere.ckpt"
        assert choose_run_folder(cfg, is_given=False).path == Path(cfg.run_dir)

    def test_what_is_no_folder_cannot_hold_one(self, cfg: DictConfig, tmp_path: Path) -> None:
        (tmp_path / "runs").write_text("")
        message = rf"run_dir: {cfg.run_dir} cannot be made: (File exists|Not a directory)"
        with pytest.raises(ConfigError, match=message):
            choose_run_folder(cfg, is_given=False)


class TestGivenFolder:
    def refusal(self, cfg: DictConfig) -> str:
        with pytest.raises(ConfigError) as caught:
            choose_run_folder(cfg, is_given=True)
        lines = str(caught.value).splitlines()
        assert len(lines) == 2
        return lines[1].strip().replace(str(cfg.run_dir), "DIR")

    def test_a_new_one_is_not_made_before_all_is_checked(self, cfg: DictConfig) -> None:
        assert choose_run_folder(cfg, is_given=True).path == Path(cfg.run_dir)
        assert not Path(cfg.run_dir).exists()

    def test_an_empty_one_will_do(self, cfg: DictConfig) -> None:
        Path(cfg.run_dir).mkdir(parents=True)
        assert choose_run_folder(cfg, is_given=True).path == Path(cfg.run_dir)

    def test_its_unfinished_run_goes_on(self, cfg: DictConfig, begin: Begin) -> None:
        begin(Path(cfg.run_dir).name)
        assert choose_run_folder(cfg, is_given=True).path == Path(cfg.run_dir)

    def test_a_finished_run(self, cfg: DictConfig, begin: Begin) -> None:
        begin(Path(cfg.run_dir).name).write_metrics({})
        assert self.refusal(cfg) == (
            "run_dir: DIR holds a finished run; give another folder, "
            "or evaluate this one with `seqtrain evaluate DIR`"
        )

    def test_an_unfinished_run_of_another_configuration(self, cfg: DictConfig, begin: Begin) -> None:
        begin(Path(cfg.run_dir).name, seed=1, model={"hidden_size": 5})
        assert self.refusal(cfg) == (
            "run_dir: DIR holds an unfinished run of another configuration (it differs in model.hidden_size, "
            "seed); repeat its command to resume it, or give another folder"
        )

    @pytest.mark.parametrize("name", [".lock", "config.yaml.partial", "train.log"])
    def test_a_folder_whose_first_process_was_killed(self, cfg: DictConfig, name: str) -> None:
        Path(cfg.run_dir).mkdir(parents=True)
        (Path(cfg.run_dir) / name).touch()
        assert choose_run_folder(cfg, is_given=True).path == Path(cfg.run_dir)

    def test_a_configuration_that_cannot_be_read(self, cfg: DictConfig, begin: Begin) -> None:
        begin(Path(cfg.run_dir).name).config_file.write_text("a: [")
        with pytest.raises(ConfigError, match=r"config\.yaml:\d: "):
            choose_run_folder(cfg, is_given=True)

    def test_a_name_that_is_too_long(self, cfg: DictConfig) -> None:
        cfg.run_dir = str(Path(cfg.run_dir).with_name("a" * 300))
        folder = choose_run_folder(cfg, is_given=True)
        with pytest.raises(ConfigError, match="cannot be made: File name too long"), folder.locked():
            pass
        with pytest.raises(ConfigError, match="cannot be made: File name too long"):
            choose_run_folder(cfg, is_given=False)

    @pytest.mark.parametrize("kind", ["file", "folder"])
    def test_something_else(self, cfg: DictConfig, kind: str) -> None:
        path = Path(cfg.run_dir)
        (path if kind == "folder" else path.parent).mkdir(parents=True)
        (path / "photo.png" if kind == "folder" else path).write_text("")
        assert self.refusal(cfg) == "run_dir: DIR exists and is not a run folder; give another one"


class TestChosenFolder:
    def test_it_is_held(self, cfg: DictConfig) -> None:
        with chosen_folder(cfg, is_given=False) as folder:
            assert RunFolder(folder.path).is_locked_elsewhere()
        assert not folder.path.exists()  # nothing was written

    @pytest.mark.parametrize("finish", [False, True])
    def test_an_unfinished_run_that_another_start_takes_first(
        self, cfg: DictConfig, begin: Begin, monkeypatch: pytest.MonkeyPatch, finish: bool
    ) -> None:
        """Between the choice and the lock another process takes the run, and may even finish it."""
        other = begin("2023-01-01_00-00-00")
        with ExitStack() as stack:

            def choose_too_early(*_: object) -> RunFolder:
                monkeypatch.undo()
                if finish:
                    other.write_metrics({})
                else:
                    stack.enter_context(other.locked())
                return RunFolder(other.path)

            monkeypatch.setattr(find, "choose_run_folder", choose_too_early)
            with chosen_folder(cfg, is_given=False) as folder:
                assert folder.path == Path(cfg.run_dir)

    def test_a_given_folder_that_is_held_is_refused(self, cfg: DictConfig, begin: Begin) -> None:
        other = begin(Path(cfg.run_dir).name)
        with (
            other.locked(),
            pytest.raises(ConfigError, match="is being written by another process"),
            chosen_folder(cfg, is_given=True),
        ):
            pass
